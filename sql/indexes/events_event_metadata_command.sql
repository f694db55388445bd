CREATE INDEX events_event_metadata_command ON public.events ((event #>> '{metadata,command}'));
