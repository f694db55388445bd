"""The slot of a link on the source: a moment of the source, held for one destination."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, connect, lift_timeouts, server_errors

# As PostgreSQL 14 knows it; later ones take it, too.
_CREATE = "CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT"
_KEEP = "SELECT pg_copy_logical_replication_slot({}, {}, false)"
# A subscription that takes a slot as it is does not tell it that standbys are to have it, too.
_SURVIVE = "ALTER_REPLICATION_SLOT {} (FAILOVER true)"
_DROP = """
SELECT pg_drop_replication_slot(s.slot_name) FROM pg_replication_slots AS s
WHERE s.slot_name = %s AND s.slot_type = 'logical'
"""


class Moment:
    """A moment of the source: a snapshot of it, and what comes behind it in its log."""

    def __init__(self, sender: Connection, reader: Connection, temporary: str) -> None:
        self.reader = reader
        """In a transaction that sees the snapshot."""
        self._sender = sender
        self._temporary = temporary

    def keep(self, name: str, *, failover: bool) -> None:
        """Makes a lasting slot: from here on the source keeps its log until a destination has confirmed it.

        :param failover: whether standbys of the source are to keep it, too.
        :raises SlateError: what the source says.
        """
        with server_errors("make the slot"):
            self._sender.execute(sql.SQL(_KEEP).format(self._temporary, name))
            if failover:
                self._sender.execute(sql.SQL(_SURVIVE).format(sql.Identifier(name)))


@contextmanager
def hold_moment(source: Reached, name: str) -> Iterator[Moment]:
    """Takes a moment of the source when no transaction is in work there that began before, and waits for that.

    Nothing of it is left behind unless it is kept: even when this process is killed, the server sees to that.

    :param name: of the link; the temporary slot's begins so.
    :raises SlateError: a connection code, or what the source says.
    """
    # Another name each time, since the server may not have noticed yet that an earlier run is gone.
    temporary = f"{name}_{secrets.token_hex(3)}"
    with (
        connect(source.parameters | {"replication": "database"}, source.options) as sender,
        connect(source.parameters, source.options) as reader,
    ):
        lift_timeouts(sender)
        lift_timeouts(reader)
        with server_errors("make a temporary slot"):
            row = sender.execute(sql.SQL(_CREATE).format(sql.Identifier(temporary))).fetchone()
            assert row
            reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            reader.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(row[2]))
        yield Moment(sender, reader, temporary)


def drop(source: Connection, name: str) -> None:
    """Drops the slot, if there is one. Its publication, and another link's slot, stay."""
    source.execute(_DROP, (name,))
