CREATE FUNCTION pov.compare(snapshot_id integer) RETURNS SETOF pov.pair
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.compare(snapshot_id, ARRAY(SELECT l FROM pov.live() AS l))
$function$;

COMMENT ON FUNCTION pov.compare(integer) IS 'The live objects beside those of a snapshot.';
