CREATE INDEX events_ts ON public.events (ts);
