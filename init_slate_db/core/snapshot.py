"""One state of a database, seen by several connections."""

from types import TracebackType

from psycopg import sql

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, connect, server_errors

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# No limit that the server's owner meant for other clients ends a long comparison, or one whose user is asked meanwhile.
_PATIENT = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL jit = off"
# Where a policy hides rows from this role, reading is an error: a part of the events would pass for all of them.
_WHOLE = "SET LOCAL row_security = off"


class Snapshot:
    """A read-only transaction on a database, which further connections can join. Closing it closes them all."""

    def __init__(self, reached: Reached) -> None:
        """Begins the transaction on the connection, which is the snapshot's from now on."""
        self.place = reached.place
        self._reached = reached
        self._connections: list[Connection] = []
        self._name = ""
        self._begin(reached.connection)

    @property
    def connection(self) -> Connection:
        """The first connection."""
        return self._connections[0]

    def connections(self, count: int) -> list[Connection]:
        """That many connections, all of which see the snapshot. For the life of the snapshot.

        :raises SlateError: one of the connection codes.
        """
        while len(self._connections) < count:
            if not self._name:
                with server_errors("export a snapshot"):
                    row = self.connection.execute("SELECT pg_export_snapshot()").fetchone()
                assert row
                self._name = row[0]
            self._begin(connect(self._reached.parameters, self._reached.options))
        return self._connections[:count]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, connection: Connection) -> None:
        self._connections.append(connection)
        with server_errors("take a snapshot"):
            connection.execute(_BEGIN)
            if self._name:
                connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(self._name))
            connection.execute(_PATIENT)
            connection.execute(_WHOLE)
            if connection.info.server_version >= 170000:
                connection.execute("SET LOCAL transaction_timeout = 0")
