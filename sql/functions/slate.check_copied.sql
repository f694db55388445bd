CREATE FUNCTION slate.check_copied() RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  expected bigint := (SELECT r.last_id FROM slate.recovery AS r);
  found record;
BEGIN
  SELECT count(*) AS events, min(e.id) AS lowest, max(e.id) AS highest INTO found FROM public.events AS e;
  IF (found.events, found.lowest, found.highest) IS DISTINCT FROM (expected, 1::bigint, expected) THEN
    RAISE EXCEPTION 'The Source events table has % events, ids % to %, instead of 1 to %', found.events, found.lowest, found.highest, expected
      USING ERRCODE = 'SL042', HINT = 'Somebody else wrote to it. Set it aside with --replace and begin again.';
  END IF;
  IF EXISTS (SELECT FROM slate.recovery_command) THEN
    RAISE EXCEPTION 'Not all indexes of the Source events table are back'
      USING ERRCODE = 'SL043', HINT = 'Let the recovery go on with slate-recover --resume.';
  END IF;
  UPDATE slate.recovery SET next_id = expected + 1;
  RETURN expected;
END;
$function$;

COMMENT ON FUNCTION slate.check_copied() IS
  'Makes sure that a recovery by copy has stored what it was to, and says so in its journal. Returns the number of '
  'events. SL042: other events are there. SL043: indexes are still set aside.';
