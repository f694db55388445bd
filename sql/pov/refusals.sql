CREATE FUNCTION pov.refusals(snapshot_id integer, OUT identity text, OUT reason text) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.refusals(ARRAY(SELECT d FROM pov.deeds(ARRAY(SELECT l FROM pov.live() AS l), snapshot_id) AS d))
$function$;

COMMENT ON FUNCTION pov.refusals(integer) IS
  'What stands against going back to a snapshot: objects that cannot be, or may not be, changed, and why. No row: nothing.';
