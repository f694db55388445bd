CREATE FUNCTION pov.compare(snapshot_id integer) RETURNS SETOF pov.pair
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.compare(ARRAY(SELECT l FROM pov.live() AS l), ARRAY(SELECT s FROM pov.state(snapshot_id) AS s))
$function$;

COMMENT ON FUNCTION pov.compare(integer) IS 'The live objects beside those of a snapshot.';
