CREATE TABLE slate.recovery (
  singleton boolean NOT NULL DEFAULT true,
  method text NOT NULL,
  backup jsonb NOT NULL,
  last_id bigint NOT NULL,
  next_id bigint,
  notify_command text,
  started_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT recovery_pkey PRIMARY KEY (singleton),
  CONSTRAINT recovery_singleton CHECK (singleton)
);

COMMENT ON TABLE slate.recovery IS 'One row while a recovery of this source is under way. As long as it is there, public.id is empty and writers are refused.';
COMMENT ON COLUMN slate.recovery.method IS 'restore-events or copy.';
COMMENT ON COLUMN slate.recovery.backup IS 'Which database the events come from: system_identifier and database_oid as text, place for people.';
COMMENT ON COLUMN slate.recovery.last_id IS 'The last event to be recovered.';
COMMENT ON COLUMN slate.recovery.next_id IS 'The id that the next event will get; null until all events are there.';
COMMENT ON COLUMN slate.recovery.notify_command IS 'What makes the trigger notify_insert what it was; null where it was not touched.';
