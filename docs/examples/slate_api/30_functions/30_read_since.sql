CREATE FUNCTION read_since(id bigint, at_most integer DEFAULT 1000) RETURNS SETOF slate_api.stored_event
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT e.id, e.ts, e.event::jsonb FROM public.events AS e
  WHERE e.id > read_since.id ORDER BY e.id LIMIT read_since.at_most;
$function$;

COMMENT ON FUNCTION read_since(bigint, integer) IS 'The events behind an id, in order: at_most of them at once.';
