CREATE FUNCTION pov.state(
  snapshot_id integer, OUT key text, OUT objectid text, OUT kind text, OUT identity text, OUT content jsonb,
  OUT grantees text[], OUT class_id oid, OUT object_id oid
) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  SELECT l.key, l.objectid, l.kind, l.identity, l.content, l.grantees, l.class_id, l.object_id
  FROM pov.live() AS l
  WHERE snapshot_id IS NULL
  UNION ALL
  SELECT o.kind || ' ' || o.identity, o.objectid, o.kind, o.identity, o.content, pov.stored_grantees(o.content), NULL, NULL
  FROM pov.snapshot AS s
  JOIN pov.revision_object USING (revisionid)
  JOIN pov.object AS o USING (objectid)
  WHERE s.snapshotid = snapshot_id
$function$;

COMMENT ON FUNCTION pov.state(integer) IS 'The objects of a snapshot as pov.live() has the live ones; of NULL those themselves.';
