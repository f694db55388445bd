CREATE FUNCTION slate.load_events(connections text[], first_id bigint, last_id bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  -- Memory holds one piece. 200 to 3000 were equally fast for events of 350 bytes; events may be large.
  piece CONSTANT integer := 200;
  query CONSTANT text := 'SELECT id, ts, event FROM public.events WHERE id >= %s AND id < %s ORDER BY id';
  reading text := connections[1];
  fetching text := connections[2];
  loaded bigint := 0;
  inserted bigint;
BEGIN
  PERFORM public.dblink_send_query(reading, format(query, first_id, least(first_id + piece, last_id + 1)));
  FOR next_id IN first_id + piece .. last_id + piece BY piece LOOP
    -- The backup gets the next piece ready on one connection while this one is stored from the other.
    PERFORM public.dblink_send_query(fetching, format(query, next_id, least(next_id + piece, last_id + 1)));
    -- As text, since dblink keeps what parsing leaves behind until the piece ends.
    INSERT INTO public.events (id, ts, event)
    SELECT b.id, b.ts, b.event::jsonb
    FROM public.dblink_get_result(reading) AS b (id bigint, ts timestamp with time zone, event text);
    GET DIAGNOSTICS inserted = ROW_COUNT;
    loaded := loaded + inserted;
    PERFORM FROM public.dblink_get_result(reading) AS b (id bigint, ts timestamp with time zone, event text);
    SELECT fetching, reading INTO reading, fetching;
  END LOOP;
  PERFORM FROM public.dblink_get_result(reading) AS b (id bigint, ts timestamp with time zone, event text);
  PERFORM FROM public.dblink_get_result(reading) AS b (id bigint, ts timestamp with time zone, event text);
  RETURN loaded;
END;
$function$;

COMMENT ON FUNCTION slate.load_events(text[], bigint, bigint) IS
  'Inserts the events from first_id to last_id that two dblink connections to the backup read, in turns. '
  'Returns the number of events.';
