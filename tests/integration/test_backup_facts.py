"""What is read of a backup and of a source before anything is decided: what it holds, and what makes it useless."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest

from init_slate_db.core.addresses import Address, reach
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import ConnectionOptions
from recovery import backup as backups
from recovery.backup import Extent
from recovery.options import BackupAddress
from recovery.target import RUN_LOCK, Target, look, read_state
from tests.servers import Server
from tests.slate import create_database

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "ALTER TABLE events ADD PRIMARY KEY (id)"


@pytest.fixture(scope="module")
def destination(server: Server) -> Iterator[str]:
    """A destination whose events each test makes anew."""
    create_database(server, "backup_facts", "destination")
    yield "backup_facts"
    server.drop("backup_facts")


@pytest.fixture(scope="module")
def source(server: Server) -> Iterator[str]:
    """A new source, for tests that leave it as it is."""
    create_database(server, "source_facts", "source")
    yield "source_facts"
    server.drop("source_facts")


def address(server: Server, database: str) -> Address:
    options = ConnectionOptions(host="127.0.0.1", port=server.port, user="postgres", password=server.password)
    return Address(options, database)


def fill(server: Server, database: str, ids: list[int], script: str = "") -> None:
    with server.connect(database) as connection:
        connection.execute("DROP TABLE IF EXISTS events")
        connection.execute("CREATE TABLE events (id bigint, ts timestamptz, event jsonb)")
        seconds = "INSERT INTO events SELECT i, %s + i * interval '1 s', '{}' FROM unnest(%s::bigint[]) AS i"
        connection.execute(seconds.encode(), [START, ids])
        connection.execute(script.encode())


class Facts(NamedTuple):
    """What was found. fault: what is wrong with it, without its name; hint: what to do about that."""

    extent: Extent
    identity: tuple[str, str]
    text: str
    fault: str | None
    hint: str


def look_at(server: Server, database: str, until_id: int | None = None, until: datetime | None = None) -> Facts:
    where = address(server, database)
    reached = reach(where, "slate-recover")
    with reached.connection:
        found = backups.look(BackupAddress(where), reached, until_id, until)
        said = found.fault.what.partition(f"{found.place}: ")[2] if found.fault else None
        return Facts(found.extent, found.identity, found.text, said, found.fault.hint if found.fault else "")


@pytest.mark.parametrize("script", [KEY, "", "CREATE INDEX ON events (id)"], ids=["key", "no index", "no unique index"])
@pytest.mark.parametrize(
    "case",
    [
        ([1], None, None),
        ([1, 2, 3], None, None),
        ([1, 2, 3], 3, None),
        ([1, 2, 3], 2, None),
        ([1, 2, 3], 1, None),
        ([], None, "it has no events."),
        ([0], None, "its highest id is 0."),
        ([-1], None, "its highest id is -1."),
        ([1, 2, 3], 0, "it has no events."),
        ([1, 2, 3], 4, "it ends at event 3, before 4."),
        ([0, 1, 2], None, "its lowest id is 0, not 1."),
        ([0, 2], None, "its lowest id is 0, not 1."),
        ([2, 3], None, "event 1 is missing."),
        ([1, 3], None, "event 2 is missing."),
        ([1, 2, 4, 6], None, "event 3 is missing."),
        ([1, 2, 4], 2, None),
        ([1, 2, 4], 3, "event 3 is missing."),
        ([1, 2, 4], 4, "event 3 is missing."),
        ([5, 6], 4, "it has no events."),
    ],
)
def test_a_backup_whose_ids_do_not_go_from_1_to_the_last_without_a_gap_is_of_no_use(
    server: Server, destination: str, case: tuple[list[int], int | None, str | None], script: str
) -> None:
    ids, until_id, said = case
    fill(server, destination, ids, script)
    found = look_at(server, destination, until_id)
    assert found.fault == said
    assert found.extent.unique_ids is (script == KEY)
    within = [id for id in ids if until_id is None or id <= until_id]
    bounds = (min(within), max(within)) if within else (None, None)
    assert (found.extent.events, found.extent.lowest_id, found.extent.highest_id) == (len(within), *bounds)
    times = tuple(id if id is None else START + timedelta(seconds=id) for id in bounds)
    assert (found.extent.first_ts, found.extent.last_ts) == times
    assert (found.extent.bytes > 0) is bool(ids)


@pytest.mark.parametrize(
    ("ids", "until_id", "said"),
    [
        ([1, 2, 2], None, "event 2 is there twice."),
        ([1, 1, 2, 2], None, "event 1 is there twice."),
        # The number is right: a double hides a gap.
        ([1, 2, 2, 4], None, "event 2 is there twice."),
        ([1, 2, 3, 3], 2, None),
        ([1, 2, 3, 3], 3, "event 3 is there twice."),
        ([0, 0, 1], None, "event 0 is there twice."),
    ],
)
def test_a_backup_with_an_event_twice_is_of_no_use(
    server: Server, destination: str, ids: list[int], until_id: int | None, said: str | None
) -> None:
    fill(server, destination, ids)
    assert look_at(server, destination, until_id).fault == said


@pytest.mark.parametrize(
    ("script", "unique"),
    [
        ("CREATE UNIQUE INDEX ON events (id)", True),
        ("CREATE UNIQUE INDEX ON events (id) INCLUDE (ts)", True),
        ("CREATE UNIQUE INDEX ON events (id, ts)", False),
        ("CREATE UNIQUE INDEX ON events (ts)", False),
        ("CREATE UNIQUE INDEX ON events ((id + 1))", False),
        ("CREATE UNIQUE INDEX ON events (id) WHERE id > 0", False),
        (
            "CREATE UNIQUE INDEX one ON events (id);"
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'one'::regclass",
            False,
        ),
    ],
)
def test_only_a_whole_unique_index_of_the_ids_says_that_none_is_there_twice(
    server: Server, destination: str, script: str, unique: bool
) -> None:
    fill(server, destination, [1, 2], script)
    assert look_at(server, destination).extent.unique_ids is unique


@pytest.mark.parametrize(("seconds", "last"), [(3, 3), (2.999999, 2), (2.000001, 2), (1, 1), (100, 3)])
def test_a_moment_means_all_events_up_to_it(server: Server, destination: str, seconds: float, last: int) -> None:
    fill(server, destination, [1, 2, 3], KEY)
    found = look_at(server, destination, until=START + timedelta(seconds=seconds))
    assert (found.fault, found.extent.highest_id) == (None, last)


def test_a_moment_before_all_events_or_among_times_out_of_order_is_refused(server: Server, destination: str) -> None:
    fill(server, destination, [1, 2, 3], KEY)
    early = look_at(server, destination, until=START + timedelta(seconds=0.5))
    assert early.fault == "it has no event up to 2026-01-01 00:00:00Z."
    assert early.hint == "Name a later --until."
    fill(server, destination, [1, 2, 3], "UPDATE events SET ts = ts + interval '1 h' WHERE id = 2")
    odd = look_at(server, destination, until=START + timedelta(seconds=5))
    assert odd.fault == "event 2 is later than 2026-01-01 00:00:05Z, but event 3 is not."
    assert "--until-id" in odd.hint


def test_what_it_holds_is_told(server: Server, destination: str) -> None:
    fill(server, destination, [], KEY)
    assert look_at(server, destination).text == f"backup 127.0.0.1:{server.port}/{destination}: no events"
    fill(server, destination, [1, 2], KEY)
    assert look_at(server, destination).text.endswith(
        ": 2 events, ids 1 to 2, 2026-01-01 00:00:01Z to 2026-01-01 00:00:02Z"
    )


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("DROP TABLE events", "not-an-event-store"),
        ("ALTER TABLE events DROP COLUMN ts", "not-an-event-store"),
        ("ALTER TABLE events ALTER id TYPE integer", "not-an-event-store"),
        ("ALTER TABLE events ALTER event TYPE json", "not-an-event-store"),
        ("INSERT INTO events VALUES (NULL, now(), '1')", "not-an-event-store"),
    ],
)
def test_what_is_no_event_store_is_no_backup(server: Server, destination: str, script: str, code: str) -> None:
    fill(server, destination, [1], script)
    with pytest.raises(SlateError) as caught:
        look_at(server, destination)
    assert caught.value.code == code


def test_it_is_the_same_database_however_it_is_reached(server: Server, destination: str, source: str) -> None:
    fill(server, destination, [1])
    once, again = (look_at(server, destination).identity for _ in range(2))
    with server.connect(destination) as connection:
        oid = connection.execute("SELECT oid::text FROM pg_database WHERE datname = current_database()").fetchone()
    assert oid
    assert once == again
    assert once[1] == oid[0]
    assert look_from(server, source).identity != once
    assert look_from(server, destination).identity == once
    assert look_from(server, destination).oid == int(oid[0])


# --- The source that is to be rebuilt


def look_from(server: Server, database: str, *, from_outside: bool = False) -> Target:
    found = look(address(server, database), from_outside=from_outside)
    found.close()
    return found


@pytest.mark.parametrize("from_outside", [True, False])
def test_a_new_source_is_read_as_such(server: Server, source: str, from_outside: bool) -> None:
    server.wait_until_alone(source)
    found = look_from(server, source, from_outside=from_outside)
    assert found.state
    assert found.state.is_new
    assert (found.state.events, found.state.highest_id, found.state.next_id) == (0, None, 1)
    assert (found.state.locked, found.state.not_owned, found.state.may_create, found.state.role) == (
        False,
        None,
        True,
        "postgres",
    )
    assert (found.exists, found.unreadable, found.sessions) == (True, "", ())


@pytest.mark.parametrize("from_outside", [True, False])
def test_what_is_not_there_is_absent_and_its_server_is_reached(server: Server, from_outside: bool) -> None:
    found = look_from(server, "nowhere_at_all", from_outside=from_outside)
    assert (found.exists, found.oid, found.database, found.state) == (False, 0, None, None)
    assert 'database "nowhere_at_all" does not exist' in found.unreadable


@pytest.mark.parametrize(
    ("script", "is_source", "has_events"),
    [
        ("SELECT", True, True),
        ("DROP TABLE id", False, True),
        ("DROP FUNCTION slate.finish_recovery()", False, True),
        ("DROP TABLE events CASCADE", False, False),
    ],
)
def test_only_what_has_all_of_a_source_is_one(
    server: Server, source: str, script: str, is_source: bool, has_events: bool
) -> None:
    with psycopg.connect(**server.parameters(source)) as connection:
        connection.execute(script.encode())
        state = read_state(connection)
        connection.rollback()
    assert (state.is_source, state.has_events_table, state.is_new) == (is_source, has_events, is_source)


@pytest.mark.parametrize(
    ("script", "facts"),
    [
        ("SELECT append_events('[1, 2]')", {"events": 2, "highest_id": 2, "next_id": 3}),
        ("UPDATE id SET id = 7", {"events": 0, "highest_id": None, "next_id": 7}),
        ("DELETE FROM id", {"events": 0, "highest_id": None, "next_id": None}),
        ("SELECT slate.begin_recovery('copy', '{}', 9)", {"events": 0, "next_id": None}),
        ("CREATE ROLE facts; ALTER TABLE id OWNER TO facts; SET ROLE facts", None),
    ],
)
def test_what_a_source_holds_is_read(server: Server, source: str, script: str, facts: dict[str, Any] | None) -> None:
    with psycopg.connect(**server.parameters(source)) as connection:
        connection.execute(script.encode())
        if facts is None:
            connection.execute("RESET ROLE; GRANT SELECT ON events TO facts; GRANT CREATE ON SCHEMA slate TO facts")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC; SET ROLE facts")
            facts = {"not_owned": "events, slate.recovery, slate.recovery_range, slate.recovery_command"}
            facts |= {"may_create": False, "role": "facts", "journal": None}
        state = read_state(connection)
        connection.rollback()
    assert {name: getattr(state, name) for name in facts} == facts
    assert state.is_new is ("begin_recovery" in script or "ROLE" in script)
    assert (state.journal is not None) is ("begin_recovery" in script)
    if state.journal:
        assert (state.journal.method, state.journal.last_id, state.journal.next_id) == ("copy", 9, None)


def test_a_source_that_another_recovery_works_on_is_not_read(server: Server, source: str, destination: str) -> None:
    for database, lock, locked in (
        (source, RUN_LOCK, True),
        (source, RUN_LOCK + 1, False),
        (source, RUN_LOCK + 2**32, False),
        (destination, RUN_LOCK, False),
    ):
        with server.connect(database) as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", [lock])
            state = look_from(server, source).state
            assert state
            assert state.locked is locked
            assert state.is_new is (not locked)


@pytest.mark.parametrize("from_outside", [True, False])
def test_no_connection_stays_behind(server: Server, source: str, from_outside: bool) -> None:
    found = look(address(server, source), from_outside=from_outside)
    assert found.database
    assert (found.database is found.server) is (not from_outside)
    assert not (found.server.connection.closed or found.database.connection.closed)
    found.close()
    assert found.server.connection.closed
    assert found.database.connection.closed


@pytest.mark.parametrize("from_outside", [True, False])
def test_sessions_of_others_in_it_are_told_and_none_of_ours(server: Server, source: str, from_outside: bool) -> None:
    with server.connect(source, application_name="theirs") as theirs, server.connect("postgres"):
        server.wait_until_alone(source, theirs)
        found = look_from(server, source, from_outside=from_outside)
        assert found.sessions == ((theirs.info.backend_pid, "postgres at 127.0.0.1 (theirs)"),)
