CREATE FUNCTION pov.state(snapshot_id integer) RETURNS SETOF pov.live_object
LANGUAGE sql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  SELECT o.kind || ' ' || o.identity, o.objectid, o.kind, o.identity, o.content, o.needs,
    ARRAY(SELECT r FROM jsonb_array_elements_text(o.content -> 'roles' || jsonb_build_array('PUBLIC', quote_ident(o.content ->> 'owner'))) AS r
      WHERE r IS NOT NULL GROUP BY r ORDER BY r COLLATE "C"),
    NULL::oid, NULL::oid, NULL::oid
  FROM pov.snapshot AS s
  JOIN pov.revision_object USING (revisionid)
  JOIN pov.object AS o USING (objectid)
  WHERE s.snapshotid = snapshot_id
  UNION ALL
  SELECT l.* FROM pov.live() AS l WHERE snapshot_id IS NULL
$function$;

COMMENT ON FUNCTION pov.state(integer) IS 'The objects of a snapshot as pov.live() has the live ones; of NULL those themselves.';
