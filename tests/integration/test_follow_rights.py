"""slate-replicate follow with no more rights than the roles of --roles give."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.commands import run as initialize
from tests.recovery import address
from tests.replication_follow import COMMAND, FOLLOWS, Pair
from tests.servers import Server

PASSWORD = "pw"
UNGUARDED = (
    'warning: Other writers are not refused by {}: "{}" does not own its events. Once its owner has followed with'
    " --once, they are."
)


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A source and a destination with roles, and a login role on each that has one of them."""
    pair = Pair(server, backup_server, name, f"{name}_destination")
    sides = ((server, name, "source", "reader"), (backup_server, pair.destination, "destination", "replicator"))
    try:
        for one, database, kind, role in sides:
            made = initialize(["-n", database, "-t", kind, "--roles", name], one.environment())
            assert made.returncode == ExitStatus.DONE, made.stderr
            with one.connect() as connection:
                connection.execute(f"CREATE ROLE {name}_login LOGIN PASSWORD '{PASSWORD}'".encode())
                connection.execute(f"GRANT {name}_{role} TO {name}_login".encode())
        yield pair
    finally:
        for one, database, _, _ in sides:
            one.drop(database)
        for one in (server, backup_server):
            with one.connect() as connection:
                found = connection.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", (f"{name}_",))
                names = [sql.Identifier(role) for (role,) in found]
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.SQL(", ").join(names)))


def as_roles(pair: Pair) -> list[str]:
    login = {"user": f"{pair.name}_login", "password": PASSWORD}
    return [
        address(pair.server, pair.name, **login),
        address(pair.destination_server, pair.destination, **login),
    ]


def test_a_reader_there_and_a_replicator_here_are_enough(pair: Pair) -> None:
    pair.append(60_000)
    with pair.following(arguments=as_roles(pair)) as running:
        running.wait_for_line(UNGUARDED.format(pair.destination_place, f"{pair.name}_login"))
        running.wait_for_line(FOLLOWS)
        pair.wait_for(pair.append(5))
    assert pair.same_events()


def test_a_guard_that_is_switched_off_is_none(pair: Pair) -> None:
    # More than one block of a digest, so that the last one alone would not tell.
    pair.append(5000)
    pair.follow_once()
    with pair.connect_destination() as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER refuse_while_following")
    pair.append(5)
    ended = commands.run([*as_roles(pair), "--once"], pair.environment, COMMAND)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert UNGUARDED.format(pair.destination_place, f"{pair.name}_login") in ended.stderr
    with pair.connect_destination() as connection:
        connection.execute("UPDATE events SET ts = ts + interval '1 microsecond' WHERE id = 1")
    for arguments in (as_roles(pair), pair.arguments):
        ended = commands.run([*arguments, "--once"], pair.environment, COMMAND)
        assert ended.returncode == ExitStatus.REFUSED, ended.stderr
        assert "Events 1 to 4,096 differ, or some of them are missing." in ended.stderr


def test_what_the_owner_guarded_a_replicator_fills(pair: Pair) -> None:
    pair.append(5)
    pair.follow_once()
    pair.append(5)
    ended = commands.run([*as_roles(pair), "--once"], pair.environment, COMMAND)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert "warning" not in ended.stderr
    assert pair.same_events()
