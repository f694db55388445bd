-- Without a DEFAULT partition, which every new one would have to lock and search.
CREATE TABLE public.events (
  id bigint NOT NULL,
  ts timestamp with time zone NOT NULL,
  event jsonb NOT NULL,
  CONSTRAINT events_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);

COMMENT ON TABLE public.events IS 'All events: append-only, ids consecutive from 1. In partitions that slate.add_partitions makes.';
COMMENT ON COLUMN public.events.id IS 'Place of the event in the order of all events, from 1 without a gap.';
COMMENT ON COLUMN public.events.ts IS 'When the transaction that stored the event took its ids, by the source''s clock. One value a transaction, strictly rising from one to the next.';
COMMENT ON COLUMN public.events.event IS 'The event itself, any JSON document.';
