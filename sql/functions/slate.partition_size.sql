CREATE FUNCTION slate.partition_size() RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RETURN :'partition_size';
END;
$function$;

COMMENT ON FUNCTION slate.partition_size() IS 'How many ids a partition of events has. Never to be changed.';
