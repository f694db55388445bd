CREATE SCHEMA slate;

COMMENT ON SCHEMA slate IS 'What the functions of the event store share. Not an interface: call those in public.';

-- The functions in public run with their caller's rights, so the caller must reach what they call.
GRANT USAGE ON SCHEMA slate TO PUBLIC;
