-- Left out: a partition's copy of a trigger and an inherited constraint, which come and go with their parent; that one
-- depends on the same.
CREATE FUNCTION pov.dependents(class_id oid, object_id oid, OUT dependent_class oid, OUT dependent oid) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT CASE WHEN r.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END, coalesce(r.ev_class, d.objid)
  FROM (
    SELECT dependents.class_id, dependents.object_id
    UNION ALL
    SELECT 'pg_type'::regclass, x.oid
    FROM pg_class AS c
    JOIN pg_type AS y ON y.oid = c.reltype,
    LATERAL (VALUES (y.oid), (y.typarray)) AS x (oid)
    WHERE dependents.class_id = 'pg_class'::regclass AND c.oid = dependents.object_id AND c.relkind IN ('v', 'm') AND x.oid <> 0
  ) AS o (class_id, object_id)
  JOIN pg_depend AS d ON d.refclassid = o.class_id AND d.refobjid = o.object_id AND d.deptype IN ('n', 'a')
  LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
  WHERE NOT EXISTS (
      SELECT FROM pg_trigger AS t WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND t.tgparentid <> 0)
    AND NOT EXISTS (
      SELECT FROM pg_constraint AS k WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND NOT k.conislocal)
$function$;

COMMENT ON FUNCTION pov.dependents(oid, oid) IS
  'What depends on an object, from pg_depend; what depends on a view''s row type depends on the view.';
