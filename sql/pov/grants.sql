CREATE FUNCTION pov.grants(target text, acl aclitem[]) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT coalesce(array_agg(format('GRANT %s ON %s TO %s%s', x.privileges, target, x.grantee,
    CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END) ORDER BY x.grantee COLLATE "C", x.is_grantable), '{}')
  FROM (
    SELECT pov.role_name(e.grantee) AS grantee, e.is_grantable,
      string_agg(DISTINCT e.privilege_type, ', ' ORDER BY e.privilege_type) AS privileges
    FROM aclexplode(acl) AS e
    GROUP BY 1, 2
  ) AS x
$function$;

COMMENT ON FUNCTION pov.grants(text, aclitem[]) IS 'The commands that grant what an access control list holds.';
