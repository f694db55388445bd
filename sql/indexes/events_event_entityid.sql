CREATE INDEX events_event_entityid ON public.events ((event #>> '{entityId}'));
