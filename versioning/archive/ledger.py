"""The record that a database has of itself: its version, and the deltas that led there."""

from dataclasses import dataclass

from init_slate_db import __version__
from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from init_slate_db.core.sql_files import read_archive_objects
from versioning import ledgers
from versioning.snapshots.patience import lock_errors, takers

_TABLES = ("slate.archive_version", "slate.archive_delta")
_VERSION = "SELECT version, since FROM slate.archive_version WHERE archive = %s"
_DELTAS = "SELECT version, parent, digest FROM slate.archive_delta WHERE archive = %s ORDER BY position"
_SET = """
INSERT INTO slate.archive_version (archive, version, tool_version) VALUES (%s, %s, %s)
ON CONFLICT (archive) DO UPDATE SET version = EXCLUDED.version, since = pg_catalog.clock_timestamp(),
  role = SESSION_USER, tool_version = EXCLUDED.tool_version
"""
_ADD = "INSERT INTO slate.archive_delta (archive, version, parent, digest, tool_version) VALUES (%s, %s, %s, %s, %s)"
_TURN = "slate-schema archive"
_TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"


@dataclass(frozen=True)
class Applied:
    """One delta that was applied. parent: None: from nothing. digest: None: there was nothing to do."""

    version: str
    parent: str | None
    digest: str | None


@dataclass(frozen=True)
class Ledger:
    """What is on record. version: None: nothing is, of this archive. since: an ISO timestamp in UTC."""

    version: str | None
    since: str = ""
    deltas: tuple[Applied, ...] = ()


def read(connection: Connection, archive: str) -> Ledger:
    """Reads the record. Writes nothing.

    :raises SlateError: no-right, or what the server says.
    """
    with lock_errors("tell its version"):
        if not ledgers.is_there(connection, *_TABLES):
            return Ledger(None)
        found = connection.execute(_VERSION, (archive,)).fetchone()
        if not found:
            return Ledger(None)
        deltas = [Applied(*entry) for entry in connection.execute(_DELTAS, (archive,))]
        return Ledger(found[0], found[1].isoformat(timespec="seconds"), tuple(deltas))


def write(connection: Connection, archive: str, version: str, applied: Applied | None) -> None:
    """Sets the version, and adds a delta, in the open transaction. Makes the record where it is not there."""
    ledgers.ensure(connection, _TABLES[0], read_archive_objects)
    connection.execute(_SET, (archive, version, __version__))
    if applied:
        connection.execute(_ADD, (archive, applied.version, applied.parent, applied.digest, __version__))


def take_turn(connection: Connection) -> None:
    """Keeps other deployments to the database out until the transaction ends.

    :raises SlateError: lock-held: one is at work.
    """
    if connection.execute(_TAKE_TURN, (_TURN,)).fetchone() != (True,):
        who = "; ".join(takers(connection, _TURN))
        raise SlateError(
            "lock-held",
            "Another deployment to the database is at work.",
            why=f"In the way: {who}." if who else "",
            hint="Run the command again when that one has ended.",
        )
