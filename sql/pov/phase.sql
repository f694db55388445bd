CREATE FUNCTION pov.phase(kind text) RETURNS integer
LANGUAGE sql IMMUTABLE
RETURN coalesce(1 + pg_catalog.array_position(
  ARRAY['default', 'rule', 'constraint', 'trigger', 'policy', 'row security', 'default privileges', 'event trigger'], kind), 1);

COMMENT ON FUNCTION pov.phase(text) IS
  'Which kinds are made first: nothing of an earlier phase ever depends on an object of a later one.';
