"""A large backlog is stored without the indexes, which come back whatever happens."""

import random
from collections.abc import Iterator

import psycopg
import pytest

from init_slate_db.core import guard
from replication import follow_indexes
from tests import commands
from tests.recovery import ONE_DIRECTION
from tests.replication_follow import COMMAND, FOLLOWS, Pair, Running, open_pair
from tests.servers import Server, wait_for

# A backlog that pays, of a few seconds.
EVENTS = 60_000
# A run tells of some 20 lines until it follows: batches and indexes.
KILLS, LINES = 12, 20
ASIDE = "The indexes of {} are set aside until it has caught up."
# As a server's catalog has them: name, definition, comment.
INDEXES = """
SELECT c.relname, pg_get_indexdef(c.oid), obj_description(c.oid, 'pg_class'), i.indisprimary
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = 'events'::regclass ORDER BY c.relname
"""


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    with open_pair(server, backup_server, name) as pair:
        pair.append(EVENTS)
        with pair.connect_destination() as connection:
            connection.execute("CREATE INDEX mine ON events ((event #>> '{value}'))")
            connection.execute("COMMENT ON INDEX mine IS 'of the user'")
        yield pair


def indexes(pair: Pair) -> list[tuple[object, ...]]:
    with pair.connect_destination() as connection:
        return connection.execute(INDEXES).fetchall()


def test_indexes_are_set_aside_for_a_large_backlog_and_come_back(pair: Pair) -> None:
    before = indexes(pair)
    ended = pair.once()
    assert ended.returncode == 0, ended.stderr
    assert ASIDE.format(pair.destination_place) in ended.stderr
    assert "Building index 7 of 7.\n" in ended.stderr
    assert f"Caught up with event {EVENTS:,}.\n" in ended.stderr
    assert indexes(pair) == before
    assert pair.same_events()
    with pair.connect_destination() as connection:
        row = connection.execute("SELECT obj_description(oid) FROM pg_trigger WHERE tgname = 'refuse_while_following'")
        assert row.fetchone() == (None,)


@ONE_DIRECTION
def test_a_destination_that_has_much_of_it_keeps_its_indexes(pair: Pair) -> None:
    pair.follow_once()
    pair.append(EVENTS)
    ended = pair.once()
    assert ASIDE.format(pair.destination_place) not in ended.stderr
    assert pair.same_events()


@ONE_DIRECTION
def test_who_does_not_own_the_events_leaves_the_indexes_where_they_are(pair: Pair) -> None:
    before = indexes(pair)
    user = f"{pair.name}_follower"
    with pair.connect_destination() as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'pw'".encode())
        connection.execute(f"GRANT SELECT, INSERT ON TABLE events TO {user}".encode())
    try:
        destination = f"postgresql://{user}:pw@127.0.0.1:{pair.destination_server.port}/{pair.destination}"
        ended = commands.run([pair.arguments[0], destination, "--once"], pair.environment, COMMAND)
        assert ended.returncode == 0, ended.stderr
        assert "set aside" not in ended.stderr
        assert indexes(pair) == before
        assert pair.same_events()
    finally:
        with pair.connect_destination() as connection:
            connection.execute(f"DROP OWNED BY {user}; DROP ROLE {user}".encode())


@ONE_DIRECTION
def test_indexes_that_their_owner_could_not_build_again_stay(pair: Pair) -> None:
    before = indexes(pair)
    owner = f"{pair.name}_owner"
    with pair.connect_destination() as connection:
        connection.execute(f"CREATE ROLE {owner}; ALTER TABLE events OWNER TO {owner}".encode())
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        ended = pair.once()
        assert ended.returncode == 0, ended.stderr
        assert "set aside" not in ended.stderr
        assert indexes(pair) == before
    finally:
        with pair.connect_destination() as connection:
            connection.execute(f"REASSIGN OWNED BY {owner} TO CURRENT_USER; DROP ROLE {owner}".encode())


@ONE_DIRECTION
def test_what_their_owner_writes_for_commands_is_done_with_its_rights_alone(pair: Pair) -> None:
    before = indexes(pair)
    owner = f"{pair.name}_owner"
    with pair.following() as running:
        running.wait_for_line("Building index 1 of 7.")
        running.process.kill()
    with pair.connect_destination() as connection:
        connection.execute(f"CREATE ROLE {owner}; ALTER TABLE events OWNER TO {owner}".encode())
        connection.execute(f"GRANT CREATE ON SCHEMA public TO {owner}".encode())
    try:
        with pair.connect_destination() as connection, connection.transaction(force_rollback=True):
            kept = guard.kept_indexes(connection)
            guard.keep_indexes(connection, [*kept, f"RESET ROLE; ALTER ROLE {owner} SUPERUSER"])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                list(follow_indexes.bring_back(connection))
        pair.follow_once()
        assert indexes(pair) == before
    finally:
        with pair.connect_destination() as connection:
            connection.execute(f"REASSIGN OWNED BY {owner} TO CURRENT_USER; DROP OWNED BY {owner}".encode())
            connection.execute(f"DROP ROLE {owner}".encode())


@pytest.mark.parametrize("moment", ["while events are stored", "while indexes are built"])
def test_indexes_come_back_after_a_kill(pair: Pair, moment: str) -> None:
    before = indexes(pair)
    with pair.following("-v") as running:
        running.wait_for_line("Stored events" if moment == "while events are stored" else "Building index 3 of 7.")
        running.process.kill()
        running.end()
    assert indexes(pair) != before
    pair.follow_once()
    assert indexes(pair) == before
    assert pair.same_events()


@ONE_DIRECTION
def test_remove_brings_them_back_too(pair: Pair) -> None:
    before = indexes(pair)
    with pair.following() as running:
        running.wait_for_line("Building index 1 of 7.")
        running.process.kill()
    remove = (*COMMAND[:-1], "remove")
    ended = commands.run([*pair.arguments, "--yes"], pair.environment, remove)
    assert ended.returncode == 0, ended.stderr
    assert indexes(pair) == before


@ONE_DIRECTION
def test_kills_at_any_moment_of_a_backlog_leave_nothing_behind(pair: Pair) -> None:
    before = indexes(pair)
    draw = random.Random(20261121)
    for _ in range(KILLS):
        with pair.following("-v") as running:
            _wait_for_lines(running, draw.randrange(LINES))
            running.process.kill()
    pair.follow_once()
    assert indexes(pair) == before
    assert pair.same_events()


def _wait_for_lines(running: Running, count: int) -> None:
    """Waits until it has said so many lines, or that it follows, after which it says nothing more."""
    wait_for(lambda: len(running.lines) >= count or any(FOLLOWS in line for line in running.lines), "its lines")
