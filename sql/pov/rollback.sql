-- No search_path of its own: that of the caller is what the rollback needs.
CREATE FUNCTION pov.rollback(snapshot_id integer, OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT r._snapshotid, r._revisionid FROM pov.rollback(snapshot_id, pg_catalog.current_setting('search_path')) AS r;
END;

COMMENT ON FUNCTION pov.rollback(integer) IS
  'Goes back to a snapshot without touching data. All of it happens, or nothing. Returns the snapshot that stands for it. '
  'SL070: no such snapshot. SL071: another is at work. SL072: refused. SL073: a lock was not had in time. '
  'SL074: a command failed. SL075: the end state differs. SL076: another session changed the same object.';
