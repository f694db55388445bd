CREATE FUNCTION pov.live_default_privileges() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  -- Those of a schema come on top of those of the whole database, which stand for what PostgreSQL grants by itself.
  SELECT 'pg_default_acl'::regclass, a.oid, 'default privileges', concat_ws(' ', t.scope, 'ON', t.word), NULL,
    array_to_string(ARRAY[format('ALTER DEFAULT PRIVILEGES %s REVOKE ALL ON %s FROM %s', t.scope, t.word,
        (SELECT string_agg(DISTINCT g, ', ') FROM unnest(r.roles || ARRAY['PUBLIC']) AS g))]
      || CASE WHEN a.defaclnamespace = 0 THEN pov.default_grants(t.scope, t.word, u.acl) ELSE '{}' END, E';\n'),
    array_to_string(CASE WHEN a.defaclnamespace = 0
        THEN ARRAY[format('ALTER DEFAULT PRIVILEGES %s REVOKE ALL ON %s FROM %s, PUBLIC', t.scope, t.word, t.role)] ELSE '{}' END
      || pov.default_grants(t.scope, t.word, a.defaclacl), E';\n'),
    '{}'::text[], NULL::oid, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[],
    n.nspname::text, NULL::text, NULL::text, a.defaclrole, r.roles, false, NULL::text
  FROM pg_default_acl AS a
  LEFT JOIN pg_namespace AS n ON n.oid = a.defaclnamespace,
  LATERAL (SELECT pov.role_name(a.defaclrole) AS role,
    concat_ws(' ', 'FOR ROLE', pov.role_name(a.defaclrole), 'IN SCHEMA ' || quote_ident(n.nspname)) AS scope,
    CASE a.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
      WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS word) AS t,
  LATERAL (SELECT acldefault(CASE a.defaclobjtype WHEN 'S' THEN 's' ELSE a.defaclobjtype END, a.defaclrole) AS acl) AS u,
  LATERAL (SELECT t.role || ARRAY(SELECT DISTINCT pov.role_name(e.grantee) FROM aclexplode(a.defaclacl) AS e
    WHERE e.grantee NOT IN (0, a.defaclrole) ORDER BY 1) AS roles) AS r
  WHERE n.nspname IS NULL OR NOT pov.is_left_out(n.nspname)
$function$;

COMMENT ON FUNCTION pov.live_default_privileges() IS 'What roles grant on whatever they will make.';
