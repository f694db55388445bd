CREATE FUNCTION pov.plan_between(
  from_id integer, to_id integer, OUT step integer, OUT action text, OUT kind text, OUT identity text, OUT command text
) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.plan(ARRAY(SELECT d FROM pov.deeds(ARRAY(SELECT f FROM pov.state(from_id) AS f), to_id) AS d))
$function$;

COMMENT ON FUNCTION pov.plan_between(integer, integer) IS
  'The commands that lead from one snapshot to another, in their order; NULL is what is live.';
