CREATE FUNCTION pov.take(note text DEFAULT NULL, OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM pov.take_turn();
  SELECT s._snapshotid, s._revisionid INTO _snapshotid, _revisionid
  FROM pov.store(ARRAY(SELECT l FROM pov.live() AS l), take.note) AS s;
END;
$function$;

COMMENT ON FUNCTION pov.take(text) IS
  'Takes a snapshot of everything that is not data. Stores nothing when nothing changed since the active snapshot, '
  'and returns that. SL071: another snapshot or rollback is at work.';
