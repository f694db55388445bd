CREATE FUNCTION pov.default_grants(scope text, word text, acl aclitem[]) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT ARRAY(SELECT format('ALTER DEFAULT PRIVILEGES %s %s', scope, g.command)
    FROM unnest(pov.grants(word, acl)) WITH ORDINALITY AS g (command, position) ORDER BY g.position)
$function$;

COMMENT ON FUNCTION pov.default_grants(text, text, aclitem[]) IS 'The commands that make what an access control list holds a default.';
