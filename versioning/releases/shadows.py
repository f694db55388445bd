"""What is not what it seems along a search_path: names that hide others, and calls into another version."""

from collections.abc import Sequence

from init_slate_db.core.connection import Connection
from init_slate_db.core.findings import Finding
from versioning.releases import ledger
from versioning.releases.naming import split
from versioning.releases.renaming import Renaming

# pg_catalog stands before all others, unless the path names it.
_HIDDEN = """
WITH path AS (
  SELECT n.oid, u.place FROM unnest(%(path)s::text[]) WITH ORDINALITY AS u(name, place)
  JOIN pg_namespace AS n ON n.nspname = u.name
), named AS (
  SELECT 'function' AS kind, p.proname || '(' || oidvectortypes(p.proargtypes) || ')' AS name, path.place,
         p.pronamespace
  FROM pg_proc AS p JOIN path ON path.oid = p.pronamespace
  UNION ALL
  SELECT 'type or table', t.typname, path.place, t.typnamespace FROM pg_type AS t JOIN path ON path.oid = t.typnamespace
  WHERE t.typelem = 0
)
SELECT first.kind, first.name, first.pronamespace::regnamespace::text, other.pronamespace::regnamespace::text
FROM named AS first JOIN named AS other USING (kind, name)
WHERE first.place < other.place
  AND %(schema)s IN (first.pronamespace::regnamespace::text, other.pronamespace::regnamespace::text)
ORDER BY 1, 2
"""
_BODIES = """
SELECT p.oid::regprocedure::text, l.lanname::text, p.prosrc, coalesce(p.proconfig::text, ''),
       ARRAY(SELECT DISTINCT n.nspname::text FROM pg_depend AS d
             LEFT JOIN pg_proc AS f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
             LEFT JOIN pg_type AS t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
             LEFT JOIN pg_class AS c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid
             JOIN pg_namespace AS n ON n.oid = coalesce(f.pronamespace, t.typnamespace, c.relnamespace)
             WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid)
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) ORDER BY 1
"""


def look(connection: Connection, schema: str, path: Sequence[str]) -> list[Finding]:
    """What deserves a look before the path is used: findings that end nothing."""
    full = path if "pg_catalog" in path else ["pg_catalog", *path]
    hidden = connection.execute(_HIDDEN, {"path": list(full), "schema": schema}).fetchall()
    told = [f"{kind} {name} of {other} is hidden by that of {first}" for kind, name, first, other in hidden]
    told += _calls_elsewhere(connection, schema)
    return [Finding(f"look out: {text}") for text in told]


def _calls_elsewhere(connection: Connection, schema: str) -> list[str]:
    """The functions that name another version of the API, or the one without a version."""
    parts = split(schema)
    if parts is None:
        return []
    others = [
        name for name in ledger.read_schemas(connection) if name != schema and (split(name) or ("",))[0] == parts[0]
    ]
    others.append(parts[0])
    told = []
    for signature, language, body, settings, needed in connection.execute(_BODIES, (schema,)):
        for other in others:
            renaming = Renaming(other, other)
            if other in needed or renaming.leftovers_in(body, language) or renaming.mention(settings):
                told.append(f"function {signature} goes into schema {other}")
    return told
