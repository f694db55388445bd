CREATE FUNCTION pov.prune(snapshot_ids integer[], OUT snapshots integer, OUT revisions integer, OUT objects integer) RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  active integer;
BEGIN
  PERFORM pov.take_turn();
  SELECT max(s.snapshotid) INTO active FROM pov.snapshot AS s;
  IF active = ANY (snapshot_ids) THEN
    RAISE EXCEPTION 'Snapshot % is the active one; nothing was removed', active
      USING ERRCODE = 'SL082', HINT = 'It stays until another one is taken.';
  END IF;
  DELETE FROM pov.snapshot AS s WHERE s.snapshotid = ANY (snapshot_ids);
  GET DIAGNOSTICS snapshots = ROW_COUNT;
  DELETE FROM pov.revision AS r WHERE NOT EXISTS (SELECT FROM pov.snapshot AS s WHERE s.revisionid = r.revisionid);
  GET DIAGNOSTICS revisions = ROW_COUNT;
  DELETE FROM pov.object AS o WHERE NOT EXISTS (SELECT FROM pov.revision_object AS m WHERE m.objectid = o.objectid);
  GET DIAGNOSTICS objects = ROW_COUNT;
END;
$function$;

COMMENT ON FUNCTION pov.prune(integer[]) IS
  'Removes snapshots, and the revisions and objects that no other one has. Returns how many of each. '
  'SL071: another snapshot or rollback is at work. SL082: one is the active snapshot.';
