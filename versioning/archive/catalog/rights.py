"""Comments, owners, grants and default privileges."""

from versioning.archive.catalog.common import COMMON

# With what they are on, where that is no item but a part of one: a column of a view, an index of a constraint.
COMMENTS = """
SELECT d.classoid, d.objoid, d.objsubid, d.description,
  CASE WHEN a.attnum IS NOT NULL AND c.relkind IN ('v', 'm', 'c')
    THEN format('COLUMN %s.%I',
      CASE c.relkind WHEN 'c' THEN format_type(c.reltype, NULL) ELSE c.oid::regclass::text END,
      a.attname)
    WHEN k.oid IS NOT NULL THEN 'INDEX ' || c.oid::regclass END
FROM pg_description AS d
LEFT JOIN pg_class AS c ON d.classoid = 'pg_class'::regclass AND c.oid = d.objoid
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0
LEFT JOIN pg_constraint AS k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
WHERE d.objoid >= 16384
"""

# Per grantee, what the object has and what PostgreSQL, or the object's extension, gives by itself. With the columns,
# which have nothing by themselves.
GRANTS = """
WITH granted AS (
  SELECT 'pg_class'::regclass AS class, c.oid, 0 AS subid, c.relacl AS acl, c.relowner AS owner,
    CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END AS type, CASE c.relkind WHEN 'S' THEN 'SEQUENCE'
      ELSE 'TABLE' END AS word,
    c.oid::regclass::text AS name
  FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid, 0, p.proacl, p.proowner, 'f',
    CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure::text FROM pg_proc AS p
  UNION ALL
  SELECT 'pg_namespace'::regclass, n.oid, 0, n.nspacl, n.nspowner, 'n', 'SCHEMA', n.oid::regnamespace::text
    FROM pg_namespace AS n
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, 0, t.typacl, t.typowner, 'T', CASE t.typtype WHEN 'd' THEN 'DOMAIN'
    ELSE 'TYPE' END,
    format_type(t.oid, NULL) FROM pg_type AS t
      WHERE t.typelem = 0 OR t.typsubscript::oid <> 'array_subscript_handler'::regproc
),
entry AS (
  SELECT g.class, g.oid, g.subid, g.type, g.word, g.name, NULL::name AS attname, g.owner, x.*,
    e.classid IS NOT NULL AS of_extension
  FROM granted AS g
  LEFT JOIN pg_init_privs AS i ON i.classoid = g.class AND i.objoid = g.oid AND i.objsubid = 0 AND i.privtype = 'e'
  LEFT JOIN pg_depend AS e ON e.classid = g.class AND e.objid = g.oid AND e.deptype = 'e',
  LATERAL (
    SELECT true AS is_base, b.* FROM aclexplode(CASE
      WHEN g.class = 'pg_namespace'::regclass AND g.name = 'public'
        THEN acldefault('n', g.owner) || makeaclitem(0, g.owner, 'USAGE', false)
      ELSE coalesce(i.initprivs, acldefault(g.type::"char", g.owner)) END) AS b
    UNION ALL
    SELECT false, a.* FROM aclexplode(coalesce(g.acl, acldefault(g.type::"char", g.owner))) AS a
    WHERE NOT (g.class = 'pg_namespace'::regclass AND g.name = 'public' AND a.grantee = g.owner)
    UNION ALL
    SELECT false, a.* FROM aclexplode(acldefault(g.type::"char", g.owner)) AS a
    WHERE g.class = 'pg_namespace'::regclass AND g.name = 'public' AND a.grantee = g.owner
  ) AS x
  WHERE g.oid >= 16384 OR (g.class = 'pg_namespace'::regclass AND g.name = 'public')
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, a.attnum::int, 'column', 'TABLE', c.oid::regclass::text, a.attname, c.relowner,
    false, x.*, false
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid, aclexplode(a.attacl) AS x
  WHERE c.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT e.class::oid, e.oid, e.subid, e.type, e.word, e.name, quote_ident(e.attname), e.grantee, e.of_extension,
  coalesce(array_agg(DISTINCT privilege ORDER BY privilege) FILTER (WHERE is_base AND NOT is_grantable), '{}'),
  coalesce(array_agg(DISTINCT privilege ORDER BY privilege) FILTER (WHERE is_base AND is_grantable), '{}'),
  coalesce(array_agg(DISTINCT privilege ORDER BY privilege) FILTER (WHERE NOT is_base AND NOT is_grantable), '{}'),
  coalesce(array_agg(DISTINCT privilege ORDER BY privilege) FILTER (WHERE NOT is_base AND is_grantable), '{}')
FROM entry AS e,
LATERAL (SELECT CASE WHEN e.attname IS NULL THEN e.privilege_type ELSE format('%s (%I)', e.privilege_type,
  e.attname) END
  COLLATE "C" AS privilege) AS p
GROUP BY e.class, e.oid, e.subid, e.type, e.word, e.name, e.attname, e.grantee, e.of_extension
"""

DEFAULT_PRIVILEGES = f"""{COMMON}
SELECT a.oid, a.defaclrole, quote_ident(n.nspname), a.defaclobjtype::text, x.grantee, x.is_base, x.privilege_type,
  x.is_grantable
FROM pg_default_acl AS a LEFT JOIN pg_namespace AS n ON n.oid = a.defaclnamespace,
LATERAL (
  SELECT false AS is_base, e.grantee, e.privilege_type, e.is_grantable FROM aclexplode(a.defaclacl) AS e
  UNION ALL
  SELECT true, e.grantee, e.privilege_type, e.is_grantable
  FROM aclexplode(acldefault(translate(a.defaclobjtype, 'S', 's')::"char", a.defaclrole)) AS e
    WHERE a.defaclnamespace = 0) AS x
WHERE a.defaclnamespace = 0 OR EXISTS (SELECT FROM namespace AS s WHERE s.oid = a.defaclnamespace)
"""

# All that can be granted on a table, sequence, function, type or schema by this version.
ALL_PRIVILEGES = """
SELECT t, array_agg(x.privilege_type ORDER BY x.privilege_type COLLATE "C")
FROM unnest(ARRAY['r', 's', 'f', 'T', 'n']) AS t, aclexplode(acldefault(t::"char", 10)) AS x
  WHERE x.grantee = 10 GROUP BY t
"""

ROLES = """
SELECT r.oid, CASE WHEN r.oid = d.datdba THEN 'CURRENT_ROLE' ELSE quote_ident(r.rolname) END
FROM pg_roles AS r, pg_database AS d
WHERE d.datname = current_database() AND (r.oid = d.datdba OR r.rolname <> coalesce(%s, current_user))
UNION ALL SELECT 0, 'PUBLIC'
"""

# What nothing of the archive makes: named, so that nobody thinks it is there.
LEFT_OUT = """
SELECT o.type || ' ' || o.identity FROM (
  SELECT 'pg_operator'::regclass AS class, oid FROM pg_operator UNION ALL
  SELECT 'pg_opclass'::regclass, oid FROM pg_opclass UNION ALL
  SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily UNION ALL
  SELECT 'pg_cast'::regclass, oid FROM pg_cast UNION ALL
  SELECT 'pg_conversion'::regclass, oid FROM pg_conversion UNION ALL
  SELECT 'pg_transform'::regclass, oid FROM pg_transform UNION ALL
  SELECT 'pg_language'::regclass, oid FROM pg_language UNION ALL
  SELECT 'pg_am'::regclass, oid FROM pg_am UNION ALL
  SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config UNION ALL
  SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict UNION ALL
  SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser UNION ALL
  SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template UNION ALL
  SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper UNION ALL
  SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server UNION ALL
  SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relkind = 'f' OR reloftype <> 0 UNION ALL
  SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typtype = 'b'
    AND typsubscript::oid <> 'array_subscript_handler'::regproc
    UNION ALL
  SELECT 'pg_type'::regclass, t.oid FROM pg_type AS t JOIN pg_range AS r ON r.rngtypid = t.oid
    WHERE r.rngcanonical::oid <> 0
) AS l, LATERAL pg_identify_object(l.class, l.oid, 0) AS o
WHERE l.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = l.class AND d.objid = l.oid AND d.deptype IN ('e', 'i'))
ORDER BY 1
"""
