CREATE FUNCTION pov.live_items() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.live_functions()
  UNION ALL SELECT * FROM pov.live_aggregates()
  UNION ALL SELECT * FROM pov.live_operators()
  UNION ALL SELECT * FROM pov.live_casts()
  UNION ALL SELECT * FROM pov.live_conversions()
  UNION ALL SELECT * FROM pov.live_text_search()
  UNION ALL SELECT * FROM pov.live_views()
  UNION ALL SELECT * FROM pov.live_rules()
  UNION ALL SELECT * FROM pov.live_triggers()
  UNION ALL SELECT * FROM pov.live_constraints()
  UNION ALL SELECT * FROM pov.live_defaults()
  UNION ALL SELECT * FROM pov.live_policies()
  UNION ALL SELECT * FROM pov.live_default_privileges()
  UNION ALL SELECT * FROM pov.live_event_triggers()
$function$;

COMMENT ON FUNCTION pov.live_items() IS 'Every live object that is part of a snapshot, as its kind finds it.';
