CREATE FUNCTION pov.live_text_search() RETURNS SETOF pov.live_item
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  WITH found (class_id, object_id, word, name, schema_name, owner, parts, sets, unsets) AS (
    SELECT 'pg_ts_parser'::regclass, p.oid, 'PARSER', p.prsname, p.prsnamespace, NULL::oid, concat_ws(', ', 'START = ' || p.prsstart,
      'GETTOKEN = ' || p.prstoken, 'END = ' || p.prsend, 'HEADLINE = ' || nullif(p.prsheadline::oid, 0)::regproc,
      'LEXTYPES = ' || p.prslextype), '{}'::text[], '{}'::text[]
    FROM pg_ts_parser AS p
    UNION ALL
    SELECT 'pg_ts_template'::regclass, t.oid, 'TEMPLATE', t.tmplname, t.tmplnamespace, NULL,
      concat_ws(', ', 'INIT = ' || nullif(t.tmplinit::oid, 0)::regproc, 'LEXIZE = ' || t.tmpllexize), '{}', '{}'
    FROM pg_ts_template AS t
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, d.oid, 'DICTIONARY', d.dictname, d.dictnamespace, d.dictowner,
      concat_ws(', ', format('TEMPLATE = %I.%I', n.nspname, t.tmplname), d.dictinitoption), '{}', '{}'
    FROM pg_ts_dict AS d
    JOIN pg_ts_template AS t ON t.oid = d.dicttemplate
    JOIN pg_namespace AS n ON n.oid = t.tmplnamespace
    UNION ALL
    SELECT 'pg_ts_config'::regclass, c.oid, 'CONFIGURATION', c.cfgname, c.cfgnamespace, c.cfgowner,
      format('PARSER = %I.%I', n.nspname, p.prsname), m.sets, m.unsets
    FROM pg_ts_config AS c
    JOIN pg_ts_parser AS p ON p.oid = c.cfgparser
    JOIN pg_namespace AS n ON n.oid = p.prsnamespace
    JOIN pg_namespace AS own ON own.oid = c.cfgnamespace,
    LATERAL pov.text_search_mappings(c.oid, format('%I.%I', own.nspname, c.cfgname)) AS m
    WHERE c.oid >= 16384
  )
  SELECT f.class_id, f.object_id, 'text search ' || lower(f.word), t.name, format('TEXT SEARCH %s %s', f.word, t.name),
    format('DROP TEXT SEARCH %s %s', f.word, t.name), format('CREATE TEXT SEARCH %s %s (%s)', f.word, t.name, f.parts), '{}'::text[],
    f.owner, NULL::"char", NULL::aclitem[], '{}'::text[], f.sets, f.unsets, n.nspname::text, NULL::text, NULL::text,
    f.owner, '{}'::text[], f.owner IS NULL, NULL::text
  FROM found AS f
  JOIN pg_namespace AS n ON n.oid = f.schema_name,
  LATERAL (SELECT format('%I.%I', n.nspname, f.name) AS name) AS t
  WHERE f.object_id >= 16384 AND NOT pov.is_left_out(n.nspname) AND NOT EXISTS (
    SELECT FROM pg_depend AS d WHERE d.classid = f.class_id AND d.objid = f.object_id AND d.deptype = 'e')
$function$;

COMMENT ON FUNCTION pov.live_text_search() IS 'The parsers, templates, dictionaries and configurations of text search.';
