-- Left out: schemas, which every object names; indexes and keys, whose names no definition holds.
CREATE FUNCTION pov.needs(addresses pov.address[], OUT on_class oid, OUT on_object oid, OUT on_column integer, OUT need text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT a.on_class, a.on_object, a.on_column, jsonb_build_array(i.type, i.object_names::text, i.object_args::text)::text
  FROM unnest(addresses) AS a,
  LATERAL pg_identify_object_as_address(a.on_class, a.on_object, a.on_column) AS i
  WHERE a.on_class NOT IN ('pg_namespace'::regclass, 'pg_constraint'::regclass, 'pg_extension'::regclass)
    AND i.type NOT LIKE 'index%'
$function$;

COMMENT ON FUNCTION pov.needs(pov.address[]) IS
  'What is no part of a snapshot and yet used by what is, as pg_get_object_address takes it: type, names, arguments, in JSON.';
