"""What docs/coming-from-the-original.md says to do with databases of the original does it."""

import json
import sys
from collections.abc import Iterator

import pytest

from tests.commands import run
from tests.servers import Server
from tests.slate import create_database, create_original

RECOVER = (sys.executable, "-m", "recovery")
REPLICATE = (sys.executable, "-m", "replication")
CALL = (
    """SELECT insert_events('($1[1], $2, ''{"entityName": "Person"}''), ($1[2], $2, ''{"entityName": "Person"}'')')"""
)


@pytest.fixture
def original(server: Server, name: str) -> Iterator[str]:
    """A database of the original's with four events; its name."""
    original = f"{name}_original"
    create_original(server, original)
    with server.connect(original) as connection:
        connection.execute(CALL)
        connection.execute(CALL)
    yield original
    server.drop(original)


def test_a_source_moves_with_its_events_and_goes_on(server: Server, original: str, name: str) -> None:
    moved = run(
        ["--from", "127.0.0.1", "--from-database", original, "-d", name, "--create", "--yes", "-q"],
        server.environment(),
        RECOVER,
    )
    assert (moved.returncode, moved.stdout.partition("\n")[0]) == (
        0,
        "IDENTICAL: 4 events restored by restore-events, every one as in the backup",
    )
    with server.connect(original) as old, server.connect(name) as new:
        events = "SELECT id, ts, event FROM events ORDER BY id"
        assert new.execute(events).fetchall() == old.execute(events).fetchall()
        assert new.execute(CALL).fetchone() == (2,)
        assert new.execute("SELECT count(*), max(id) FROM events").fetchone() == (6, 6)


def test_a_destination_follows_the_originals_source_and_then_its_successor(
    server: Server, original: str, name: str
) -> None:
    destination = f"{name}_destination"
    create_database(server, destination, "destination")
    try:
        follow = ["follow", _address(server, original), _address(server, destination), "--once"]
        assert run(follow, server.environment(), REPLICATE).returncode == 0
        recover = ["--from", _address(server, original), "-d", name, "--create", "--yes", "-q"]
        assert run(recover, server.environment(), RECOVER).returncode == 0
        follow = ["follow", _address(server, name), _address(server, destination), "--once"]
        assert run(follow, server.environment(), REPLICATE).returncode == 0
        verify = ["verify", _address(server, name), _address(server, destination), "--format", "json"]
        verified = run(verify, server.environment(), REPLICATE)
        assert (verified.returncode, json.loads(verified.stdout)["identical"]) == (0, True)
    finally:
        server.drop(destination)


def _address(server: Server, database: str) -> str:
    return f"postgresql://127.0.0.1:{server.port}/{database}"
