CREATE FUNCTION pov.begins_with(whole jsonb, beginning jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT NOT EXISTS (
    SELECT FROM jsonb_array_elements(beginning) WITH ORDINALITY AS b (value, position)
    WHERE b.value IS DISTINCT FROM whole -> (b.position - 1)::integer)
$function$;

COMMENT ON FUNCTION pov.begins_with(jsonb, jsonb) IS 'Whether one JSON array begins with the elements of another.';
