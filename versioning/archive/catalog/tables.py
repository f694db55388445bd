"""Tables, their columns and what belongs to those."""

from versioning.archive.catalog.common import COMMON, NOTHING, storage_options

_OPTIONS = storage_options(
    "r.reloptions || ARRAY(SELECT 'toast.' || o FROM pg_class AS t, unnest(t.reloptions) AS o"
    " WHERE t.oid = r.reltoastrelid)"
)

TABLES = f"""{COMMON}
SELECT 'pg_class'::regclass::oid, r.oid, 0, 'table', r.name, 'TABLE ' || r.name, head || tail || ';',
  'DROP TABLE ' || r.name || ';', r.relowner, 'schema ' || quote_ident(r.nspname), '{{}}'::text[],
  jsonb_build_object('head', head, 'tail', tail, 'unlogged', r.relpersistence = 'u', 'options', coalesce(options, ''),
    'partition_key', coalesce(partition_key, ''), 'method', coalesce(method, ''), 'is_partition', r.relispartition)
FROM relation AS r
LEFT JOIN pg_am AS a ON a.oid = r.relam,
LATERAL (SELECT {_OPTIONS} AS options, pg_get_partkeydef(r.oid) AS partition_key,
  nullif(a.amname, 'heap') AS method) AS o,
LATERAL (SELECT 'CREATE ' || CASE r.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END || 'TABLE ' || r.name AS head,
  coalesce(' PARTITION BY ' || partition_key, '') || coalesce(' USING ' || quote_ident(method), '')
    || coalesce(' WITH (' || options || ')', '') AS tail) AS t
WHERE r.relkind IN ('r', 'p')
"""

# Of an identity, what differs from what PostgreSQL takes by itself.
_IDENTITY = """
  (SELECT concat_ws(' ',
     CASE WHEN c.relname <> r.relname || '_' || a.attname || '_seq' OR c.relnamespace <> r.relnamespace
       THEN 'SEQUENCE NAME ' || c.oid::regclass END,
     CASE WHEN s.seqstart <> 1 THEN 'START WITH ' || s.seqstart END,
     CASE WHEN s.seqincrement <> 1 THEN 'INCREMENT BY ' || s.seqincrement END,
     CASE WHEN s.seqmin <> 1 THEN 'MINVALUE ' || s.seqmin END,
     CASE WHEN s.seqmax <> (CASE s.seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647
       ELSE 9223372036854775807 END) THEN 'MAXVALUE ' || s.seqmax END,
     CASE WHEN s.seqcache <> 1 THEN 'CACHE ' || s.seqcache END,
     CASE WHEN s.seqcycle THEN 'CYCLE' END)
   FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid JOIN pg_sequence AS s ON s.seqrelid = c.oid
   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
     AND d.refobjsubid = a.attnum AND d.deptype = 'i')"""

COLUMNS = f"""{COMMON}
SELECT 'pg_class'::regclass::oid, r.oid, a.attnum::int, 'column', r.name || '.' || quote_ident(a.attname),
  'COLUMN ' || r.name || '.' || quote_ident(a.attname),
  concat_ws(' ', quote_ident(a.attname), type, 'COLLATE ' || locale,
    'GENERATED ALWAYS AS (' || expression || CASE a.attgenerated WHEN 's' THEN ') STORED' ELSE ') VIRTUAL' END,
    'GENERATED ' || identity_word || ' AS IDENTITY' || coalesce(' (' || nullif(sequence, '') || ')', ''),
    CASE WHEN a.attnotnull THEN 'NOT NULL' END),
  format('ALTER TABLE %s DROP COLUMN %I;', r.name, a.attname), NULL::oid, r.identity, '{{}}'::text[],
  jsonb_build_object('table', r.name, 'column', quote_ident(a.attname), 'type', type, 'collation', locale,
    'not_null', a.attnotnull, 'expression', expression, 'stored', a.attgenerated = 's', 'identity', identity_word,
    'sequence', sequence, 'position', a.attnum, 'inherited', a.attinhcount > 0)
FROM relation AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum AND a.attgenerated <> '',
LATERAL (SELECT format_type(a.atttypid, a.atttypmod) AS type,
  CASE WHEN a.attcollation <> t.typcollation THEN nullif(a.attcollation, 0)::regcollation::text END AS locale,
  pg_get_expr(d.adbin, d.adrelid) AS expression,
  CASE WHEN r.relispartition THEN NULL WHEN a.attidentity = 'a' THEN 'ALWAYS' WHEN a.attidentity = 'd' THEN 'BY DEFAULT'
  END AS identity_word) AS o,
LATERAL (SELECT CASE WHEN identity_word IS NOT NULL THEN {_IDENTITY} END AS sequence) AS s
WHERE r.relkind IN ('r', 'p')
"""

DEFAULTS = f"""{COMMON}
SELECT 'pg_attrdef'::regclass::oid, d.oid, 0, 'default', r.name || '.' || quote_ident(a.attname), '',
  format('ALTER %s %s ALTER COLUMN %I SET DEFAULT %s;', word, r.name, a.attname, expression),
  format('ALTER %s %s ALTER COLUMN %I DROP DEFAULT;', word, r.name, a.attname), NULL::oid, inside, ARRAY[inside],
  jsonb_build_object('expression', expression)
FROM relation AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum,
LATERAL (SELECT pg_get_expr(d.adbin, d.adrelid) AS expression,
  CASE r.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE ONLY' END AS word,
  CASE r.relkind WHEN 'v' THEN r.identity ELSE 'column ' || r.name || '.' || quote_ident(a.attname) END AS inside) AS o
WHERE r.relkind IN ('r', 'p', 'v')
"""

_SETTING = """
SELECT NULL::oid, NULL::oid, 0, '{kind}', r.name || '.' || quote_ident(a.attname), '',
  format('ALTER TABLE ONLY %s ALTER COLUMN %I {set};', r.name, a.attname, {value}),
  format('ALTER TABLE ONLY %s ALTER COLUMN %I {reset};', r.name, a.attname, {before}), NULL::oid, c.identity,
  ARRAY[c.identity], '{{}}'::jsonb
FROM relation AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid,
LATERAL (SELECT CASE r.relkind WHEN 'm' THEN r.identity ELSE 'column ' || r.name || '.' || quote_ident(a.attname) END
  AS identity) AS c
WHERE r.relkind IN ('r', 'p', 'm') AND {differs}
"""
# Only what ALTER COLUMN … SET takes: some servers keep stamps of their own beside it, as one of version 15.20 does
# (pg_attver), which differ from database to database and can be neither set nor reset.
_SETTABLE = """ARRAY(SELECT s FROM unnest(a.attoptions) AS s
  WHERE split_part(s, '=', 1) IN ('n_distinct', 'n_distinct_inherited'))"""

_STORAGE = "CASE {} WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END"

COLUMN_SETTINGS = COMMON + "UNION ALL".join(
    (
        _SETTING.format(
            kind="storage",
            set="SET STORAGE %s",
            value=_STORAGE.format("a.attstorage"),
            reset="SET STORAGE %s",
            before=_STORAGE.format("t.typstorage"),
            differs="a.attstorage <> t.typstorage",
        ),
        _SETTING.format(
            kind="compression",
            set="SET COMPRESSION %s",
            value="CASE a.attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END",
            reset="SET COMPRESSION %s",
            before="'DEFAULT'",
            differs="a.attcompression <> ''",
        ),
        _SETTING.format(
            kind="statistics target",
            set="SET STATISTICS %s",
            value="a.attstattarget",
            reset="SET STATISTICS %s",
            before="-1",
            differs="a.attstattarget >= 0",
        ),
        _SETTING.format(
            kind="column options",
            set="SET (%s)",
            value=storage_options(_SETTABLE),
            reset="RESET (%s)",
            before=f"(SELECT string_agg(split_part(o, '=', 1), ', ') FROM unnest({_SETTABLE}) AS o)",
            differs=f"cardinality({_SETTABLE}) > 0",
        ),
    )
)

ROW_SECURITY = f"""{COMMON}
SELECT NULL::oid, NULL::oid, 0, 'row security', r.name, '',
  concat_ws(E'\\n', CASE WHEN r.relrowsecurity THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', r.name) END,
    CASE WHEN r.relforcerowsecurity THEN format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', r.name) END),
  format(E'ALTER TABLE %1$s DISABLE ROW LEVEL SECURITY;\\nALTER TABLE %1$s NO FORCE ROW LEVEL SECURITY;', r.name),
  NULL::oid, r.identity, ARRAY[r.identity], '{{}}'::jsonb
FROM relation AS r WHERE r.relkind IN ('r', 'p') AND (r.relrowsecurity OR r.relforcerowsecurity)
"""

REPLICA_IDENTITY = f"""{COMMON}
SELECT NULL::oid, NULL::oid, 0, 'replica identity', r.name, '',
  format('ALTER TABLE %s REPLICA IDENTITY %s;', r.name,
    CASE r.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX ' || quote_ident(x.relname) END),
  format('ALTER TABLE %s REPLICA IDENTITY DEFAULT;', r.name), NULL::oid, r.identity,
  ARRAY_REMOVE(ARRAY[r.identity, coalesce('constraint ' || r.name || '.' || quote_ident(k.conname),
    'index ' || x.name)],
    NULL), '{{}}'::jsonb
FROM relation AS r
LEFT JOIN pg_index AS i ON i.indrelid = r.oid AND i.indisreplident
LEFT JOIN relation AS x ON x.oid = i.indexrelid
LEFT JOIN pg_constraint AS k ON k.conindid = x.oid AND k.contype IN ('p', 'u', 'x')
WHERE r.relkind IN ('r', 'p') AND (r.relreplident IN ('f', 'n') OR (r.relreplident = 'i' AND x.oid IS NOT NULL))
"""

INHERITANCE = f"""{COMMON}
SELECT NULL::oid, NULL::oid, 0, CASE WHEN c.relispartition THEN 'partition' ELSE 'inheritance' END,
  CASE WHEN c.relispartition THEN c.name ELSE format('%s from %s', c.name, p.name) END, '',
  CASE WHEN c.relispartition
    THEN format('ALTER TABLE %s ATTACH PARTITION %s %s;', p.name, c.name, pg_get_expr(c.relpartbound, c.oid))
    ELSE format('ALTER TABLE %s INHERIT %s;', c.name, p.name) END,
  CASE WHEN c.relispartition THEN format('ALTER TABLE %s DETACH PARTITION %s;', p.name, c.name)
    ELSE format('ALTER TABLE %s NO INHERIT %s;', c.name, p.name) END,
  NULL::oid, c.identity, ARRAY[c.identity, p.identity],
  jsonb_build_object('child', c.name, 'parent', p.name)
FROM pg_inherits AS h JOIN relation AS c ON c.oid = h.inhrelid JOIN relation AS p ON p.oid = h.inhparent
WHERE c.relkind IN ('r', 'p')
"""

SEQUENCES = f"""{COMMON}
SELECT 'pg_class'::regclass::oid, r.oid, 0, 'sequence', r.name, 'SEQUENCE ' || r.name,
  format('CREATE %sSEQUENCE %s AS %s;', CASE r.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, r.name, shape),
  'DROP SEQUENCE ' || r.name || ';', r.relowner, 'schema ' || quote_ident(r.nspname), '{{}}'::text[],
  jsonb_build_object('shape', shape, 'unlogged', r.relpersistence = 'u')
FROM relation AS r JOIN pg_sequence AS s ON s.seqrelid = r.oid,
LATERAL (SELECT format('%s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s %sCYCLE', s.seqtypid::regtype,
  s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ''
    ELSE 'NO ' END) AS shape) AS o
WHERE NOT EXISTS (SELECT FROM pg_depend AS d
  WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype = 'i')
"""

OWNED_SEQUENCES = f"""{COMMON}
SELECT NULL::oid, NULL::oid, 0, 'owned sequence', r.name, '',
  format('ALTER SEQUENCE %s OWNED BY %s.%I;', r.name, t.name, a.attname),
  format('ALTER SEQUENCE %s OWNED BY NONE;', r.name), NULL::oid, r.identity,
  ARRAY[r.identity, 'column ' || t.name || '.' || quote_ident(a.attname)], '{{}}'::jsonb
FROM relation AS r
JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
  AND d.refobjsubid > 0 AND d.deptype = 'a'
JOIN relation AS t ON t.oid = d.refobjid
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE r.relkind = 'S'
"""

SCHEMAS = f"""{COMMON}
SELECT 'pg_namespace'::regclass::oid, n.oid, 0, 'schema', n.name, 'SCHEMA ' || n.name,
  CASE n.nspname WHEN 'public' THEN '' WHEN 'slate' THEN 'CREATE SCHEMA IF NOT EXISTS slate;'
    ELSE format('CREATE SCHEMA %s;', n.name) END,
  -- slate has the archive's own record.
  CASE WHEN n.nspname IN ('public', 'slate') THEN '' ELSE format('DROP SCHEMA %s;', n.name) END,
  CASE WHEN n.nspname <> 'public' OR (n.nspowner <> 10 AND pg_get_userbyid(n.nspowner) <> 'pg_database_owner')
    THEN n.nspowner END, NULL::text, {NOTHING}
FROM namespace AS n
-- Alone with a record in it, slate is none of the schema.
WHERE n.nspname <> 'slate' OR EXISTS (SELECT FROM relation AS r WHERE r.relnamespace = n.oid AND r.relkind IN ('r',
  'p', 'v', 'm'))
  OR EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = n.oid)
UNION ALL
SELECT NULL::oid, NULL::oid, 0, 'absence of', 'schema public', '', 'DROP SCHEMA public;',
  -- Of public this is no grant of its own: every new database has it.
  'CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;',
  NULL::oid, NULL::text, {NOTHING}
WHERE to_regnamespace('public') IS NULL
"""

EXTENSIONS = f"""{COMMON}
SELECT 'pg_extension'::regclass::oid, e.oid, 0, 'extension', quote_ident(e.extname),
  'EXTENSION ' || quote_ident(e.extname),
  format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I;', e.extname, s.nspname),
  format('DROP EXTENSION %I;', e.extname), NULL::oid, NULL::text, {NOTHING}
FROM pg_extension AS e JOIN pg_namespace AS s ON s.oid = e.extnamespace WHERE e.extname <> 'plpgsql'
"""

ALL = (
    SCHEMAS,
    EXTENSIONS,
    TABLES,
    COLUMNS,
    DEFAULTS,
    COLUMN_SETTINGS,
    ROW_SECURITY,
    REPLICA_IDENTITY,
    INHERITANCE,
    SEQUENCES,
    OWNED_SEQUENCES,
)
