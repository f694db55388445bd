CREATE FUNCTION public.pov(snapshot_id integer, OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.rollback(snapshot_id)
$function$;

COMMENT ON FUNCTION public.pov(integer) IS
  'Goes back to a snapshot without touching data, and returns the snapshot that stands for that. SL070 to SL075.';
