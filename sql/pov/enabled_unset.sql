CREATE FUNCTION pov.enabled_unset(kind text, relation text, name name, state "char") RETURNS text[]
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN state = 'O' THEN '{}'
  ELSE ARRAY[pg_catalog.format('ALTER TABLE %s ENABLE %s %I', relation, kind, name)] END;

COMMENT ON FUNCTION pov.enabled_unset(text, text, name, "char") IS
  'What brings a trigger or rule back to the usual enabled state; nothing where it has that.';
