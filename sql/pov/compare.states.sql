CREATE FUNCTION pov.compare(live pov.live_object[], stored pov.live_object[]) RETURNS SETOF pov.pair
LANGUAGE sql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH named AS MATERIALIZED (
    SELECT DISTINCT pov.bare_name(s.identity) AS name FROM unnest(stored) AS s WHERE s.kind IN ('function', 'aggregate')
  )
  SELECT key, coalesce(l.kind, s.kind), coalesce(l.identity, s.identity),
    CASE
      WHEN l.objectid = s.objectid THEN 'keep'
      WHEN l.key IS NULL THEN 'create'
      -- A function that goes may serve views until they are replaced; but a namesake of one that comes would
      -- make calls ambiguous.
      WHEN s.key IS NULL AND (l.kind = 'view' OR l.kind IN ('function', 'aggregate')
        AND NOT EXISTS (SELECT FROM named AS n WHERE n.name = pov.bare_name(l.identity))) THEN 'remove late'
      WHEN s.key IS NULL THEN 'remove early'
      WHEN l.content -> 'definition' = s.content -> 'definition' AND l.content -> 'depends' = s.content -> 'depends'
        AND l.content -> 'shape' = s.content -> 'shape' THEN 'alter'
      WHEN l.kind = 'default' THEN 'replace'
      WHEN l.kind IN ('function', 'aggregate', 'view')
        AND pov.begins_with(s.content -> 'shape', l.content -> 'shape') THEN 'replace'
      ELSE 'remake'
    END,
    l.content, s.content, s.needs, l.grantees, l.keeper, l.class_id, l.object_id
  FROM unnest(live) AS l
  FULL JOIN unnest(stored) AS s USING (key)
$function$;

COMMENT ON FUNCTION pov.compare(pov.live_object[], pov.live_object[]) IS
  'The live objects beside stored ones, and what a rollback does with each: keep, create, alter, replace, remake, '
  'or remove: early, or late, when nothing uses it any more.';
