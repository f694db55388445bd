CREATE FUNCTION pov.compare_between(from_id integer, to_id integer) RETURNS SETOF pov.pair
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.compare(ARRAY(SELECT f FROM pov.state(from_id) AS f), ARRAY(SELECT t FROM pov.state(to_id) AS t))
$function$;

COMMENT ON FUNCTION pov.compare_between(integer, integer) IS
  'The objects of one snapshot beside those of another, as pov.compare has the live ones; NULL is what is live.';
