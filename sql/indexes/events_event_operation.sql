CREATE INDEX events_event_operation ON public.events ((event #>> '{operation}'));
