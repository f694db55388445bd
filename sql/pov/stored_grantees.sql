CREATE FUNCTION pov.stored_grantees(content jsonb) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT array_agg(DISTINCT x.name ORDER BY x.name)
  FROM (
    SELECT (regexp_match(g, '^.* TO ("(?:[^"]|"")*"|[^" ]+)(?: WITH GRANT OPTION)?$'))[1] AS name
    FROM unnest(pov.texts(content -> 'grants')) AS g
    UNION VALUES ('PUBLIC'), (quote_ident(content ->> 'owner'))
  ) AS x
$function$;

COMMENT ON FUNCTION pov.stored_grantees(jsonb) IS
  'Whom a stored object''s grants name, its owner and PUBLIC: what pov.grantees says of a live one.';
