CREATE TYPE stored_event AS (id bigint, ts timestamp with time zone, event jsonb);

COMMENT ON TYPE stored_event IS 'An event as the source has it.';
