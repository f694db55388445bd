CREATE FUNCTION pov.live_conversions() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT 'pg_conversion'::regclass, c.oid, 'conversion', target, 'CONVERSION ' || target, 'DROP CONVERSION ' || target,
    format('CREATE %sCONVERSION %s FOR %L TO %L FROM %s', CASE WHEN c.condefault THEN 'DEFAULT ' END, target,
      pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc),
    '{}'::text[], c.conowner, NULL::"char", NULL::aclitem[], '{}'::text[], '{}'::text[], '{}'::text[], n.nspname::text,
    NULL::text, NULL::text, c.conowner, '{}'::text[], false, NULL::text
  FROM pg_conversion AS c
  JOIN pg_namespace AS n ON n.oid = c.connamespace,
  LATERAL (SELECT format('%I.%I', n.nspname, c.conname) AS target) AS t
  WHERE c.oid >= 16384 AND NOT pov.is_left_out(n.nspname) AND NOT EXISTS (
    SELECT FROM pg_depend AS d WHERE d.classid = 'pg_conversion'::regclass AND d.objid = c.oid AND d.deptype = 'e')
$function$;

COMMENT ON FUNCTION pov.live_conversions() IS 'The conversions between encodings.';
