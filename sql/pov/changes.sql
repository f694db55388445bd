CREATE FUNCTION pov.changes(live jsonb, stored jsonb, grantees text[]) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT CASE WHEN moved THEN ARRAY[format('ALTER %s OWNER TO %I', stored ->> 'target', stored ->> 'owner')] ELSE '{}' END
    || CASE WHEN stored ->> 'grant_target' IS NULL OR NOT moved
        AND live -> 'grants' = stored -> 'grants' AND live -> 'usual_grants' = stored -> 'usual_grants' THEN '{}'
      ELSE format('REVOKE ALL ON %s FROM %s CASCADE', stored ->> 'grant_target',
        array_to_string(coalesce(grantees, stored_grantees) || CASE WHEN moved THEN ARRAY[quote_ident(stored ->> 'owner')] ELSE '{}' END, ', '))
        || pov.stored_grants(stored) END
    || ARRAY(SELECT u.command FROM unnest(pov.texts(live -> 'sets'), pov.texts(live -> 'unsets')) AS u (was, command)
      WHERE u.was <> ALL (pov.texts(stored -> 'sets')))
    || ARRAY(SELECT s FROM unnest(pov.texts(stored -> 'sets')) AS s WHERE s <> ALL (pov.texts(live -> 'sets')))
  FROM (
    SELECT stored ->> 'owner' IS NOT NULL AND live -> 'owner' <> stored -> 'owner' AS moved,
      ARRAY(SELECT r FROM jsonb_array_elements_text(live -> 'roles' || jsonb_build_array('PUBLIC', quote_ident(live ->> 'owner'))) AS r
        WHERE r IS NOT NULL GROUP BY r ORDER BY r COLLATE "C") AS stored_grantees
  ) AS o
$function$;

COMMENT ON FUNCTION pov.changes(jsonb, jsonb, text[]) IS
  'What leads from the owner, grants, comment and enabled state of a live object to those that are stored. grantees: NULL where '
  'the first is stored, too.';
