CREATE FUNCTION pov.plan(
  snapshot_id integer, OUT step integer, OUT action text, OUT kind text, OUT identity text, OUT command text
) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.plan(ARRAY(SELECT d FROM pov.deeds(ARRAY(SELECT l FROM pov.live() AS l), snapshot_id) AS d))
$function$;

COMMENT ON FUNCTION pov.plan(integer) IS
  'The commands that lead from the live objects back to those of a snapshot, in their order: the smallest set that does.';
