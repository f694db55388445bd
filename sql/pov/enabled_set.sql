CREATE FUNCTION pov.enabled_set(kind text, relation text, name name, state "char") RETURNS text[]
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN state = 'O' THEN '{}' ELSE ARRAY[pg_catalog.format('ALTER TABLE %s %s %s %I', relation,
  CASE state WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, kind, name)] END;

COMMENT ON FUNCTION pov.enabled_set(text, text, name, "char") IS
  'What brings a new trigger or rule to its enabled state; nothing where that is the usual one.';
