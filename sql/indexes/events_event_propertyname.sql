CREATE INDEX events_event_propertyname ON public.events ((event #>> '{propertyName}'));
