-- Stages: 1 empties functions of a circle, 2 drops what is in the way, 3 makes, 4 and 5 empty and drop what nothing uses
-- any more, 6 alters.
CREATE FUNCTION pov.plan(deeds pov.deed[], OUT step integer, OUT action text, OUT kind text, OUT identity text, OUT command text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH deed AS MATERIALIZED (
    SELECT * FROM unnest(deeds)
  ), drops AS MATERIALIZED (
    SELECT * FROM pov.levels(ARRAY(SELECT ROW(d.key, d.live)::pov.node FROM deed AS d WHERE d.drops))
  ), makes AS MATERIALIZED (
    SELECT * FROM pov.levels(ARRAY(SELECT ROW(d.key, d.stored)::pov.node FROM deed AS d WHERE d.makes))
  ), work (stage, phase, level, last, action, key, kind, identity, commands) AS (
    SELECT CASE WHEN d.in_the_way THEN 1 ELSE 4 END, 0, 0, false, 'replace', d.key, d.kind, d.identity, ARRAY[d.live ->> 'stub']
    FROM deed AS d JOIN drops AS l USING (key) WHERE l.in_circle
    UNION ALL
    -- Views go before what belongs to tables: who reads locks the same way round, so that the two do not wait for each
    -- other. No view tells which casts it uses: they go last, and come first, among those of a level.
    SELECT CASE WHEN d.in_the_way THEN 2 ELSE 5 END,
      CASE WHEN d.phase > 1 THEN 10 - d.phase ELSE 10 END + CASE WHEN l.over_view OR d.kind = 'event trigger' THEN 0 ELSE 10 END,
      -l.level, d.kind = 'cast', 'drop', d.key, d.kind, d.identity,
      ARRAY[(d.live ->> 'removal') || CASE WHEN d.younger THEN ' -- the table is younger than the snapshot' ELSE '' END]
    FROM deed AS d JOIN drops AS l USING (key)
    UNION ALL
    SELECT 3, d.phase, l.level, d.kind <> 'cast', 'create', d.key, d.kind, d.identity, ARRAY[d.stored ->> 'stub']
    FROM deed AS d JOIN makes AS l USING (key) WHERE l.in_circle AND (d.live IS NULL OR d.in_the_way)
    UNION ALL
    SELECT 3, d.phase, CASE WHEN l.in_circle THEN 1000000 ELSE l.level END, d.kind <> 'cast',
      CASE WHEN d.live IS NOT NULL AND NOT d.in_the_way OR l.in_circle THEN 'replace' ELSE 'create' END, d.key, d.kind, d.identity,
      CASE WHEN d.live IS NOT NULL AND NOT d.in_the_way
        THEN (d.stored ->> 'definition') || pov.changes(d.live, d.stored, d.grantees)
        ELSE (d.stored ->> 'definition') || pov.dressing(d.stored) END
    FROM deed AS d JOIN makes AS l USING (key)
    UNION ALL
    SELECT 6, d.phase, 0, false, 'alter', d.key, d.kind, d.identity, pov.changes(d.live, d.stored, d.grantees)
    FROM deed AS d WHERE d.action = 'alter' AND NOT d.in_the_way
  )
  SELECT (row_number() OVER (ORDER BY w.stage, w.phase, w.level, w.last, w.key COLLATE "C", c.position))::integer,
    w.action, w.kind, w.identity, c.command
  FROM work AS w, unnest(w.commands) WITH ORDINALITY AS c (command, position)
  ORDER BY 1
$function$;

COMMENT ON FUNCTION pov.plan(pov.deed[]) IS 'The commands that carry out the deeds of a rollback, in their order.';
