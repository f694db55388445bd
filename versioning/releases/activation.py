"""The ledger of activations: which search_path was set, and what it was before."""

from dataclasses import dataclass

from psycopg.rows import class_row

from init_slate_db.core.connection import Connection

_ADD = "INSERT INTO slate.release_activation (schema_name, role_name, path_before, path_after) VALUES (%s, %s, %s, %s)"
_LAST = """
SELECT activation_id, schema_name, path_before, path_after FROM slate.release_activation
WHERE role_name IS NOT DISTINCT FROM %s AND undone_at IS NULL ORDER BY activation_id DESC LIMIT 1
"""
_UNDO = "UPDATE slate.release_activation SET undone_at = clock_timestamp() WHERE activation_id = %s"


@dataclass(frozen=True)
class Activation:
    """One row of the table, as its comments say."""

    activation_id: int
    schema_name: str
    path_before: str | None
    path_after: str


def note(connection: Connection, schema: str, role: str | None, before: str | None, after: str) -> None:
    """Notes a path that was set in this transaction. before, after: as the catalog has them."""
    connection.execute(_ADD, (schema, role, before, after))


def last(connection: Connection, role: str | None) -> Activation | None:
    """The last one for the role, or for the database, that was not undone."""
    return connection.cursor(row_factory=class_row(Activation)).execute(_LAST, (role,)).fetchone()


def undo(connection: Connection, activation: Activation) -> None:
    """Notes that the path from before was set again in this transaction."""
    connection.execute(_UNDO, (activation.activation_id,))
