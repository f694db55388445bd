CREATE FUNCTION pov.prunable(keep integer DEFAULT NULL, older_than interval DEFAULT NULL) RETURNS SETOF pov.snapshot
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF keep IS NULL AND older_than IS NULL OR keep < 1 OR older_than < '0' THEN
    RAISE EXCEPTION 'Which snapshots are to stay is not said'
      USING ERRCODE = 'SL081', HINT = 'keep says how many of the newest stay, 1 or more; older_than how old one is that goes.';
  END IF;
  RETURN QUERY
    SELECT s.* FROM pov.snapshot AS s
    WHERE s.snapshotid NOT IN (
        SELECT n.snapshotid FROM pov.snapshot AS n ORDER BY n.snapshotid DESC LIMIT coalesce(keep, 1))
      AND (older_than IS NULL OR s.taken < clock_timestamp() - older_than)
    ORDER BY s.snapshotid;
END;
$function$;

COMMENT ON FUNCTION pov.prunable(integer, interval) IS
  'The snapshots that are neither among the newest, as many as keep says, nor younger than older_than; never the active one. '
  'SL081: neither was given.';
