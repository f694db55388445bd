CREATE FUNCTION pov.has_default_privileges() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT EXISTS (SELECT FROM pg_default_acl AS a WHERE a.defaclrole = quote_ident(current_user)::regrole AND a.defaclobjtype IN ('f', 'r'))
$function$;

COMMENT ON FUNCTION pov.has_default_privileges() IS
  'Whether functions and views that the current user makes get other privileges than PostgreSQL gives by itself.';
