CREATE FUNCTION pov.deeds(live pov.live_object[], snapshot_id integer) RETURNS SETOF pov.deed
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH RECURSIVE pair AS MATERIALIZED (
    SELECT * FROM pov.compare(live, ARRAY(SELECT s FROM pov.state(snapshot_id) AS s))
  ), going AS MATERIALIZED (
    SELECT p.key FROM pair AS p WHERE p.action IN ('remake', 'remove early')
  ), live_edge AS MATERIALIZED (
    SELECT p.key, d AS on_key FROM pair AS p, jsonb_array_elements_text(p.live -> 'depends') AS d WHERE EXISTS (SELECT FROM going)
  ), in_the_way AS (
    -- What must go first, and everything that stands on it.
    SELECT g.key FROM going AS g
    UNION
    SELECT e.key FROM in_the_way AS w JOIN live_edge AS e ON e.on_key = w.key
  )
  SELECT p.*, w.key IS NOT NULL,
    p.live IS NOT NULL AND (w.key IS NOT NULL OR p.action = 'remove late'),
    p.stored IS NOT NULL AND (w.key IS NOT NULL OR p.action IN ('create', 'replace')),
    pov.phase(p.kind),
    snapshot_id IS NOT NULL AND p.stored IS NULL AND p.live ->> 'relation' IS NOT NULL AND p.live ->> 'relation' <> ALL (
        ARRAY(SELECT unnest(s.tables) FROM pov.snapshot AS s WHERE s.snapshotid = snapshot_id))
      AND NOT EXISTS (SELECT FROM pair AS v WHERE v.kind = 'view' AND v.identity = p.live ->> 'relation')
  FROM pair AS p
  LEFT JOIN in_the_way AS w USING (key)
  WHERE p.action <> 'keep' OR w.key IS NOT NULL
$function$;

COMMENT ON FUNCTION pov.deeds(pov.live_object[], integer) IS
  'What a rollback to a snapshot touches, and how: the rest stays as it is.';
