CREATE FUNCTION pov.live_views() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_class'::regclass, v.oid, 'view', v.name, 'VIEW ' || v.name, 'DROP VIEW ' || v.name,
    format(E'CREATE OR REPLACE VIEW %s%s AS\n%s', v.name,
      ' WITH (' || array_to_string(v.reloptions, ', ') || ')', pg_get_viewdef(v.oid)),
    a.shape, v.relowner, 'r'::"char", v.relacl, coalesce(g.grants, '{}'),
    coalesce(a.comments, '{}'), coalesce(a.uncomments, '{}'), v.nspname::text, NULL::text, NULL::text,
    v.relowner, '{}'::text[], false, NULL::text
  FROM pov.live_relation AS v
  CROSS JOIN LATERAL (
    SELECT array_agg(format('%I %s %s', t.attname, format_type(t.atttypid, t.atttypmod), t.attcollation::regcollation)
        ORDER BY t.attnum) AS shape,
      array_agg(format('COMMENT ON COLUMN %s.%I IS %L', v.name, t.attname, c.description) ORDER BY t.attnum)
        FILTER (WHERE c.description IS NOT NULL) AS comments,
      array_agg(format('COMMENT ON COLUMN %s.%I IS NULL', v.name, t.attname) ORDER BY t.attnum)
        FILTER (WHERE c.description IS NOT NULL) AS uncomments
    FROM pg_attribute AS t
    LEFT JOIN pg_description AS c ON c.classoid = 'pg_class'::regclass AND c.objoid = v.oid AND c.objsubid = t.attnum
    WHERE t.attrelid = v.oid AND t.attnum > 0 AND NOT t.attisdropped
  ) AS a
  CROSS JOIN LATERAL (
    SELECT array_agg(format('GRANT %s (%I) ON %s TO %s%s', x.privilege_type, t.attname, v.name,
        pov.role_name(x.grantee), CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END)
      ORDER BY t.attnum, x.grantee::regrole::text COLLATE "C", x.privilege_type COLLATE "C") AS grants
    FROM pg_attribute AS t, aclexplode(t.attacl) AS x
    WHERE t.attrelid = v.oid AND t.attnum > 0 AND NOT t.attisdropped
  ) AS g
  WHERE v.relkind = 'v'
$function$;

COMMENT ON FUNCTION pov.live_views() IS 'The views, with the comments and grants of their columns.';
