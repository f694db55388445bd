CREATE FUNCTION pov.live_items(only_functions oid[]) RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.live_functions(only_functions)
  UNION ALL SELECT * FROM pov.live_aggregates() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_operators() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_casts() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_conversions() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_text_search() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_views() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_rules() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_triggers() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_constraints() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_defaults() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_policies() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_default_privileges() WHERE only_functions IS NULL
  UNION ALL SELECT * FROM pov.live_event_triggers() WHERE only_functions IS NULL
$function$;

COMMENT ON FUNCTION pov.live_items(oid[]) IS
  'Every live object that is part of a snapshot, as its kind finds it, or only some functions.';
