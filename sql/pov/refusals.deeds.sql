CREATE FUNCTION pov.refusals(deeds pov.deed[], OUT identity text, OUT reason text) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT r.*
  FROM (
    SELECT * FROM pov.tied(deeds)
    UNION SELECT * FROM pov.missing(deeds)
    UNION SELECT * FROM pov.forbidden(deeds)
  ) AS r
  ORDER BY r.identity COLLATE "C", r.reason COLLATE "C"
$function$;

COMMENT ON FUNCTION pov.refusals(pov.deed[]) IS 'What stands against the deeds of a rollback.';
