CREATE FUNCTION pov.state(snapshot_id integer) RETURNS SETOF pov.live_object
LANGUAGE sql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  SELECT o.kind || ' ' || o.identity, o.objectid, o.kind, o.identity, o.content, o.needs,
    NULL::text[], NULL::oid, NULL::oid, NULL::oid
  FROM pov.snapshot AS s
  JOIN pov.revision_object USING (revisionid)
  JOIN pov.object AS o USING (objectid)
  WHERE s.snapshotid = snapshot_id
  UNION ALL
  SELECT l.* FROM pov.live() AS l WHERE snapshot_id IS NULL
$function$;

COMMENT ON FUNCTION pov.state(integer) IS 'The objects of a snapshot as pov.live() has the live ones, without grantees; of NULL those themselves.';
