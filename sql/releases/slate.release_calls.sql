CREATE TABLE slate.release_calls (
  schema_name text NOT NULL,
  first_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  last_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  counts jsonb NOT NULL,
  called jsonb NOT NULL,
  tracking text NOT NULL,
  counted_since timestamp with time zone,
  CONSTRAINT release_calls_pkey PRIMARY KEY (schema_name, first_at)
);

COMMENT ON TABLE slate.release_calls IS 'Samples of pg_stat_user_functions. A sample that shows nothing new only moves last_at.';
COMMENT ON COLUMN slate.release_calls.counts IS 'Calls of each function so far, by name and argument types.';
COMMENT ON COLUMN slate.release_calls.called IS 'What was called since the sample before, and how often.';
COMMENT ON COLUMN slate.release_calls.tracking IS 'track_functions at the time: none, pl or all.';
COMMENT ON COLUMN slate.release_calls.counted_since IS 'When the server last began to count from zero.';
