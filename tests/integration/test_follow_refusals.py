"""What slate-replicate follow refuses, and says why."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import sql

from init_slate_db.core.errors import ExitStatus
from tests.recovery import ONE_DIRECTION, address
from tests.replication_follow import Pair, open_pair, run
from tests.servers import Server

pytestmark = ONE_DIRECTION

PASSWORD = "pw"


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    with open_pair(server, backup_server, name) as pair:
        pair.append(100)
        yield pair


def change_destination(pair: Pair, statement: str, guarded: bool = True) -> None:
    """Does to the destination's events what only its owner can do, on purpose."""
    with pair.connect_destination() as connection, connection.transaction():
        if guarded:
            connection.execute("ALTER TABLE events DISABLE TRIGGER refuse_while_following")
        connection.execute(statement.encode())
        if guarded:
            connection.execute("ALTER TABLE events ENABLE TRIGGER refuse_while_following")


def check_refused(pair: Pair, *lines: str, arguments: tuple[str, ...] = ()) -> None:
    """Makes sure that it is refused, with these lines, and that the destination keeps its events."""
    before = pair.highest()
    ended = run([*(arguments or pair.arguments), "--once"], pair.server.environment())
    assert ended.returncode == ExitStatus.REFUSED, ended.stderr
    for line in lines:
        assert line in ended.stderr
    assert ended.stdout == ""
    assert pair.highest() == before


def test_a_source_is_no_destination(pair: Pair) -> None:
    with open_pair(pair.destination_server, pair.server, f"{pair.name}_other") as other:
        check_refused(
            pair,
            f"error: {other.place} cannot follow: it is a source itself.\n",
            arguments=(pair.arguments[0], other.arguments[0]),
        )


def test_a_database_does_not_follow_itself(pair: Pair) -> None:
    check_refused(
        pair,
        f"error: {pair.destination_place} cannot follow: it is the source: the same database.\n",
        arguments=(pair.arguments[1], pair.arguments[1]),
    )


def test_what_is_no_event_store_is_named(pair: Pair) -> None:
    postgres = address(pair.server, "postgres")
    expected = f"error: The database at 127.0.0.1:{pair.server.port}/postgres is no event store.\n"
    check_refused(pair, expected, arguments=(postgres, pair.arguments[1]))
    check_refused(pair, expected, arguments=(pair.arguments[0], postgres))


def test_further_columns_are_named(pair: Pair) -> None:
    change_destination(pair, "ALTER TABLE events ADD COLUMN more text", guarded=False)
    check_refused(pair, "There are further columns: more")


def test_a_destination_without_unique_ids_is_refused(pair: Pair) -> None:
    change_destination(pair, "ALTER TABLE events DROP CONSTRAINT events_pkey", guarded=False)
    check_refused(pair, " cannot follow: its ids have no unique index.\n  Make id its primary key.\n")


@pytest.mark.parametrize("guarded", [False, True], ids=["at first", "at a restart"])
def test_a_destination_that_has_more_is_refused(pair: Pair, guarded: bool) -> None:
    pair.follow_once()
    if not guarded:
        change_destination(pair, "DROP TRIGGER refuse_while_following ON events", guarded=False)
    change_destination(pair, "INSERT INTO events VALUES (101, now(), '1')", guarded)
    check_refused(
        pair,
        f"error: {pair.destination_place} has events that {pair.place} lacks.\n  It has 101, the source 100.",
        "  If it lost them, slate-recover brings them back from this destination. Else name the right one.\n",
    )


@pytest.mark.parametrize("id_", [1, 100])
@pytest.mark.parametrize(
    "change", ["UPDATE events SET ts = ts + interval '1 microsecond' WHERE id = {}", "DELETE FROM events WHERE id = {}"]
)
def test_at_first_all_events_are_compared(pair: Pair, change: str, id_: int) -> None:
    pair.follow_once()
    pair.append(5000)
    pair.follow_once()
    change_destination(pair, "DROP TRIGGER refuse_while_following ON events", guarded=False)
    change_destination(pair, change.format(id_), guarded=False)
    pair.append(1)
    check_refused(
        pair, f"{pair.destination_place} does not hold the first events of {pair.place}.", "Events 1 to 4,096 differ"
    )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET event = '1' WHERE id = 5000",
        "DELETE FROM events WHERE id = 5000",
        "DELETE FROM events WHERE id = 4097",
    ],
)
def test_at_a_restart_the_last_events_are_compared(pair: Pair, change: str) -> None:
    pair.append(4950)
    pair.follow_once()
    change_destination(pair, change)
    pair.append(1)
    check_refused(pair, "Events 4,097 to 5,050 differ, or some of them are missing.\n")


def test_gaps_of_the_source_end_it_before_they_are_copied(pair: Pair) -> None:
    with pair.connect() as source:
        source.execute("ALTER TABLE events DISABLE TRIGGER check_sql_command")
        source.execute("DELETE FROM events WHERE id = 50")
    check_refused(pair, f"error: {pair.place} lacks some of its own events.\n  It has 99 of the ids 1 to 100.\n")
    assert pair.highest() == 0


def test_a_destination_that_a_subscription_fills_is_refused(pair: Pair) -> None:
    with pair.connect_destination() as connection:
        connection.execute(
            "CREATE SUBSCRIPTION other CONNECTION 'dbname=nowhere' PUBLICATION other WITH (connect = false)"
        )
        try:
            check_refused(pair, f'error: {pair.destination_place} cannot follow: subscription "other" fills it.\n')
        finally:
            connection.execute("ALTER SUBSCRIPTION other SET (slot_name = NONE)")
            connection.execute("DROP SUBSCRIPTION other")


def test_others_that_write_to_an_unguarded_destination_are_noticed(pair: Pair) -> None:
    with role(pair, "follower", "SELECT, INSERT ON TABLE events TO follower") as arguments:
        with pair.following(arguments=arguments) as running:
            running.wait_for_line("Other writers are not refused by")
            running.wait_until_it_follows()
            change_destination(pair, "INSERT INTO events VALUES (101, now(), '1')", guarded=False)
            pair.append(10)
            assert running.end() == ExitStatus.REFUSED
        assert f"error: Another program stores events in {pair.destination_place}." in running.lines
        assert "  Its highest id was 100, and is 101." in running.lines
    assert pair.highest() == 101


class role:  # noqa: N801
    """A login role on the destination's server with one right, and the arguments with which follow uses it."""

    def __init__(self, pair: Pair, name: str, right: str) -> None:
        self._pair = pair
        self._name = name
        self._right = right

    def __enter__(self) -> list[str]:
        with self._pair.connect_destination() as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(self._name), PASSWORD))
            connection.execute(f"GRANT {self._right}".encode())
        user: dict[str, Any] = {"user": self._name, "password": PASSWORD}
        return [self._pair.arguments[0], address(self._pair.destination_server, self._pair.destination, **user)]

    def __exit__(self, *_: object) -> None:
        with self._pair.connect_destination() as connection:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(self._name)))


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ("SELECT ON TABLE events TO follower", '{} cannot follow: role "follower" may not store events there.'),
        ("INSERT ON TABLE events TO follower", 'The user "follower" may not read the events of {}.'),
    ],
)
def test_missing_rights_are_named(pair: Pair, right: str, words: str) -> None:
    with role(pair, "follower", right) as arguments:
        ended = run([*arguments, "--once"], pair.server.environment())
    assert ended.returncode == ExitStatus.FAILED
    assert f"error: {words.format(pair.destination_place)}\n" in ended.stderr
    assert "Let its owner run: GRANT " in ended.stderr


def test_a_wrong_password_ends_it(pair: Pair) -> None:
    wrong = address(pair.server, pair.name, password="wrong")
    ended = run([wrong, pair.arguments[1]], pair.server.environment())
    assert ended.returncode == ExitStatus.FAILED
    assert "does not accept the password" in ended.stderr


def test_a_server_that_is_not_there_at_first_ends_it(pair: Pair) -> None:
    nobody = address(pair.server, pair.name, port=1)
    ended = run([nobody, pair.arguments[1], "--connect-timeout", "300"], pair.server.environment())
    assert ended.returncode == ExitStatus.FAILED
    assert "error: No PostgreSQL server answers at 127.0.0.1:1.\n" in ended.stderr


def test_a_refused_destination_gets_no_guard(pair: Pair) -> None:
    change_destination(pair, "INSERT INTO events VALUES (1, now(), '1')", guarded=False)
    for _ in range(2):
        check_refused(pair, "Events 1 to 1 differ, or some of them are missing.")
    change_destination(pair, "INSERT INTO events VALUES (2, now(), '1')", guarded=False)
    assert pair.highest() == 2
