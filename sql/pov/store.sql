CREATE FUNCTION pov.store(live pov.live_object[], note text, OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  active pov.snapshot;
BEGIN
  SELECT encode(sha256(convert_to(coalesce(string_agg(l.objectid, E'\n' ORDER BY l.objectid COLLATE "C"), ''), 'UTF8')), 'hex')
  INTO _revisionid FROM unnest(live) AS l;
  SELECT * INTO active FROM pov.snapshot AS s ORDER BY s.snapshotid DESC LIMIT 1;
  IF active.revisionid = _revisionid THEN
    _snapshotid := active.snapshotid;
    RETURN;
  END IF;

  INSERT INTO pov.revision (revisionid) VALUES (_revisionid) ON CONFLICT (revisionid) DO NOTHING;
  -- Of a revision that was there before, all objects are stored.
  IF FOUND THEN
    INSERT INTO pov.object (objectid, kind, identity, content, needs)
    SELECT l.objectid, l.kind, l.identity, l.content, l.needs FROM unnest(live) AS l
    ON CONFLICT (objectid) DO NOTHING;
    INSERT INTO pov.revision_object (revisionid, objectid) SELECT _revisionid, l.objectid FROM unnest(live) AS l;
  END IF;
  _snapshotid := coalesce(active.snapshotid, 0) + 1;
  INSERT INTO pov.snapshot (snapshotid, revisionid, note, tables)
  VALUES (_snapshotid, _revisionid, store.note,
    ARRAY(SELECT r.name FROM pov.live_relation AS r WHERE r.relkind <> 'v' ORDER BY r.name COLLATE "C"));
END;
$function$;

COMMENT ON FUNCTION pov.store(pov.live_object[], text) IS
  'Stores the live objects as a snapshot; the objects and the revision that are stored already, only once.';
