CREATE FUNCTION pov.dressing(content jsonb) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT CASE WHEN content ->> 'owner' <> current_user
      THEN ARRAY[format('ALTER %s OWNER TO %I', content ->> 'target', content ->> 'owner')] ELSE '{}' END
    -- Whoever makes the object may have default privileges of their own.
    || CASE WHEN content ->> 'grant_target' IS NULL
        OR (content ->> 'usual_grants')::boolean AND NOT pov.has_default_privileges() THEN '{}'
      ELSE format('REVOKE ALL ON %s FROM %s CASCADE', content ->> 'grant_target', (
          SELECT string_agg(DISTINCT g.name, ', ')
          FROM (SELECT 'PUBLIC' UNION SELECT quote_ident(content ->> 'owner') UNION SELECT pov.default_grantees()) AS g (name)))
        || pov.stored_grants(content) END
    || pov.texts(content -> 'sets')
$function$;

COMMENT ON FUNCTION pov.dressing(jsonb) IS
  'What a newly made object needs beyond its definition: owner, grants, comment, enabled state.';
