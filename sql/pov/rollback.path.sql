CREATE FUNCTION pov.rollback(snapshot_id integer, caller_path text, OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  previous_timeout text := current_setting('lock_timeout');
  asked text;
  live pov.live_object[];
  deeds pov.deed[];
  faults text;
  loss record;
BEGIN
  PERFORM pov.take_turn();
  SELECT s.revisionid INTO asked FROM pov.snapshot AS s WHERE s.snapshotid = snapshot_id;
  IF asked IS NULL THEN
    RAISE EXCEPTION 'There is no snapshot %', coalesce(snapshot_id::text, 'NULL')
      USING ERRCODE = 'SL070', HINT = 'SELECT * FROM pov.history shows the snapshots.';
  END IF;
  IF previous_timeout = '0' THEN
    PERFORM set_config('lock_timeout', '5s', true);
  END IF;
  live := pov.live_in_time();
  deeds := ARRAY(SELECT d FROM pov.deeds(live, snapshot_id) AS d);
  SELECT string_agg(format('%s: %s', r.identity, r.reason), E'\n' ORDER BY r.identity, r.reason)
  INTO faults FROM pov.refusals(deeds) AS r;
  IF faults IS NOT NULL THEN
    RAISE EXCEPTION 'Going back to snapshot % is refused; nothing was changed', snapshot_id
      USING ERRCODE = 'SL072', DETAIL = faults, HINT = 'Put right what the detail names, or go back to another snapshot.';
  END IF;
  FOR loss IN SELECT * FROM pov.losses(deeds) LOOP
    RAISE WARNING 'Table % is younger than snapshot %, and loses %', loss.relation, snapshot_id, loss.objects;
  END LOOP;

  -- What is live now and in no snapshot yet can be had again.
  PERFORM pov.store(live, format('before the rollback to %s', snapshot_id));
  IF deeds <> '{}' THEN
    PERFORM pov.execute(deeds, caller_path);
    live := pov.live_after(live, deeds);
  END IF;
  SELECT s._snapshotid, s._revisionid INTO _snapshotid, _revisionid FROM pov.store(live, format('rollback to %s', snapshot_id)) AS s;
  IF _revisionid <> asked THEN
    SELECT string_agg(c.key, ', ' ORDER BY c.key) INTO faults
    FROM pov.compare(live, ARRAY(SELECT s FROM pov.state(snapshot_id) AS s)) AS c WHERE c.action <> 'keep';
    RAISE EXCEPTION 'Snapshot % could not be reached; nothing was changed', snapshot_id
      USING ERRCODE = 'SL075', DETAIL = 'These would differ: ' || faults,
        HINT = 'Something that is no part of snapshots, such as a table''s columns, has changed since; bring that back first.';
  END IF;
  PERFORM set_config('lock_timeout', previous_timeout, true);
END;
$function$;

COMMENT ON FUNCTION pov.rollback(integer, text) IS
  'Goes back to a snapshot; what that runs, such as a check constraint over the rows, finds its names by the caller''s path.';
