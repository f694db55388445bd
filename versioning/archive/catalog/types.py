"""Types and collations."""

from versioning.archive.catalog.common import COMMON, NOTHING

_SHOWN = (
    COMMON
    + """,
shown AS (
  SELECT t.*, n.name || '.' || quote_ident(t.typname) AS name FROM pg_type AS t
    JOIN namespace AS n ON n.oid = t.typnamespace
  WHERE NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid))
"""
)

ENUMS = f"""{_SHOWN}
SELECT 'pg_type'::regclass::oid, t.oid, 0, 'enum', t.name, 'TYPE ' || t.name,
  format('CREATE TYPE %s AS ENUM (%s);', t.name, string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)),
  'DROP TYPE ' || t.name || ';', t.typowner, NULL::text, '{{}}'::text[],
  jsonb_build_object('labels', jsonb_agg(e.enumlabel ORDER BY e.enumsortorder))
FROM shown AS t LEFT JOIN pg_enum AS e ON e.enumtypid = t.oid
WHERE t.typtype = 'e' GROUP BY t.oid, t.name, t.typowner
"""

COMPOSITES = f"""{_SHOWN}
SELECT 'pg_type'::regclass::oid, t.oid, 0, 'composite type', t.name, 'TYPE ' || t.name,
  format(E'CREATE TYPE %s AS (%s);', t.name, string_agg(E'\\n    ' || a.text, ',' ORDER BY a.attnum) || E'\\n'),
  'DROP TYPE ' || t.name || ';', t.typowner, NULL::text, '{{}}'::text[],
  jsonb_build_object('attributes', coalesce(jsonb_object_agg(a.name, a.definition) FILTER (WHERE a.name IS NOT NULL),
    '{{}}'))
FROM shown AS t
JOIN pg_class AS c ON c.oid = t.typrelid AND c.relkind = 'c'
LEFT JOIN LATERAL (
  SELECT a.attnum, quote_ident(a.attname) AS name, definition, quote_ident(a.attname) || ' ' || definition AS text
  FROM pg_attribute AS a JOIN pg_type AS b ON b.oid = a.atttypid,
  LATERAL (SELECT concat_ws(' ', format_type(a.atttypid, a.atttypmod), 'COLLATE '
    || CASE WHEN a.attcollation <> b.typcollation THEN nullif(a.attcollation,
      0)::regcollation::text END) AS definition) AS d
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS a ON true
WHERE t.typtype = 'c' GROUP BY t.oid, t.name, t.typowner
"""

DOMAINS = f"""{_SHOWN}
SELECT 'pg_type'::regclass::oid, t.oid, 0, 'domain', t.name, 'DOMAIN ' || t.name,
  concat_ws(' ', 'CREATE DOMAIN', t.name, 'AS', base, 'DEFAULT ' || preset, CASE WHEN t.typnotnull THEN 'NOT NULL' END)
    || ';',
  'DROP DOMAIN ' || t.name || ';', t.typowner, NULL::text, '{{}}'::text[],
  jsonb_build_object('base', base, 'default', preset, 'not_null', t.typnotnull)
FROM shown AS t JOIN pg_type AS b ON b.oid = t.typbasetype,
LATERAL (SELECT concat_ws(' ', format_type(t.typbasetype, t.typtypmod), 'COLLATE '
    || CASE WHEN t.typcollation <> b.typcollation THEN nullif(t.typcollation, 0)::regcollation::text END) AS base,
  coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)) AS preset) AS o
WHERE t.typtype = 'd'
"""

RANGES = f"""{_SHOWN}
SELECT 'pg_type'::regclass::oid, t.oid, 0, 'range', t.name, 'TYPE ' || t.name,
  format('CREATE TYPE %s AS RANGE (%s);', t.name, concat_ws(', ', 'SUBTYPE = ' || format_type(r.rngsubtype, NULL),
    CASE WHEN NOT c.opcdefault THEN format('SUBTYPE_OPCLASS = %I.%I', o.nspname, c.opcname) END,
    'COLLATION = ' || CASE WHEN r.rngcollation <> b.typcollation THEN r.rngcollation::regcollation::text END,
    'SUBTYPE_DIFF = ' || nullif(r.rngsubdiff::oid, 0)::regproc, 'MULTIRANGE_TYPE_NAME = ' || m.name)),
  'DROP TYPE ' || t.name || ';', t.typowner, NULL::text, {NOTHING}
FROM shown AS t
JOIN pg_range AS r ON r.rngtypid = t.oid
JOIN pg_type AS b ON b.oid = r.rngsubtype
JOIN pg_opclass AS c ON c.oid = r.rngsubopc JOIN pg_namespace AS o ON o.oid = c.opcnamespace
JOIN shown AS m ON m.oid = r.rngmultitypid
WHERE r.rngcanonical::oid = 0
"""

# The columns for the locale have other names in other versions.
COLLATIONS = f"""{COMMON}
SELECT 'pg_collation'::regclass::oid, c.oid, 0, 'collation', c.name, 'COLLATION ' || c.name,
  format('CREATE COLLATION %s (%s);', c.name, concat_ws(', ',
    'PROVIDER = ' || CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
    CASE WHEN c.collprovider = 'c' AND c.collcollate <> c.collctype
      THEN format('LC_COLLATE = %L, LC_CTYPE = %L', c.collcollate, c.collctype)
      ELSE format('LOCALE = %L', coalesce(c.entry ->> 'colllocale', c.entry ->> 'colliculocale', c.collcollate)) END,
    'RULES = ' || quote_literal(c.entry ->> 'collicurules'),
    CASE WHEN NOT c.collisdeterministic THEN 'DETERMINISTIC = false' END)),
  'DROP COLLATION ' || c.name || ';', c.collowner, NULL::text, {NOTHING}
FROM (SELECT l.*, to_jsonb(l) AS entry, n.name || '.' || quote_ident(l.collname) AS name
      FROM pg_collation AS l JOIN namespace AS n ON n.oid = l.collnamespace
      WHERE NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_collation'::regclass AND m.objid = l.oid)) AS c
"""

ALL = (ENUMS, COMPOSITES, DOMAINS, RANGES, COLLATIONS)
