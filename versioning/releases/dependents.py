"""Who needs a schema: what depends on its objects, whose search_path names it, and whose code does."""

from collections.abc import Sequence
from dataclasses import dataclass

from init_slate_db.core.connection import Connection
from versioning.releases import paths
from versioning.releases.renaming import Renaming

# All that would go with the schema. A rule goes with its view, which depends on nothing itself: so what is an internal
# part of another thing leads to that. A column goes alone.
_DEPENDING = """
WITH RECURSIVE needs(classid, objid, objsubid) AS (
  SELECT 'pg_namespace'::regclass::oid, n.oid, 0 FROM pg_namespace AS n WHERE n.nspname = %(schema)s
  UNION
  SELECT d.classid, d.objid, d.objsubid FROM needs AS n
  JOIN LATERAL (
    SELECT d.classid, d.objid, d.objsubid FROM pg_depend AS d
    WHERE d.refclassid = n.classid AND d.refobjid = n.objid AND (n.objsubid = 0 OR d.refobjsubid = n.objsubid)
    UNION ALL
    SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_depend AS d
    WHERE d.classid = n.classid AND d.objid = n.objid AND d.deptype = 'i'
  ) AS d ON true
), placed AS (
  -- Triggers, policies and the like lie where their relation lies.
  SELECT n.classid, n.objid, i.type || ' ' || i.identity AS name,
         coalesce(i.schema, (
           SELECT c.relnamespace::regnamespace::text FROM pg_depend AS d
           JOIN pg_class AS c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid
           WHERE d.classid = n.classid AND d.objid = n.objid AND d.deptype IN ('a', 'i') LIMIT 1)) AS place
  FROM needs AS n, LATERAL pg_identify_object(n.classid, n.objid, n.objsubid) AS i
  WHERE n.classid NOT IN ('pg_default_acl'::regclass, 'pg_rewrite'::regclass, 'pg_namespace'::regclass)
)
SELECT DISTINCT p.name FROM placed AS p
WHERE p.place IS DISTINCT FROM quote_ident(%(schema)s) AND p.place IS DISTINCT FROM 'pg_toast'
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = p.classid AND d.objid = p.objid AND d.deptype = 'i')
ORDER BY 1
"""
_CODE = """
SELECT p.oid::regprocedure::text, l.lanname::text, p.prosrc, coalesce(p.proconfig::text, '')
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', %(schema)s)
  AND strpos(lower(concat_ws(' ', p.prosrc, p.proconfig::text)), lower(%(schema)s)) > 0
ORDER BY 1
"""


@dataclass(frozen=True)
class Dependents:
    """What needs a schema. objects: what would go with it. settings, code: what would fail afterwards."""

    objects: Sequence[str]
    settings: Sequence[str]
    code: Sequence[str]

    def all(self) -> list[str]:
        return [*self.objects, *self.settings, *self.code]


def find(connection: Connection, schema: str) -> Dependents:
    """All that is outside of the schema and needs it."""
    return Dependents(find_objects(connection, schema), _settings(connection, schema), _code(connection, schema))


def find_objects(connection: Connection, schema: str) -> list[str]:
    """The objects outside of the schema that depend on those in it, by kind and name."""
    return [name for (name,) in connection.execute(_DEPENDING, {"schema": schema})]


def _settings(connection: Connection, schema: str) -> list[str]:
    return [f"{one.owner}: search_path = {one.path}" for one in paths.read(connection) if schema in one.schemas]


def _code(connection: Connection, schema: str) -> list[str]:
    renaming = Renaming(schema, schema)
    return [
        f"function {signature}, whose {'settings name' if renaming.mention(settings) else 'body names'} it"
        for signature, language, body, settings in connection.execute(_CODE, {"schema": schema})
        if renaming.mention(settings) or renaming.leftovers_in(body, language)
    ]
