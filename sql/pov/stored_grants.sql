CREATE FUNCTION pov.stored_grants(content jsonb) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT CASE WHEN (content ->> 'usual_grants')::boolean
    THEN pov.grants(content ->> 'grant_target', acldefault(
      CASE WHEN content ->> 'grant_target' LIKE 'ROUTINE %' THEN 'f'::"char" ELSE 'r'::"char" END,
      to_regrole(quote_ident(content ->> 'owner'))))
    ELSE pov.texts(content -> 'grants') END
$function$;

COMMENT ON FUNCTION pov.stored_grants(jsonb) IS 'The commands that give a stored object its grants, the usual ones spelt out.';
