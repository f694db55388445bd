CREATE FUNCTION slate.transaction_ts(previous_id bigint) RETURNS timestamp with time zone
LANGUAGE plpgsql VOLATILE
-- A writer needs no right to read events; this reads one row for it, and tells nothing of its event.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  not_before CONSTANT timestamp with time zone := greatest(clock_timestamp(), transaction_timestamp());
  previous record;
BEGIN
  IF previous_id = 0 THEN
    RETURN not_before;
  END IF;
  SELECT e.ts, e.xmin INTO previous FROM public.events AS e WHERE e.id = previous_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'Table id says that event % is the last one, but there is no such event', previous_id
      USING ERRCODE = 'SL003',
            HINT = 'Writing on would leave a gap. Compare table id with the highest id in events.';
  END IF;
  IF previous.ts >= transaction_timestamp() AND slate.is_current_transaction(previous.xmin) THEN
    RETURN previous.ts;
  END IF;
  RETURN greatest(not_before, previous.ts + interval '1 microsecond');
END;
$function$;

COMMENT ON FUNCTION slate.transaction_ts(bigint) IS
  'The ts for events that follow event previous_id (0: none). To be called with the row of table id locked. '
  'The ts of that event where the current transaction stored it; else the clock, but always later than that event. '
  'SL003: there is no event previous_id.';
