CREATE FUNCTION pov.rollback(snapshot_id integer, OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  asked text;
  faults text;
BEGIN
  PERFORM pov.take_turn();
  SELECT s.revisionid INTO asked FROM pov.snapshot AS s WHERE s.snapshotid = snapshot_id;
  IF asked IS NULL THEN
    RAISE EXCEPTION 'There is no snapshot %', coalesce(snapshot_id::text, 'NULL')
      USING ERRCODE = 'SL070', HINT = 'SELECT * FROM pov.history shows the snapshots.';
  END IF;
  SELECT string_agg(format('%s: %s', r.identity, r.reason), E'\n' ORDER BY r.identity, r.reason)
  INTO faults FROM pov.refusals(snapshot_id) AS r;
  IF faults IS NOT NULL THEN
    RAISE EXCEPTION 'Going back to snapshot % is refused; nothing was changed', snapshot_id
      USING ERRCODE = 'SL072', DETAIL = faults, HINT = 'Put right what the detail names, or go back to another snapshot.';
  END IF;

  -- What is live now and in no snapshot yet can be had again.
  PERFORM pov.take(format('before the rollback to %s', snapshot_id));
  PERFORM pov.execute(snapshot_id);

  SELECT t._snapshotid, t._revisionid INTO _snapshotid, _revisionid
  FROM pov.take(format('rollback to %s', snapshot_id)) AS t;
  IF _revisionid <> asked THEN
    SELECT string_agg(c.key, ', ' ORDER BY c.key) INTO faults FROM pov.compare(snapshot_id) AS c WHERE c.action <> 'keep';
    RAISE EXCEPTION 'Snapshot % could not be reached; nothing was changed', snapshot_id
      USING ERRCODE = 'SL075', DETAIL = 'These would differ: ' || faults,
        HINT = 'Something that is no part of snapshots, such as a table''s columns, has changed since; bring that back first.';
  END IF;
END;
$function$;

COMMENT ON FUNCTION pov.rollback(integer) IS
  'Goes back to a snapshot without touching data. All of it happens, or nothing. Returns the snapshot that stands for it. '
  'SL070: no such snapshot. SL071: another is at work. SL072: refused. SL073: a lock was not had in time. '
  'SL074: a command failed. SL075: the end state differs.';
