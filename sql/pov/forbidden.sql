CREATE FUNCTION pov.forbidden(deeds pov.deed[], OUT identity text, OUT reason text) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH me AS MATERIALIZED (
    SELECT r.rolsuper AS is_superuser,
      -- Since 16, a member may be kept from giving things to the role.
      CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END AS giving
    FROM pg_roles AS r WHERE r.rolname = current_user
  ), deed AS MATERIALIZED (
    SELECT d.*, n.oid AS schema_id, o.oid AS owner, m.giving
    FROM me AS m, unnest(deeds) AS d
    LEFT JOIN pg_namespace AS n ON n.nspname = d.stored ->> 'schema'
    LEFT JOIN pg_roles AS o ON o.rolname = d.stored ->> 'owner'
    WHERE NOT m.is_superuser
  ), asked AS (
    SELECT d.key, d.keeper AS role, 'USAGE' AS how FROM deed AS d WHERE d.live IS NOT NULL
    UNION
    SELECT d.key, d.owner, d.giving FROM deed AS d WHERE d.makes AND d.owner <> quote_ident(current_user)::regrole
      OR d.live -> 'owner' <> d.stored -> 'owner'
    UNION
    SELECT d.key, c.relowner, 'USAGE' FROM deed AS d JOIN pg_class AS c ON c.oid = to_regclass(d.stored ->> 'relation')
    WHERE d.live IS NULL
    UNION
    SELECT d.key, y.typowner, 'USAGE' FROM deed AS d JOIN pg_type AS y ON y.oid = to_regtype(d.stored ->> 'domain') WHERE d.makes
    UNION
    SELECT d.key, to_regrole(d.stored -> 'roles' ->> 0)::oid, 'USAGE' FROM deed AS d WHERE d.kind = 'default privileges' AND d.makes
  )
  SELECT a.key, format('role "%s" must own it, or be a member of role "%s"', current_user, r.rolname)
  FROM asked AS a
  JOIN pg_roles AS r ON r.oid = a.role
  WHERE NOT pg_has_role(r.oid, a.how)
  UNION ALL
  SELECT d.key, format('role "%s" must own one of its types', current_user)
  FROM deed AS d
  WHERE d.kind = 'cast' AND d.live IS NULL AND NOT EXISTS (
    SELECT FROM unnest(d.needs::jsonb[]) AS n
    JOIN pg_type AS y ON y.oid = to_regtype(((n ->> 1)::text[])[1]) WHERE n ->> 0 = 'type' AND pg_has_role(y.typowner, 'USAGE'))
  UNION ALL
  SELECT d.key, format('role "%s" may not create in schema "%s"', r.rolname, d.stored ->> 'schema')
  FROM deed AS d
  JOIN pg_roles AS r ON r.rolname = current_user AND d.makes
    OR r.oid = d.owner AND (d.live IS NULL OR d.live -> 'owner' <> d.stored -> 'owner' OR d.in_the_way)
  WHERE d.owner IS NOT NULL AND NOT has_schema_privilege(r.oid, d.schema_id, 'CREATE')
  UNION ALL
  SELECT d.key, 'only a superuser may change it'
  FROM deed AS d
  WHERE d.makes AND (d.stored ->> 'by_superuser')::boolean
    OR d.kind IN ('event trigger', 'text search parser', 'text search template')
$function$;

COMMENT ON FUNCTION pov.forbidden(pov.deed[]) IS 'What the current user may not change, and why.';
