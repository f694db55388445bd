CREATE FUNCTION read_entity(entity_name text, entity_id text) RETURNS SETOF slate_api.stored_event
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
  -- The paths are those of the indexes of events.
  SELECT e.id, e.ts, e.event::jsonb FROM public.events AS e
  WHERE e.event #>> '{entityName}' = read_entity.entity_name AND e.event #>> '{entityId}' = read_entity.entity_id
  ORDER BY e.id;
$function$;

COMMENT ON FUNCTION read_entity(text, text) IS 'All events of one entity, the oldest first.';
