CREATE INDEX events_event_entityname ON public.events ((event #>> '{entityName}'));
