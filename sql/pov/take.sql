CREATE FUNCTION pov.take(note text DEFAULT NULL, OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  active pov.snapshot;
BEGIN
  PERFORM pov.take_turn();
  WITH live AS MATERIALIZED (
    SELECT * FROM pov.live()
  ), new_object AS (
    INSERT INTO pov.object (objectid, kind, identity, content)
    SELECT l.objectid, l.kind, l.identity, l.content FROM live AS l
    WHERE NOT EXISTS (SELECT FROM pov.object AS o WHERE o.objectid = l.objectid)
  ), found AS MATERIALIZED (
    SELECT encode(sha256(convert_to(coalesce(string_agg(l.objectid, E'\n' ORDER BY l.objectid COLLATE "C"), ''), 'UTF8')), 'hex')
      AS revisionid
    FROM live AS l
  ), new_revision AS (
    INSERT INTO pov.revision (revisionid)
    SELECT f.revisionid FROM found AS f WHERE NOT EXISTS (SELECT FROM pov.revision AS r WHERE r.revisionid = f.revisionid)
    RETURNING revisionid
  ), new_member AS (
    INSERT INTO pov.revision_object (revisionid, objectid)
    SELECT r.revisionid, l.objectid FROM new_revision AS r, live AS l
  )
  SELECT f.revisionid INTO _revisionid FROM found AS f;

  SELECT * INTO active FROM pov.snapshot ORDER BY snapshotid DESC LIMIT 1;
  IF active.revisionid = _revisionid THEN
    _snapshotid := active.snapshotid;
  ELSE
    _snapshotid := coalesce(active.snapshotid, 0) + 1;
    INSERT INTO pov.snapshot (snapshotid, revisionid, note) VALUES (_snapshotid, _revisionid, take.note);
  END IF;
END;
$function$;

COMMENT ON FUNCTION pov.take(text) IS
  'Takes a snapshot of everything that is not data. Stores nothing when nothing changed since the active snapshot, '
  'and returns that. SL071: another snapshot or rollback is at work.';
