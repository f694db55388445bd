"""What keeps everybody but replication from writing to a destination that follows a source."""

from contextlib import suppress

import psycopg

from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.guard import install, is_installed, refuses_writes, remove

__all__ = ["FILL_LOCK", "hold", "install", "is_held", "is_installed", "refuses_writes", "remove"]

# Held on the destination by who fills it, in its own session: "slatef" in ASCII. The guard lets that session pass.
FILL_LOCK = 0x736C61746566
_TRY_LOCK = "SELECT pg_try_advisory_lock(%s)"
_IS_HELD = """
SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
               WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.objsubid = 1
                 AND l.classid::bigint << 32 | l.objid::bigint = %s)
"""


def hold(connection: Connection, place: str) -> None:
    """Makes the session the only one that may fill the destination, until it ends.

    :param place: the destination, for messages.
    :raises SlateError: destination-busy: another session fills it.
    """
    with server_errors(f"lock {place}"):
        row = connection.execute(_TRY_LOCK, (FILL_LOCK,)).fetchone()
    if row != (True,):
        raise SlateError(
            "destination-busy",
            f"Another program fills {place}.",
            why="slate-replicate add or follow is at work there.",
            hint="Wait for it, or stop it. When its process was killed, its server notices within seconds.",
        )
    # Else the server would build indexes to their end for a client that was killed. Not every system can tell.
    with server_errors(f"watch over the session in {place}"), suppress(psycopg.errors.InvalidParameterValue):
        connection.execute("SET client_connection_check_interval = '1s'")


def is_held(connection: Connection) -> bool:
    """Whether some session fills the destination."""
    return connection.execute(_IS_HELD, (FILL_LOCK,)).fetchone() == (True,)
