"""Sources in partitions, for tests."""

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.recovery import Connection
from tests.servers import Server

SIZE = 1000
_PARTITIONS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid
WHERE i.inhparent = 'events'::regclass ORDER BY length(c.relname), c.relname
"""
_OWNERS = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname ~ '^events_[0-9]+$'"


def make_source(server: Server, name: str, *more: str) -> None:
    """Makes a source with a thousand ids a partition."""
    created = commands.run(["-n", name, "-t", "source", "--partition-size", str(SIZE), *more], server.environment())
    assert created.returncode == ExitStatus.DONE, created.stderr


def append(connection: Connection, count: int) -> tuple[int, int]:
    """Stores so many events in one call; returns the first and the last id."""
    row = connection.execute(
        "SELECT first_id, last_id FROM append_events((SELECT jsonb_agg(jsonb_build_object('n', n)) "
        "FROM generate_series(1, %s) AS n))",
        (count,),
    ).fetchone()
    assert row
    return row[0], row[1]


def bounds(connection: Connection) -> list[tuple[str, str]]:
    """The names of the partitions and which ids they take, in their order."""
    return connection.execute(_PARTITIONS).fetchall()


def partitions(connection: Connection) -> list[str]:
    return [name for name, _ in bounds(connection)]


def owners(connection: Connection) -> list[str]:
    """The roles that the partitions belong to."""
    return [owner for (owner,) in connection.execute(_OWNERS)]


def held(connection: Connection) -> tuple[int, int, int]:
    """How many events there are, the lowest and the highest id."""
    row = connection.execute("SELECT count(*), min(id), max(id) FROM events").fetchone()
    assert row
    return row[0], row[1], row[2]
