-- The settings pinned here are those that the texts of definitions depend on: the same object, the same text, whoever asks.
-- only_functions: nothing but these is told, and of all else it is known, from an earlier call, that it has not changed.
CREATE FUNCTION pov.live(only_functions oid[] DEFAULT NULL, known pov.live_object[] DEFAULT '{}') RETURNS SETOF pov.live_object
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
  WITH found AS MATERIALIZED (
    SELECT i.*, i.kind || ' ' || i.identity AS key,
      CASE i.acl_type WHEN 'f' THEN 'ROUTINE ' || i.identity WHEN 'r' THEN i.identity END AS grant_target,
      d.default_acl, i.column_grants = '{}' AND (i.acl IS NULL OR i.acl @> d.default_acl AND i.acl <@ d.default_acl) AS usual
    FROM pov.live_items(only_functions) AS i,
    LATERAL (SELECT acldefault(coalesce(i.acl_type, 'f'), i.owner) AS default_acl) AS d
  ), item AS MATERIALIZED (
    SELECT f.*, CASE WHEN f.usual THEN ARRAY['PUBLIC', pov.role_name(f.owner)]
      ELSE pov.grantees(f.acl, f.column_grants, f.owner, f.object_id) END AS grantees
    FROM found AS f
  ), edge AS MATERIALIZED (
    SELECT e.*, o.key AS on_key
    FROM pov.live_edges(only_functions) AS e
    LEFT JOIN (
      SELECT i.class_id, i.object_id, i.key FROM item AS i WHERE i.kind <> 'row security' AND only_functions IS NULL
      UNION ALL
      SELECT k.class_id, k.object_id, k.key FROM unnest(known) AS k WHERE k.kind <> 'row security'
    ) AS o ON o.class_id = e.on_class AND o.object_id = e.on_object
  ), outside AS MATERIALIZED (
    SELECT n.* FROM pov.needs(ARRAY(
      SELECT DISTINCT ROW(e.on_class, e.on_object, e.on_column)::pov.address FROM edge AS e WHERE e.on_key IS NULL)) AS n
  ), depends AS (
    SELECT e.class_id, e.object_id,
      array_agg(DISTINCT e.on_key COLLATE "C") FILTER (WHERE e.on_key IS NOT NULL) AS keys,
      array_agg(DISTINCT o.need COLLATE "C") FILTER (WHERE o.need IS NOT NULL) AS needs
    FROM edge AS e
    LEFT JOIN outside AS o USING (on_class, on_object, on_column)
    GROUP BY 1, 2
  ), described AS MATERIALIZED (
    SELECT i.key, i.kind, i.identity, i.class_id, i.object_id, i.keeper, coalesce(d.needs, '{}') AS needs, i.grantees,
      jsonb_build_object(
        'definition', i.definition, 'removal', i.removal, 'target', i.target, 'shape', i.shape, 'stub', i.stub,
        'owner', pg_get_userbyid(i.owner), 'by_superuser', i.by_superuser,
        'roles', CASE WHEN i.usual THEN i.roles ELSE i.roles || i.grantees END,
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
        'depends', coalesce(d.keys, '{}')) AS content
    FROM item AS i
    LEFT JOIN depends AS d ON d.class_id = i.class_id AND d.object_id = i.object_id AND i.kind <> 'row security'
    LEFT JOIN pg_description AS c ON c.classoid = i.class_id AND c.objoid = i.object_id AND c.objsubid = 0
      AND i.kind <> 'row security' AND i.target IS NOT NULL
  )
  SELECT d.key, encode(sha256(convert_to(d.key || E'\n' || d.content::text, 'UTF8')), 'hex'), d.kind, d.identity, d.content,
    d.needs, d.grantees, d.keeper, d.class_id, d.object_id
  FROM described AS d
$function$;

COMMENT ON FUNCTION pov.live(oid[], pov.live_object[]) IS 'Every live object that is part of a snapshot.';
