CREATE FUNCTION pov.missing(deeds pov.deed[], OUT identity text, OUT reason text) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH deed AS MATERIALIZED (
    SELECT d.*, d.stored ->> 'schema' AS schema_name,
      CASE WHEN d.kind = 'constraint' AND d.stored ->> 'definition' LIKE '%FOREIGN KEY%' THEN 'foreign key' ELSE d.kind END AS what
    FROM unnest(deeds) AS d WHERE d.stored IS NOT NULL
  ), need AS MATERIALIZED (
    -- What stands as it was made is the concern of what is made.
    SELECT n.need, n.what, pov.need_fault(n.what, n.need) AS fault
    FROM (SELECT DISTINCT n AS need, d.what FROM deed AS d, unnest(d.needs) AS n WHERE d.makes) AS n
  )
  SELECT d.key, format('schema "%s" is not there', d.schema_name)
  FROM deed AS d
  WHERE d.schema_name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = d.schema_name)
  UNION ALL
  SELECT d.key, n.fault
  FROM deed AS d, LATERAL unnest(d.needs) AS x (need)
  JOIN need AS n USING (need)
  WHERE d.makes AND n.what = d.what AND n.fault IS NOT NULL
  UNION ALL
  SELECT d.key, format('table %s is not there', d.stored ->> 'relation')
  FROM deed AS d
  WHERE d.kind = 'row security' AND to_regclass(d.stored ->> 'relation') IS NULL
  UNION ALL
  SELECT d.key, format('role "%s", its owner, is not there', d.stored ->> 'owner')
  FROM deed AS d
  WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = d.stored ->> 'owner') AND d.stored ->> 'owner' IS NOT NULL
  UNION ALL
  SELECT d.key, format('role %s is not there', r.role)
  FROM deed AS d, jsonb_array_elements_text(d.stored -> 'roles') AS r (role)
  WHERE r.role NOT IN ('PUBLIC', coalesce(quote_ident(d.stored ->> 'owner'), '')) AND to_regrole(r.role) IS NULL
$function$;

COMMENT ON FUNCTION pov.missing(pov.deed[]) IS
  'What is no part of a snapshot, is needed by something that is, and is not there or may not be used.';
