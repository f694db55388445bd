CREATE FUNCTION public.append_events(
  events jsonb,
  OUT first_id bigint, OUT last_id bigint, OUT ts timestamp with time zone
)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  event_count integer;
BEGIN
  IF jsonb_typeof(events) IS DISTINCT FROM 'array' THEN
    RAISE EXCEPTION 'Events to append are not a JSON array but %', coalesce(jsonb_typeof(events), 'NULL')
      USING ERRCODE = 'SL021', HINT = 'One event is an array of one.';
  END IF;
  event_count := jsonb_array_length(events);
  IF event_count = 0 THEN
    RAISE EXCEPTION 'No events to append' USING ERRCODE = 'SL022', HINT = 'The JSON array has no element.';
  END IF;

  SELECT i.first_id, i.first_id + event_count - 1, i.ts
  INTO first_id, last_id, ts
  FROM slate.take_ids(event_count) AS i;
  INSERT INTO public.events (id, ts, event)
  SELECT append_events.first_id + e.position - 1, append_events.ts, e.event
  FROM jsonb_array_elements(append_events.events) WITH ORDINALITY AS e (event, position);
END;
$function$;

COMMENT ON FUNCTION public.append_events(jsonb) IS
  'Stores the elements of a JSON array as events, in its order. Returns the first and the last id that they got, '
  'and their ts. SL021: not an array. SL022: an empty one. SL002, SL003: table id does not fit events. SL004: the source is being recovered.';
