"""The two sessions of follow: opened, made fit for years, and the destination taken for this one alone."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

import psycopg
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from init_slate_db.core.addresses import Address, Reached, reach
from init_slate_db.core.connection import Connection, connect, lift_timeouts, server_errors
from init_slate_db.core.conninfo import Parameters
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import ConnectionOptions
from replication import guard
from replication.options import PROGRAM

# No limit on waits for locks, and a server that notices within half a minute that we are gone: it would keep the
# destination locked for us.
_SETTINGS = """
SET lock_timeout = 0; SET default_transaction_isolation = 'read committed'; SET row_security = off; SET jit = off;
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 30000
"""
# Only some systems can do this: with it, a server notices during a long statement, too.
_CHECK_CLIENT = "SET client_connection_check_interval = '2s'"
# Batches are read in the order of ids, by the index, whatever is known of the table.
_SOURCE_SETTINGS = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET max_parallel_workers_per_gather = 0"
# How long, in seconds, a session of ours that was killed is given to end.
_PATIENCE, _PAUSE = 10, 0.1
_SESSION = "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END_SESSION = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start::text = %s
"""

Connecting = Callable[[Parameters, ConnectionOptions], Connection]
Session = tuple[int, str]


@dataclass(frozen=True)
class Sessions:
    """Open connections to both. holder: what tells the destination's session from all others of its server."""

    source: Reached
    destination: Reached
    holder: Session

    def close(self) -> None:
        for reached in (self.source, self.destination):
            reached.connection.close()

    def __enter__(self) -> "Sessions":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_sessions(
    source: Address, destination: Address, earlier: Session | None, connecting: Connecting = connect
) -> Sessions:
    """Connects to both.

    :param earlier: our session on the destination before this one, which is ended where it still lives: the network
        may have been cut without its server's knowledge.
    :raises SlateError: one of the connection codes.
    """
    ours = _open(source, connecting)
    try:
        with server_errors(f"begin to read from {ours.place}"):
            ours.connection.execute(_SOURCE_SETTINGS)
        theirs = _open(destination, connecting)
    except BaseException:
        ours.connection.close()
        raise
    try:
        with server_errors(f"begin to store in {theirs.place}"):
            if earlier:
                theirs.connection.execute(_END_SESSION, earlier)
            row = theirs.connection.execute(_SESSION).fetchone()
    except BaseException:
        ours.connection.close()
        theirs.connection.close()
        raise
    assert row
    return Sessions(ours, theirs, (row[0], row[1]))


def hold(destination: Reached) -> None:
    """Makes the session the only one that may fill the destination, once one of ours that was killed has ended.

    :raises SlateError: destination-busy.
    """
    attempts = Retrying(
        stop=stop_after_delay(_PATIENCE),
        wait=wait_fixed(_PAUSE),
        retry=retry_if_exception(lambda error: isinstance(error, SlateError) and error.code == "destination-busy"),
        reraise=True,
    )
    attempts(guard.hold, destination.connection, destination.place)


def _open(address: Address, connecting: Connecting) -> Reached:
    reached = reach(address, PROGRAM, connecting)
    connection = reached.connection
    try:
        with server_errors(f"begin a session on {reached.place}"):
            lift_timeouts(connection)
            connection.execute(_SETTINGS)
            with suppress(psycopg.errors.InvalidParameterValue, psycopg.errors.FeatureNotSupported):
                connection.execute(_CHECK_CLIENT)
    except BaseException:
        connection.close()
        raise
    return reached
