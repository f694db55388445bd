CREATE FUNCTION pov.texts(elements jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT coalesce(array_agg(e.value ORDER BY e.position), '{}')
  FROM jsonb_array_elements_text(elements) WITH ORDINALITY AS e (value, position)
$function$;

COMMENT ON FUNCTION pov.texts(jsonb) IS 'The texts of a JSON array.';
