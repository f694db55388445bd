CREATE FUNCTION pov.plan(
  snapshot_id integer, OUT step integer, OUT action text, OUT kind text, OUT identity text, OUT command text
) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH RECURSIVE pair AS MATERIALIZED (
    SELECT * FROM pov.compare(snapshot_id)
  ), live_edge AS MATERIALIZED (
    SELECT p.key, d AS on_key FROM pair AS p, jsonb_array_elements_text(p.live -> 'depends') AS d
  ), in_the_way AS (
    -- What must go first, and everything that stands on it.
    SELECT p.key FROM pair AS p WHERE p.action IN ('remake', 'remove early')
    UNION
    SELECT e.key FROM in_the_way AS w JOIN live_edge AS e ON e.on_key = w.key
  ), doing AS MATERIALIZED (
    SELECT p.*, w.key IS NOT NULL AS in_the_way,
      p.live IS NOT NULL AND (w.key IS NOT NULL OR p.action = 'remove late') AS drops,
      p.stored IS NOT NULL AND (w.key IS NOT NULL OR p.action IN ('create', 'replace')) AS makes,
      pov.phase(p.kind) AS phase
    FROM pair AS p
    LEFT JOIN in_the_way AS w USING (key)
    WHERE p.action <> 'keep' OR w.key IS NOT NULL
  ), drop_edge AS MATERIALIZED (
    SELECT e.key, e.on_key FROM live_edge AS e JOIN doing AS a USING (key) JOIN doing AS b ON b.key = e.on_key
    WHERE a.drops AND b.drops
  ), drop_level AS (
    SELECT d.key, 0 AS level FROM doing AS d WHERE d.drops
    UNION
    SELECT e.key, l.level + 1 FROM drop_level AS l JOIN drop_edge AS e ON e.on_key = l.key WHERE l.level < 1000
  ), make_edge AS MATERIALIZED (
    SELECT a.key, d AS on_key FROM doing AS a, jsonb_array_elements_text(a.stored -> 'depends') AS d
    WHERE a.makes AND EXISTS (SELECT FROM doing AS b WHERE b.key = d AND b.makes)
  ), make_level AS (
    SELECT d.key, 0 AS level FROM doing AS d WHERE d.makes
    UNION
    SELECT e.key, l.level + 1 FROM make_level AS l JOIN make_edge AS e ON e.on_key = l.key WHERE l.level < 1000
  ), work AS (
    SELECT CASE WHEN d.in_the_way THEN 1 ELSE 3 END AS stage, -d.phase AS phase,
      -(SELECT max(l.level) FROM drop_level AS l WHERE l.key = d.key) AS level, 'drop' AS action, d.key, d.kind, d.identity,
      ARRAY[d.live ->> 'removal'] AS commands
    FROM doing AS d WHERE d.drops
    UNION ALL
    SELECT 2, d.phase, (SELECT max(l.level) FROM make_level AS l WHERE l.key = d.key),
      CASE WHEN d.action = 'replace' AND NOT d.in_the_way THEN 'replace' ELSE 'create' END, d.key, d.kind, d.identity,
      CASE WHEN d.action = 'replace' AND NOT d.in_the_way
        THEN (d.stored ->> 'definition') || pov.changes(d.live, d.stored, d.grantees)
        ELSE (d.stored ->> 'definition') || pov.dressing(d.stored) END
    FROM doing AS d WHERE d.makes
    UNION ALL
    SELECT 4, d.phase, 0, 'alter', d.key, d.kind, d.identity, pov.changes(d.live, d.stored, d.grantees)
    FROM doing AS d WHERE d.action = 'alter' AND NOT d.in_the_way
  )
  SELECT (row_number() OVER (ORDER BY w.stage, w.phase, w.level, w.key COLLATE "C", c.position))::integer,
    w.action, w.kind, w.identity, c.command
  FROM work AS w, unnest(w.commands) WITH ORDINALITY AS c (command, position)
  ORDER BY 1
$function$;

COMMENT ON FUNCTION pov.plan(integer) IS
  'The commands that lead from the live objects back to those of a snapshot, in their order: the smallest set that does.';
