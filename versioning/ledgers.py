"""Ledgers: tables in schema slate in which a database keeps what was done to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from psycopg.rows import class_row

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from init_slate_db.core.sql_files import SqlObject, read_object

# By names in the catalogs: to_regclass raises where the schema is closed to the role. Nothing in it is for operators of
# others to fit better, since sessions in which patches run have the search_path of the role.
_LOOK = """
SELECT n.oid IS NOT NULL AS has_schema, c.oid IS NOT NULL AS has_table,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS may_read,
       pg_get_userbyid(c.relowner) AS owner, current_user AS role
FROM (SELECT) AS one
LEFT JOIN pg_namespace AS n ON n.nspname = 'slate'
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = %s
"""


@dataclass(frozen=True)
class _Look:
    """What a session sees of a ledger. may_read, owner: None where it is not there."""

    has_schema: bool
    has_table: bool
    may_read: bool | None
    owner: str | None
    role: str


def is_there(connection: Connection, *tables: str) -> bool:
    """Whether the database has the ledger, which can be read then. tables: its tables, with their schema.

    :raises SlateError: no-right: it is there, and the role may not read it.
    """
    seen = _look(connection, tables[0])
    if seen.has_table and not seen.may_read:
        raise SlateError(
            "no-right",
            f'Role "{seen.role}" may not read the ledger of database "{connection.info.dbname}", table {tables[0]}.',
            hint=f'Use role "{seen.owner}", or have it run: GRANT USAGE ON SCHEMA slate TO "{seen.role}";'
            f' GRANT SELECT ON {", ".join(tables)} TO "{seen.role}"',
        )
    return seen.has_table


def ensure(connection: Connection, table: str, read_objects: Callable[[], Iterable[SqlObject]]) -> None:
    """Makes the ledger where there is none, in the caller's transaction. For a run that nobody else can be beside."""
    seen = _look(connection, table)
    if not seen.has_schema:
        connection.execute(read_object("schema", "slate").sql.encode())
    if not seen.has_table:
        for item in read_objects():
            connection.execute(item.sql.encode())


def _look(connection: Connection, table: str) -> _Look:
    seen = connection.cursor(row_factory=class_row(_Look)).execute(_LOOK, (table.removeprefix("slate."),)).fetchone()
    assert seen
    return seen
