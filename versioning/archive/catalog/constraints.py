"""Indexes, constraints and extended statistics."""

from versioning.archive.catalog.common import COMMON, NOTHING

_IDENTITY_OF_INDEX = "coalesce('constraint ' || {t}.name || '.' || quote_ident({k}.conname), 'index ' || {x}.name)"

# An index that is not valid, of CREATE INDEX CONCURRENTLY that was cut short, is as good as none.
INDEXES = f"""{COMMON}
SELECT 'pg_class'::regclass::oid, x.oid, 0, 'index', x.name, 'INDEX ' || x.name, pg_get_indexdef(x.oid) || ';',
  'DROP INDEX ' || x.name || ';', NULL::oid, t.identity, ARRAY[t.identity],
  jsonb_build_object('valid', i.indisvalid)
FROM pg_index AS i JOIN relation AS x ON x.oid = i.indexrelid JOIN relation AS t ON t.oid = i.indrelid
WHERE (i.indisvalid OR x.relkind = 'I')
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x'))
"""

# That a column is not null is the column's; PostgreSQL 18 alone keeps rows for it here.
CONSTRAINTS = f"""{COMMON}
SELECT 'pg_constraint'::regclass::oid, k.oid, 0, 'constraint', t.name || '.' || quote_ident(k.conname),
  format('CONSTRAINT %I ON %s', k.conname, t.name),
  format('ALTER TABLE %s%s ADD CONSTRAINT %I %s;', CASE WHEN k.contype IN ('p', 'u', 'x') THEN 'ONLY ' ELSE '' END,
    t.name, k.conname, pg_get_constraintdef(k.oid)),
  format('ALTER TABLE %s DROP CONSTRAINT %I;', t.name, k.conname), NULL::oid, t.identity, ARRAY[t.identity],
  jsonb_build_object('type', k.contype, 'table', t.name, 'name', quote_ident(k.conname), 'validated', k.convalidated,
    'inherited', k.coninhcount > 0 AND k.contype = 'c', 'definition', pg_get_constraintdef(k.oid),
    'inherits', k.contype = 'c' AND NOT k.connoinherit)
FROM pg_constraint AS k JOIN relation AS t ON t.oid = k.conrelid
WHERE k.contype IN ('c', 'p', 'u', 'x') OR (k.contype = 'f' AND k.conparentid = 0)
"""

DOMAIN_CONSTRAINTS = f"""{COMMON}
SELECT 'pg_constraint'::regclass::oid, k.oid, 0, 'constraint', d.name || '.' || quote_ident(k.conname),
  format('CONSTRAINT %I ON DOMAIN %s', k.conname, d.name),
  format('ALTER DOMAIN %s ADD CONSTRAINT %I %s;', d.name, k.conname, pg_get_constraintdef(k.oid)),
  format('ALTER DOMAIN %s DROP CONSTRAINT %I;', d.name, k.conname), NULL::oid, 'domain ' || d.name,
  ARRAY['domain ' || d.name], '{{}}'::jsonb
FROM pg_constraint AS k
JOIN (SELECT t.oid, n.name || '.' || quote_ident(t.typname) AS name FROM pg_type AS t
      JOIN namespace AS n ON n.oid = t.typnamespace) AS d ON d.oid = k.contypid
WHERE k.contype = 'c'
"""

ATTACHED_INDEXES = f"""{COMMON}
SELECT NULL::oid, NULL::oid, 0, 'attached index', x.name, '',
  format('ALTER INDEX %s ATTACH PARTITION %s;', px.name, x.name), '', NULL::oid, attached,
  ARRAY[attached, parent, 'partition ' || t.name], jsonb_build_object('child', attached, 'parent', parent)
FROM pg_inherits AS h
JOIN relation AS x ON x.oid = h.inhrelid
JOIN relation AS px ON px.oid = h.inhparent
JOIN pg_index AS i ON i.indexrelid = x.oid JOIN relation AS t ON t.oid = i.indrelid
JOIN pg_index AS pi ON pi.indexrelid = px.oid JOIN relation AS pt ON pt.oid = pi.indrelid
LEFT JOIN pg_constraint AS k ON k.conindid = x.oid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_constraint AS pk ON pk.conindid = px.oid AND pk.contype IN ('p', 'u', 'x'),
LATERAL (SELECT {_IDENTITY_OF_INDEX.format(t="t", k="k", x="x")} AS attached,
  {_IDENTITY_OF_INDEX.format(t="pt", k="pk", x="px")} AS parent) AS o
"""

# The server tells columns by their physical places, which are no part of a schema: here by their names.
STATISTICS = f"""{COMMON}
SELECT 'pg_statistic_ext'::regclass::oid, s.oid, 0, 'statistics', n.name || '.' || quote_ident(s.stxname),
  format('STATISTICS %s.%I', n.name, s.stxname),
  replace(pg_get_statisticsobjdef(s.oid), ' ON ' || shown || ' FROM ',
    ' ON ' || coalesce(by_name, '') || substr(shown, coalesce(length(by_place), 0) + 1) || ' FROM ') || ';',
  format('DROP STATISTICS %s.%I;', n.name, s.stxname), s.stxowner, r.identity, {NOTHING}
FROM pg_statistic_ext AS s JOIN namespace AS n ON n.oid = s.stxnamespace JOIN relation AS r ON r.oid = s.stxrelid,
LATERAL (SELECT pg_get_statisticsobjdef_columns(s.oid) AS shown,
  string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS by_place,
  string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") AS by_name
  FROM pg_attribute AS a WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys)) AS o
"""

ALL = (INDEXES, CONSTRAINTS, DOMAIN_CONSTRAINTS, ATTACHED_INDEXES, STATISTICS)
