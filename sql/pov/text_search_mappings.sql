CREATE FUNCTION pov.text_search_mappings(configuration oid, name text, OUT sets text[], OUT unsets text[]) RETURNS record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT coalesce(array_agg(format('ALTER TEXT SEARCH CONFIGURATION %s ADD MAPPING FOR %I WITH %s', name, m.token, m.dictionaries)
      ORDER BY m.token COLLATE "C"), '{}'),
    coalesce(array_agg(format('ALTER TEXT SEARCH CONFIGURATION %s DROP MAPPING FOR %I', name, m.token)
      ORDER BY m.token COLLATE "C"), '{}')
  FROM (
    SELECT t.alias AS token, string_agg(format('%I.%I', n.nspname, d.dictname), ', ' ORDER BY c.mapseqno) AS dictionaries
    FROM pg_ts_config AS g
    JOIN pg_ts_config_map AS c ON c.mapcfg = g.oid
    JOIN ts_token_type(g.cfgparser) AS t ON t.tokid = c.maptokentype
    JOIN pg_ts_dict AS d ON d.oid = c.mapdict
    JOIN pg_namespace AS n ON n.oid = d.dictnamespace
    WHERE g.oid = configuration
    GROUP BY t.alias
  ) AS m
$function$;

COMMENT ON FUNCTION pov.text_search_mappings(oid, text) IS
  'The commands that give a text-search configuration its dictionaries, and those that take them away, by kind of token.';
