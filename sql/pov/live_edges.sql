-- A view depends on what its rule names; a view's row type stands for the view. A constraint that a child table has of its
-- own and inherits, too, cannot be dropped before its parent's, which so depends on it.
CREATE FUNCTION pov.live_edges(
  only_functions oid[], OUT class_id oid, OUT object_id oid, OUT on_class oid, OUT on_object oid, OUT on_column integer
) RETURNS SETOF record
LANGUAGE sql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $function$
  WITH RECURSIVE stand_in AS MATERIALIZED (
    SELECT 'pg_rewrite'::regclass::oid AS class_id, r.oid AS object_id, r.ev_class AS relation
    FROM pg_rewrite AS r
    WHERE r.rulename = '_RETURN'
    UNION ALL
    SELECT 'pg_type'::regclass, y.oid, c.oid FROM pg_class AS c JOIN pg_type AS y ON y.typrelid = c.oid WHERE c.relkind IN ('v', 'm')
    UNION ALL
    SELECT 'pg_type'::regclass, y.typarray, c.oid FROM pg_class AS c JOIN pg_type AS y ON y.typrelid = c.oid
    WHERE c.relkind IN ('v', 'm') AND y.typarray <> 0
  ), plain AS (
    SELECT coalesce(CASE WHEN s.relation IS NULL THEN NULL ELSE 'pg_class'::regclass::oid END, d.classid) AS class_id,
      coalesce(s.relation, d.objid) AS object_id,
      coalesce(CASE WHEN o.relation IS NULL THEN NULL ELSE 'pg_class'::regclass::oid END, d.refclassid) AS on_class,
      coalesce(o.relation, d.refobjid) AS on_object, d.refobjsubid AS on_column
    FROM pg_depend AS d
    LEFT JOIN stand_in AS s ON s.class_id = d.classid AND s.object_id = d.objid
    LEFT JOIN stand_in AS o ON o.class_id = d.refclassid AND o.object_id = d.refobjid
    -- What has a lower number is always there.
    WHERE d.deptype IN ('n', 'a') AND d.refobjid >= 12000
      AND (only_functions IS NULL OR d.classid = 'pg_proc'::regclass AND d.objid = ANY (only_functions))
  ), parent AS (
    SELECT c.oid, c.conname, i.inhparent
    FROM pg_constraint AS c
    JOIN pg_inherits AS i ON i.inhrelid = c.conrelid
    WHERE c.contype = 'c' AND c.conislocal AND c.coninhcount > 0 AND only_functions IS NULL
    UNION
    SELECT p.oid, p.conname, i.inhparent FROM parent AS p JOIN pg_inherits AS i ON i.inhrelid = p.inhparent
  )
  SELECT DISTINCT p.class_id, p.object_id, p.on_class, p.on_object, p.on_column
  FROM plain AS p
  WHERE (p.class_id, p.object_id) <> (p.on_class, p.on_object)
  UNION ALL
  SELECT 'pg_constraint'::regclass, c.oid, 'pg_constraint'::regclass, p.oid, 0
  FROM parent AS p
  JOIN pg_constraint AS c ON c.conrelid = p.inhparent AND c.conname = p.conname AND c.contype = 'c'
$function$;

COMMENT ON FUNCTION pov.live_edges(oid[]) IS
  'What depends on what, by class, object id and column, from pg_depend; or what only some functions depend on.';
