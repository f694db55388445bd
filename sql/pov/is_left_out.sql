CREATE FUNCTION pov.is_left_out(schema_name name) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN schema_name IN ('pg_catalog', 'information_schema', 'pov') OR schema_name LIKE 'pg\_%';

COMMENT ON FUNCTION pov.is_left_out(name) IS 'Whether the objects of a schema are never part of a snapshot.';
