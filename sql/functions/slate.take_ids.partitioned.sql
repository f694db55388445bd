CREATE FUNCTION slate.take_ids(event_count bigint, OUT first_id bigint, OUT ts timestamp with time zone)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- The row lock orders writers until they commit, and lets readers of id pass. Several rows are an error of INTO.
  UPDATE public.id AS next SET id = next.id + event_count RETURNING next.id - event_count INTO first_id;
  IF NOT FOUND THEN
    PERFORM slate.refuse_without_id();
  END IF;
  -- One partition is always ahead, so that only who enters a new one has work to do.
  IF (first_id + event_count - 2) / slate.partition_size() <> (first_id - 2) / slate.partition_size() THEN
    PERFORM slate.add_next_partitions();
  END IF;
  ts := slate.transaction_ts(first_id - 1);
END;
$function$;

COMMENT ON FUNCTION slate.take_ids(bigint) IS
  'Takes the next event_count ids, from first_id on, and the ts for their events, and makes the partitions that they '
  'need. Other writers wait until the transaction ends. SL002, SL004: table id has no row. P0003 or 23505: it has '
  'several. SL003: the event before first_id is missing.';
