CREATE FUNCTION pov.live_defaults() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_attrdef'::regclass, d.oid, 'default', format('%s.%I', t.name, a.attname), NULL,
    format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', t.name, a.attname),
    format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', t.name, a.attname, pg_get_expr(d.adbin, d.adrelid)),
    '{}'::text[], NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[], t.nspname::text, t.name,
    NULL::text, t.relowner, '{}'::text[], false, NULL::text
  FROM pg_attrdef AS d
  JOIN pov.live_relation AS t ON t.oid = d.adrelid
  JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  WHERE a.attgenerated = ''
$function$;

COMMENT ON FUNCTION pov.live_defaults() IS 'The defaults of columns, not the expressions of generated ones.';
