-- Replacing a function in place, or giving it another owner, grants or comment, changes nothing else: then those functions
-- alone are read again, which takes a tenth of the time. Event triggers could do anything.
CREATE FUNCTION pov.live_after(before pov.live_object[], deeds pov.deed[]) RETURNS pov.live_object[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  functions oid[] := ARRAY(SELECT d.object_id FROM unnest(deeds) AS d);
BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger) OR EXISTS (
    SELECT FROM unnest(deeds) AS d WHERE d.kind <> 'function' OR d.in_the_way OR d.action NOT IN ('replace', 'alter')
  ) THEN
    RETURN pov.live_in_time();
  END IF;
  RETURN ARRAY(
    SELECT b FROM unnest(before) AS b WHERE b.object_id <> ALL (functions) OR b.kind <> 'function'
    UNION ALL
    SELECT l FROM pov.live(functions, before) AS l);
END;
$function$;

COMMENT ON FUNCTION pov.live_after(pov.live_object[], pov.deed[]) IS
  'Every live object that is part of a snapshot, after the deeds of a rollback; before: what was live before them.';
