CREATE FUNCTION append(events jsonb, OUT first_id bigint, OUT last_id bigint, OUT ts timestamp with time zone)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM public.append_events(append.events);
$function$;

COMMENT ON FUNCTION append(jsonb) IS 'Stores the elements of a JSON array as events, in its order.';
