CREATE FUNCTION slate.partition_size() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN :'partition_size'::bigint;

COMMENT ON FUNCTION slate.partition_size() IS 'How many ids a partition of events has. Never to be changed.';
