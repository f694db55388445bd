-- The settings pinned here are those that the texts of definitions depend on: the same object, the same text, whoever asks.
CREATE FUNCTION pov.live() RETURNS SETOF pov.live_object
LANGUAGE sql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
SET standard_conforming_strings = on
SET DateStyle = 'ISO, YMD'
SET IntervalStyle = 'postgres'
SET TimeZone = 'UTC'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET jit = off
AS $function$
  WITH item AS MATERIALIZED (
    SELECT i.*, i.kind || ' ' || i.identity AS key,
      CASE i.acl_type WHEN 'f' THEN 'ROUTINE ' || i.identity WHEN 'r' THEN i.identity END AS grant_target,
      d.default_acl, i.column_grants = '{}' AND (i.acl IS NULL OR i.acl @> d.default_acl AND i.acl <@ d.default_acl) AS usual
    FROM pov.live_items() AS i,
    LATERAL (SELECT acldefault(coalesce(i.acl_type, 'f'), i.owner) AS default_acl) AS d
  ), edge AS MATERIALIZED (
    SELECT e.*, o.key AS on_key
    FROM pov.live_edges() AS e
    LEFT JOIN item AS o ON o.class_id = e.on_class AND o.object_id = e.on_object AND o.kind <> 'row security'
  ), outside AS MATERIALIZED (
    SELECT n.* FROM pov.needs(ARRAY(
      SELECT DISTINCT ROW(e.on_class, e.on_object, e.on_column)::pov.address FROM edge AS e WHERE e.on_key IS NULL)) AS n
  ), depends AS (
    SELECT e.class_id, e.object_id,
      coalesce(jsonb_agg(DISTINCT e.on_key ORDER BY e.on_key) FILTER (WHERE e.on_key IS NOT NULL), '[]') AS keys,
      coalesce(jsonb_agg(DISTINCT o.need) FILTER (WHERE o.need IS NOT NULL), '[]') AS needs
    FROM edge AS e
    LEFT JOIN outside AS o USING (on_class, on_object, on_column)
    GROUP BY 1, 2
  ), described AS (
    SELECT i.key, i.kind, i.identity, i.class_id, i.object_id, i.keeper, coalesce(d.needs, '[]') AS needs, g.grantees,
      jsonb_build_object(
        'definition', i.definition, 'removal', i.removal, 'target', i.target, 'shape', i.shape, 'stub', i.stub,
        'owner', pg_get_userbyid(i.owner), 'by_superuser', i.by_superuser,
        'roles', CASE WHEN i.usual THEN i.roles ELSE i.roles || g.grantees END,
        'grant_target', i.grant_target,
        -- The usual grants are spelt out when they are needed: for most objects never.
        'grants', CASE WHEN i.grant_target IS NULL OR i.usual THEN '{}'
          ELSE pov.grants(i.grant_target, coalesce(i.acl, i.default_acl)) || i.column_grants END,
        'usual_grants', i.usual,
        'sets', i.note_sets || CASE WHEN c.description IS NULL THEN '{}'
          ELSE ARRAY[format('COMMENT ON %s IS %L', i.target, c.description)] END,
        'unsets', i.note_unsets || CASE WHEN c.description IS NULL THEN '{}'
          ELSE ARRAY[format('COMMENT ON %s IS NULL', i.target)] END,
        'schema', i.schema_name, 'relation', i.relation, 'domain', i.domain,
        'depends', coalesce(d.keys, '[]')) AS content
    FROM item AS i
    LEFT JOIN depends AS d ON d.class_id = i.class_id AND d.object_id = i.object_id AND i.kind <> 'row security'
    LEFT JOIN pg_description AS c ON c.classoid = i.class_id AND c.objoid = i.object_id AND c.objsubid = 0
      AND i.kind <> 'row security' AND i.target IS NOT NULL
    CROSS JOIN LATERAL (SELECT CASE WHEN i.usual THEN ARRAY['PUBLIC', pov.role_name(i.owner)]
      ELSE pov.grantees(i.acl, i.column_grants, i.owner, i.object_id) END AS grantees) AS g
  )
  SELECT d.key, encode(sha256(convert_to(d.key || E'\n' || d.content::text, 'UTF8')), 'hex'), d.kind, d.identity, d.content,
    d.needs, d.grantees, d.keeper, d.class_id, d.object_id
  FROM described AS d
$function$;

COMMENT ON FUNCTION pov.live() IS 'Every live object that is part of a snapshot.';
