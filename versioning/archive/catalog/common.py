"""What all queries begin with: which objects a schema has, and how they are called in DDL.

Every query gives the same columns: class, oid and subobject as in pg_depend; kind, name, target, create, drop as of an
Item; the owner's oid; inside; needs; facts. The session has an empty search_path, so that all names come qualified.
"""

# Tables by which the verbs of slate-schema keep their records.
_LEDGERS = "'patch', 'release', 'release_activation', 'release_calls', 'archive_version', 'archive_delta'"

COMMON = rf"""
WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
namespace AS (
  SELECT n.*, quote_ident(n.nspname) AS name FROM pg_namespace AS n
  WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pov')
    AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_namespace'::regclass AND m.objid = n.oid)),
relation AS (
  SELECT c.*, n.nspname, n.name || '.' || quote_ident(c.relname) AS name,
    CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' ELSE 'table' END
      || ' ' || n.name || '.' || quote_ident(c.relname) AS identity
  FROM pg_class AS c JOIN namespace AS n ON n.oid = c.relnamespace
  WHERE NOT (n.nspname = 'slate' AND c.relname IN ({_LEDGERS})) AND c.reloftype = 0
    AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)),
routine AS (
  SELECT p.*, n.name AS schema, n.name || '.' || quote_ident(p.proname) || '('
    || pg_get_function_identity_arguments(p.oid) || ')' AS name, p.oid::regprocedure::text AS signature
  FROM pg_proc AS p JOIN namespace AS n ON n.oid = p.pronamespace
  WHERE NOT (n.nspname = 'public' AND p.proname = 'pov' AND to_regnamespace('pov') IS NOT NULL)
    AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
    -- Constructors of ranges come and go with their types.
    AND NOT EXISTS (SELECT FROM pg_depend AS d
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i'))
"""

NOTHING = "'{}'::text[], '{}'::jsonb"
"""No needs beyond those of pg_depend, and no facts."""


def storage_options(array: str) -> str:
    """SQL for the options in an array of name=value, as a list for WITH (…), or NULL.

    :param array: SQL of the array.
    """
    return f"""(SELECT string_agg(split_part(o, '=', 1) || '=' || quote_literal(substr(o, strpos(o, '=') + 1)), ', '
      ORDER BY o COLLATE "C") FROM unnest({array}) AS o)"""
