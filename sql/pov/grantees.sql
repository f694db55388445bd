CREATE FUNCTION pov.grantees(acl aclitem[], column_grants text[], owner oid, relation oid) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT array_agg(DISTINCT pov.role_name(x.grantee) ORDER BY pov.role_name(x.grantee))
  FROM (
    SELECT e.grantee FROM aclexplode(acl) AS e
    UNION
    SELECT e.grantee FROM pg_attribute AS a, aclexplode(a.attacl) AS e
    WHERE a.attrelid = relation AND column_grants <> '{}'
    UNION VALUES (owner), (0)
  ) AS x
$function$;

COMMENT ON FUNCTION pov.grantees(aclitem[], text[], oid, oid) IS
  'Whom everything must be revoked from before an object gets other grants: all grantees, its owner and PUBLIC.';
