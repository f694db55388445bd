CREATE FUNCTION pov.live_policies() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_policy'::regclass, p.oid, 'policy', target, 'POLICY ' || target, 'DROP POLICY ' || target,
    concat_ws(' ', 'CREATE POLICY', target,
      CASE WHEN NOT p.polpermissive THEN 'AS RESTRICTIVE' END,
      'FOR', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
      'TO', (SELECT string_agg(pov.role_name(r), ', ' ORDER BY pov.role_name(r) COLLATE "C") FROM unnest(p.polroles) AS r),
      'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
      'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
    '{}'::text[], NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[], t.nspname::text, t.name,
    NULL::text, t.relowner, ARRAY(SELECT pov.role_name(r) FROM unnest(p.polroles) AS r WHERE r <> 0), false, NULL::text
  FROM pg_policy AS p
  JOIN pov.live_relation AS t ON t.oid = p.polrelid,
  LATERAL (SELECT format('%I ON %s', p.polname, t.name) AS target) AS n
  UNION ALL
  SELECT 'pg_class'::regclass, t.oid, 'row security', t.name || x.suffix, NULL,
    format('ALTER TABLE %s %s ROW LEVEL SECURITY', t.name, x.off), format('ALTER TABLE %s %s ROW LEVEL SECURITY', t.name, x.on),
    '{}'::text[], NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[], t.nspname::text, t.name,
    NULL::text, t.relowner, '{}'::text[], false, NULL::text
  FROM pov.live_relation AS t,
  LATERAL (VALUES (t.relrowsecurity, '', 'ENABLE', 'DISABLE'), (t.relforcerowsecurity, ' (forced)', 'FORCE', 'NO FORCE'))
    AS x (is_on, suffix, "on", "off")
  WHERE x.is_on
$function$;

COMMENT ON FUNCTION pov.live_policies() IS 'The row-security policies, and which tables heed them.';
