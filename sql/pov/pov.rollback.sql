-- No search_path of its own: that of the caller is what the rollback needs.
CREATE FUNCTION public.pov(snapshot_id integer, OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE sql VOLATILE
AS $function$
  SELECT r._snapshotid, r._revisionid FROM pov.rollback(snapshot_id) AS r
$function$;
REVOKE ALL ON FUNCTION public.pov(integer) FROM PUBLIC;

COMMENT ON FUNCTION public.pov(integer) IS
  'Goes back to a snapshot without touching data, and returns the snapshot that stands for that. SL070 to SL076.';
