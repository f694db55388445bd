"""Writers where the numbers of transactions have gone past what 32 bits hold, and where they just do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.recovery import Connection
from tests.servers import Server
from tests.slate import create_database

# The last numbers before the circle begins anew, at 3.
LAST = 2**32 - 8
# A file of pg_xact tells of so many transactions, two bits for each.
PER_FILE = 2**20
APPEND = """SELECT append_events('[{"n": 1}]')"""
OWN = "SELECT pg_current_xact_id()::text::bigint"
ROUNDS = f"SELECT min(xmin::text::bigint) < 100, max(xmin::text::bigint) >= {LAST} FROM events"
STAMPS = "SELECT count(*), count(DISTINCT ts) FROM events"


@pytest.fixture(params=list(servers.binaries()), ids=lambda version: f"pg{version}")
def server(request: pytest.FixtureRequest, server_directory: Path, name: str) -> Iterator[Server]:
    """A server of its own, with a source whose rows are frozen."""
    server = servers.start(server_directory / name, request.param, "autovacuum = off\n")
    try:
        create_database(server, "events", "source")
        for database in server.databases() - {"template0"}:
            with server.connect(database) as connection:
                connection.execute("VACUUM FREEZE")
        yield server
    finally:
        server.cluster.stop("immediate")


def set_next_transaction(server: Server, epoch: int, number: int) -> None:
    """Has the server go on with this number of a later file, as after thousands of millions of transactions."""
    server.cluster.stop("fast")
    server.cluster._write(server.cluster.data / f"pg_xact/{number // PER_FILE:04X}", "\0" * (PER_FILE // 4))
    options = ["-e", str(epoch), "-x", str(number), "-u", str(number - 1000)]
    server.cluster._run(server.cluster.binaries / "pg_resetwal", *options, "-D", server.cluster.data)
    server.restart()


def write_with_savepoints(connection: Connection, savepoints: int) -> int:
    """Appends an event, and one in each of so many savepoints, in one transaction; gives its number."""
    with connection.transaction():
        connection.execute(APPEND)
        for _ in range(savepoints):
            with connection.transaction():
                connection.execute(APPEND)
        row = connection.execute(OWN).fetchone()
    assert row
    return int(row[0])


def test_a_transaction_behind_the_first_round_has_one_ts(server: Server) -> None:
    set_next_transaction(server, 3, 5 * PER_FILE)
    with server.connect("events") as connection:
        assert write_with_savepoints(connection, 3) >= 3 * 2**32
        assert connection.execute(STAMPS).fetchone() == (4, 1)
        write_with_savepoints(connection, 3)
        assert connection.execute(STAMPS).fetchone() == (8, 2)


def test_a_transaction_whose_savepoints_are_in_the_next_round_has_one_ts(server: Server) -> None:
    set_next_transaction(server, 0, LAST)
    with server.connect("events") as connection:
        first = write_with_savepoints(connection, 20)
        assert first < 2**32
        assert connection.execute(ROUNDS).fetchone() == (True, True)
        assert connection.execute(STAMPS).fetchone() == (21, 1)
        assert write_with_savepoints(connection, 3) > 2**32
        assert connection.execute(STAMPS).fetchone() == (25, 2)
