CREATE FUNCTION pov.phase(kind text) RETURNS integer
LANGUAGE sql IMMUTABLE
RETURN CASE
  WHEN kind IN ('function', 'aggregate', 'view') THEN 1
  ELSE 1 + pg_catalog.array_position(
    ARRAY['default', 'rule', 'constraint', 'trigger', 'policy', 'row security', 'event trigger'], kind)
END;

COMMENT ON FUNCTION pov.phase(text) IS
  'Which kinds are made first: nothing of an earlier phase ever depends on an object of a later one.';
