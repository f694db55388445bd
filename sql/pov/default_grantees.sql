CREATE FUNCTION pov.default_grantees() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT DISTINCT pov.role_name(e.grantee)
  FROM pg_default_acl AS a, aclexplode(a.defaclacl) AS e
  WHERE a.defaclrole = quote_ident(current_user)::regrole AND a.defaclobjtype IN ('f', 'r')
$function$;

COMMENT ON FUNCTION pov.default_grantees() IS 'Who gets privileges on whatever the current user makes.';
