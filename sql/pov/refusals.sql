CREATE FUNCTION pov.refusals(snapshot_id integer, OUT identity text, OUT reason text) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH RECURSIVE pair AS MATERIALIZED (
    SELECT c.* FROM pov.compare(snapshot_id) AS c
  ), edge AS MATERIALIZED (
    SELECT * FROM pov.live_edges()
  ), gone AS (
    SELECT p.class_id, p.object_id FROM pair AS p WHERE p.action IN ('remake', 'remove early', 'remove late') AND p.kind <> 'row security'
    UNION
    SELECT e.class_id, e.object_id FROM gone AS g JOIN edge AS e ON (e.on_class, e.on_object) = (g.class_id, g.object_id)
  ), changed AS (
    SELECT p.class_id, p.object_id FROM pair AS p WHERE p.action = 'replace' AND p.kind <> 'default'
    UNION
    SELECT e.class_id, e.object_id FROM changed AS c JOIN edge AS e ON (e.on_class, e.on_object) = (c.class_id, c.object_id)
  ), own AS MATERIALIZED (
    SELECT p.class_id, p.object_id FROM pair AS p WHERE p.class_id IS NOT NULL
  ), tied AS (
    -- Not part of a snapshot, and cannot outlive what it uses.
    SELECT g.class_id, g.object_id FROM gone AS g
    UNION
    -- Holds values that the function as it is now worked out.
    SELECT c.class_id, c.object_id FROM changed AS c
    WHERE c.class_id = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class AS r WHERE r.oid = c.object_id AND r.relkind IN ('m', 'i', 'I'))
      OR c.class_id = 'pg_attrdef'::regclass
  ), touched AS (
    SELECT p.*, coalesce(p.stored, p.live) AS content FROM pair AS p WHERE p.action <> 'keep'
  )
  SELECT pg_describe_object(t.class_id, t.object_id, 0), 'uses what would change, and is no part of a snapshot'
  FROM tied AS t
  WHERE NOT EXISTS (SELECT FROM own AS o WHERE (o.class_id, o.object_id) = (t.class_id, t.object_id))
  UNION ALL
  SELECT t.key, format('schema "%s" is not there', t.content ->> 'schema')
  FROM touched AS t
  WHERE t.stored IS NOT NULL AND t.content ->> 'schema' IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = t.content ->> 'schema')
  UNION ALL
  SELECT t.key, format('table %s is not there', t.content ->> 'relation')
  FROM touched AS t
  WHERE t.stored IS NOT NULL AND to_regclass(t.content ->> 'relation') IS NULL AND t.content ->> 'relation' IS NOT NULL
    AND NOT EXISTS (SELECT FROM touched AS v WHERE v.kind = 'view' AND v.identity = t.content ->> 'relation')
  UNION ALL
  SELECT t.key, format('role "%s", its owner, is not there', t.content ->> 'owner')
  FROM touched AS t
  WHERE t.stored IS NOT NULL AND (t.content ->> 'owned')::boolean
    AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = t.content ->> 'owner')
  UNION ALL
  SELECT t.key, format('role "%s" must own it, or be a member of role "%s"', current_user, o.owner)
  FROM touched AS t, LATERAL (
    SELECT DISTINCT x.owner FROM (VALUES (t.live ->> 'owner'), (t.stored ->> 'owner')) AS x (owner) WHERE x.owner IS NOT NULL
  ) AS o
  JOIN pg_roles AS r ON r.rolname = o.owner
  WHERE NOT pg_has_role(r.oid, 'USAGE')
  UNION ALL
  SELECT t.key, format('role "%s" may not create in schema "%s"', current_user, n.nspname)
  FROM touched AS t
  JOIN pg_namespace AS n ON n.nspname = t.stored ->> 'schema'
  WHERE (t.content ->> 'owned')::boolean AND NOT has_schema_privilege(n.oid, 'CREATE')
  UNION ALL
  SELECT t.key, 'only a superuser changes event triggers'
  FROM touched AS t
  WHERE t.kind = 'event trigger' AND NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user)
$function$;

COMMENT ON FUNCTION pov.refusals(integer) IS
  'What stands against going back to a snapshot: objects that cannot be, or may not be, changed, and why. No row: nothing.';
