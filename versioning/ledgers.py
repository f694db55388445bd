"""Ledgers: tables in schema slate in which a database keeps what was done to it."""

from collections.abc import Callable, Iterable

from init_slate_db.core.connection import Connection
from init_slate_db.core.sql_files import SqlObject, read_object

# By names in the catalogs: to_regclass raises where the schema is closed to the role.
_IS_THERE = """
SELECT n.oid IS NOT NULL,
       EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid AND format('slate.%%s', c.relname) = %s)
FROM (SELECT) AS one LEFT JOIN pg_namespace AS n ON n.nspname = 'slate'
"""


def is_there(connection: Connection, table: str) -> bool:
    """Whether the database has the ledger. table: one of its tables, with its schema."""
    return _look(connection, table)[1]


def ensure(connection: Connection, table: str, read_objects: Callable[[], Iterable[SqlObject]]) -> None:
    """Makes the ledger where there is none, in the caller's transaction. For a run that nobody else can be beside."""
    has_schema, has_table = _look(connection, table)
    if not has_schema:
        connection.execute(read_object("schema", "slate").sql.encode())
    if not has_table:
        for item in read_objects():
            connection.execute(item.sql.encode())


def _look(connection: Connection, table: str) -> tuple[bool, bool]:
    row = connection.execute(_IS_THERE, (table,)).fetchone()
    assert row
    return row[0], row[1]
