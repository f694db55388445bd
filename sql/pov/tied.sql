CREATE FUNCTION pov.tied(deeds pov.deed[], OUT identity text, OUT reason text) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH RECURSIVE deed AS MATERIALIZED (
    SELECT * FROM unnest(deeds) AS d WHERE d.kind <> 'row security' AND d.live IS NOT NULL
  ), changed AS (
    SELECT d.class_id, d.object_id
    FROM deed AS d
    WHERE NOT d.in_the_way AND (d.action = 'replace' AND d.kind <> 'default'
      -- Another dictionary finds other words.
      OR d.kind = 'text search configuration' AND d.stored IS NOT NULL AND EXISTS (
        SELECT FROM unnest(pov.texts(d.live -> 'sets') || pov.texts(d.stored -> 'sets')) AS s
        WHERE s NOT LIKE 'COMMENT %' GROUP BY s HAVING count(*) = 1))
    UNION
    SELECT p.dependent_class, p.dependent FROM changed AS c, LATERAL pov.dependents(c.class_id, c.object_id) AS p
  ), found AS (
    -- Cannot outlive what it uses.
    SELECT p.dependent_class AS class_id, p.dependent AS object_id
    FROM deed AS d, LATERAL pov.dependents(d.class_id, d.object_id) AS p
    WHERE d.drops AND NOT EXISTS (SELECT FROM deed AS o WHERE o.class_id = p.dependent_class AND o.object_id = p.dependent)
    UNION
    -- Holds values that the function as it is now worked out.
    SELECT c.class_id, c.object_id
    FROM changed AS c
    WHERE c.class_id = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class AS r WHERE r.oid = c.object_id AND r.relkind IN ('m', 'i', 'I'))
      OR c.class_id = 'pg_attrdef'::regclass AND EXISTS (SELECT FROM pg_attrdef AS x
        JOIN pg_attribute AS a ON a.attrelid = x.adrelid AND a.attnum = x.adnum WHERE x.oid = c.object_id AND a.attgenerated = 's')
  )
  SELECT DISTINCT pg_describe_object(f.class_id, f.object_id, 0), 'uses what would change, and is no part of a snapshot'
  FROM found AS f
$function$;

COMMENT ON FUNCTION pov.tied(pov.deed[]) IS 'What is no part of a snapshot and would have to change with something that is.';
