"""What the catalogs of a database say of its routines, tables and views."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from init_slate_db.core.creation.plan import ROLES, role_names

Connection = psycopg.Connection[tuple[Any, ...]]

# Names sort as bytes, so that every server has one order. What an extension brought is that one's.
_ROUTINES = """
SELECT n.nspname, p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
       oidvectortypes(p.proargtypes), coalesce(obj_description(p.oid, 'pg_proc'), ''),
       p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype), p.proargmodes IS NOT NULL,
       ARRAY(SELECT r FROM unnest(%(roles)s::text[]) WITH ORDINALITY AS u (r, n)
             WHERE has_function_privilege(r, p.oid, 'EXECUTE') ORDER BY n)
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = ANY (%(schemas)s)
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
ORDER BY n.nspname, p.proname COLLATE "C", p.pronargs, oidvectortypes(p.proargtypes) COLLATE "C"
"""
_RELATIONS = """
SELECT c.oid, n.nspname, c.relname, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END,
       coalesce(obj_description(c.oid, 'pg_class'), '')
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
ORDER BY n.nspname, c.relname COLLATE "C"
"""
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(a.attrelid, a.attnum), '')
FROM pg_attribute AS a
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_TRIGGERS = """
SELECT t.tgname, replace(pg_get_triggerdef(t.oid), 'EXECUTE PROCEDURE', 'EXECUTE FUNCTION')
FROM pg_trigger AS t
WHERE t.tgrelid = 'public.events'::regclass AND NOT t.tgisinternal
ORDER BY t.tgname COLLATE "C"
"""
_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid) FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = 'public.events'::regclass
ORDER BY c.relname COLLATE "C"
"""


@dataclass(frozen=True)
class Routine:
    """A function or procedure. types: of its input arguments, which tell it from others of its name.

    result: "" where the OUT arguments say it all. roles: of those that were asked about, who may call it.
    """

    schema: str
    name: str
    arguments: str
    result: str
    types: str
    comment: str
    is_trigger: bool
    roles: tuple[str, ...]

    @property
    def identity(self) -> str:
        return f"{self.schema}.{self.name}({self.types})"

    @property
    def signature(self) -> str:
        return f"{self.name}({self.arguments})" + (f" → {self.result}" if self.result else "")


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Relation:
    """A table or a view: kind is the word."""

    schema: str
    name: str
    kind: str
    comment: str
    columns: tuple[Column, ...]


def read_routines(connection: Connection, schemas: Sequence[str], prefix: str = "") -> list[Routine]:
    """The routines of these schemas, by name.

    :param prefix: of the roles to ask about; "": none are.
    """
    names = role_names(prefix) if prefix else {}
    asked = {"schemas": list(schemas), "roles": list(names.values())}
    found = []
    for schema, name, arguments, result, types, comment, is_trigger, has_modes, roles in connection.execute(
        _ROUTINES, asked
    ):
        told = "" if has_modes and not result.startswith("SETOF") else result
        may = tuple(role for role in ROLES if names.get(role) in roles)
        found.append(Routine(schema, name, arguments, told, types, comment, is_trigger, may))
    return found


def read_relations(connection: Connection, schemas: Sequence[str]) -> list[Relation]:
    """The tables and views of these schemas, by name."""
    return [
        Relation(schema, name, kind, comment, tuple(Column(*row) for row in connection.execute(_COLUMNS, [oid])))
        for oid, schema, name, kind, comment in connection.execute(_RELATIONS, {"schemas": list(schemas)}).fetchall()
    ]


def read_triggers(connection: Connection) -> list[tuple[str, str]]:
    """The triggers of table events: name and definition."""
    return [(name, definition) for name, definition in connection.execute(_TRIGGERS)]


def read_indexes(connection: Connection) -> list[str]:
    """The definitions of the indexes of table events."""
    return [definition for (definition,) in connection.execute(_INDEXES)]
