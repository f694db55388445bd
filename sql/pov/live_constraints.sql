CREATE FUNCTION pov.live_constraints() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  -- Keys are not here: their indexes belong to the table. An inherited constraint comes and goes with its parent.
  SELECT 'pg_constraint'::regclass, c.oid, 'constraint', format('%I ON %s', c.conname, t.name),
    format('CONSTRAINT %I ON %s', c.conname, t.name), format('ALTER TABLE %s DROP CONSTRAINT %I', t.name, c.conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', t.name, c.conname, pg_get_constraintdef(c.oid)), '{}'::text[],
    NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[], t.nspname::text, t.name, NULL::text,
    t.relowner, '{}'::text[], false, NULL::text
  FROM pg_constraint AS c
  JOIN pov.live_relation AS t ON t.oid = c.conrelid
  WHERE c.contype IN ('c', 'f') AND c.conislocal AND c.conparentid = 0
  UNION ALL
  SELECT 'pg_constraint'::regclass, c.oid, 'constraint', format('%I ON DOMAIN %s', c.conname, d.name),
    format('CONSTRAINT %I ON DOMAIN %s', c.conname, d.name), format('ALTER DOMAIN %s DROP CONSTRAINT %I', d.name, c.conname),
    format('ALTER DOMAIN %s ADD CONSTRAINT %I %s', d.name, c.conname, pg_get_constraintdef(c.oid)), '{}'::text[],
    NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[], d.nspname::text, NULL::text, d.name,
    d.typowner, '{}'::text[], false, NULL::text
  FROM pg_constraint AS c
  JOIN (
    SELECT y.oid, y.typowner, n.nspname, format('%I.%I', n.nspname, y.typname) AS name
    FROM pg_type AS y
    JOIN pg_namespace AS n ON n.oid = y.typnamespace
    WHERE NOT pov.is_left_out(n.nspname) AND NOT EXISTS (
      SELECT FROM pg_depend AS e WHERE e.classid = 'pg_type'::regclass AND e.objid = y.oid AND e.deptype = 'e')
  ) AS d ON d.oid = c.contypid
  WHERE c.contype = 'c'
$function$;

COMMENT ON FUNCTION pov.live_constraints() IS 'The check constraints of tables and domains, and the foreign keys.';
