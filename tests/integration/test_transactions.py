"""What transactions promise each other: one rising ts each, no gap, nothing read without a right, no reader waits."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.servers import Server
from tests.slate import create_database

Connection = psycopg.Connection[tuple[Any, ...]]

INSERT = "SELECT public.insert_events($$($1[1], $2, '\"inserted\"')$$)"
APPEND = "SELECT public.append_events('[\"appended\"]')"
BOTH_WRITERS = pytest.mark.parametrize("write", [INSERT, APPEND], ids=["insert_events", "append_events"])
LAST_TS = {"clock right": "now() - interval '1 day'", "clock put back": "now() + interval '1 day'"}
IMPATIENT = {"options": "-c lock_timeout=2s -c statement_timeout=10s"}


@pytest.fixture(params=list(LAST_TS.values()), ids=list(LAST_TS))
def started(request: pytest.FixtureRequest, server: Server, name: str) -> str:
    """The name of a source with one event, whose ts is in the past, or in the future."""
    create_database(server, name, "source")
    with server.connect(name) as connection:
        run(connection, f"INSERT INTO events VALUES (1, {request.param}, '0')", "UPDATE id SET id = 2")
    return name


@pytest.fixture
def writer(server: Server, started: str) -> Iterator[Connection]:
    """A connection that commits when told."""
    with psycopg.connect(**server.parameters(started, **IMPATIENT)) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def other(server: Server, started: str) -> Iterator[Connection]:
    """An autocommit connection beside the writer's."""
    with server.connect(started, **IMPATIENT) as connection:
        yield connection


@pytest.fixture(scope="module")
def events_of_one(server: Server) -> Iterator[str]:
    """The name of a source with one event, for tests that roll back."""
    create_database(server, "transactions_one", "source")
    with server.connect("transactions_one") as connection:
        run(connection, INSERT)
    yield "transactions_one"
    server.drop("transactions_one")


@pytest.fixture
def source(server: Server, events_of_one: str) -> Iterator[Connection]:
    """A transaction in a source with one event, rolled back in the end."""
    with psycopg.connect(**server.parameters(events_of_one)) as connection:
        # From here on connection.transaction() is a savepoint, which commits nothing.
        run(connection, "SELECT 'begins the transaction'")
        yield connection
        connection.rollback()


def run(connection: Connection, *scripts: str) -> None:
    for script in scripts:
        connection.execute(script.encode())


def query(connection: Connection, text: str) -> list[tuple[Any, ...]]:
    return connection.execute(text.encode()).fetchall()


def moments(connection: Connection) -> list[Any]:
    """The ts of the events in the order of their ids, which have no gap."""
    rows = query(connection, "SELECT id, ts FROM events ORDER BY id")
    assert [id for id, _ in rows] == list(range(1, len(rows) + 1))
    return [ts for _, ts in rows]


# --- ts


@pytest.mark.parametrize("begin", ["SELECT now()", "SELECT pg_current_xact_id()"], ids=["no xid yet", "a lower xid"])
@BOTH_WRITERS
def test_a_transaction_that_began_earlier_and_writes_later_has_the_later_ts(
    writer: Connection, other: Connection, begin: str, write: str
) -> None:
    run(writer, begin)
    run(other, INSERT, APPEND)
    run(writer, write, "SAVEPOINT a", write, "RELEASE a", write)
    writer.commit()
    (_, second, third, *own) = moments(other)
    assert second < third < own[0]
    assert own == own[:1] * 3


@BOTH_WRITERS
def test_ts_rises_after_a_write_that_was_rolled_back(writer: Connection, other: Connection, write: str) -> None:
    run(writer, write)
    (_, lost) = moments(writer)
    writer.rollback()
    run(other, write, write)
    (first, second, third) = moments(other)
    assert first < second < third
    assert second >= lost


@BOTH_WRITERS
def test_ts_is_never_before_the_transactions_start(writer: Connection, write: str) -> None:
    run(writer, write)
    assert query(writer, "SELECT ts >= now() FROM events WHERE id = 2") == [(True,)]


def test_a_write_undone_by_a_savepoint_lets_others_write_first(writer: Connection, other: Connection) -> None:
    run(writer, "SELECT now()", "SAVEPOINT a", INSERT, "ROLLBACK TO a")
    run(other, APPEND)
    run(writer, INSERT, APPEND)
    writer.commit()
    (first, second, third, fourth) = moments(other)
    assert first < second < third == fourth


def test_a_write_kept_keeps_others_waiting_though_a_later_one_is_undone(writer: Connection, other: Connection) -> None:
    run(writer, INSERT, "SAVEPOINT a", APPEND, "ROLLBACK TO a")
    run(other, "SET lock_timeout = '100ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
        run(other, APPEND)
    assert caught.value.diag.message_primary == "canceling statement due to lock timeout"
    writer.commit()
    assert len(moments(other)) == 2


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_has_one_ts_in_every_isolation_level(writer: Connection, isolation: str) -> None:
    run(writer, f"SET TRANSACTION ISOLATION LEVEL {isolation}", INSERT, "SAVEPOINT a", APPEND, "RELEASE a", INSERT)
    (before, *own) = moments(writer)
    assert own == own[:1] * 3
    assert before < own[0]


# --- Readers


@pytest.mark.parametrize("table", ["id", "events"])
@BOTH_WRITERS
def test_readers_do_not_wait_for_a_writer(writer: Connection, other: Connection, table: str, write: str) -> None:
    before = query(other, f"SELECT * FROM {table}")
    run(writer, write)
    assert query(other, f"SELECT * FROM {table}") == before


def test_pg_dump_does_not_wait_for_a_writer(server: Server, writer: Connection, started: str) -> None:
    run(writer, INSERT, APPEND)
    dump = subprocess.run(
        [server.cluster.binaries / "pg_dump", "--lock-wait-timeout=2s", "--data-only", "--table=events", started],
        env=server.environment(PGOPTIONS="-c lock_timeout=2s"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert dump.returncode == 0, dump.stderr
    (_, _, data) = dump.stdout.partition("COPY public.events (id, ts, event) FROM stdin;\n")
    assert [line.split("\t")[0] for line in data.partition("\\.")[0].splitlines()] == ["1"]


# --- The same rows under any settings

AWKWARD = {"quote": "it's ''twice''", "backslash": "a\\b\\\\", "line": "\n", "letters": "äß", "none": None, "n": [1e3]}
SETTINGS = [
    ("standard_conforming_strings", "off"),
    ("client_encoding", "LATIN1"),
    ("transform_null_equals", "on"),
    ("plpgsql.extra_warnings", "all"),
    ("lc_messages", "C"),
    ("DateStyle", "SQL, DMY"),
    ("session_replication_role", "replica"),
    ("default_transaction_isolation", "serializable"),
]


@pytest.mark.parametrize(("setting", "value"), SETTINGS, ids=[setting for setting, _ in SETTINGS])
def test_an_awkward_event_is_stored_the_same_under_any_setting(source: Connection, setting: str, value: str) -> None:
    warnings: list[str | None] = []
    source.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    name = sql.SQL(".").join(map(sql.Identifier, setting.split(".")))
    source.execute(sql.SQL("SET {} = {}").format(name, sql.Literal(value)))
    document = json.dumps(AWKWARD, ensure_ascii=False)
    source.execute("SELECT append_events(%s)", [f"[{document}]"])
    stored = [AWKWARD]
    if setting != "standard_conforming_strings":
        source.execute("SELECT insert_events(%s)", ["($1[1], $2, '" + document.replace("'", "''") + "')"])
        stored *= 2
    # The driver reads JSON as UTF-8 only.
    run(source, "RESET client_encoding")
    assert [event for (event,) in query(source, "SELECT event FROM events WHERE id > 1 ORDER BY id")] == stored
    assert warnings == []


# --- Roles


@pytest.fixture
def stranger(source: Connection) -> Connection:
    """The transaction, as a role without any right of its own."""
    run(source, "CREATE ROLE slate_stranger", "SET ROLE slate_stranger")
    return source


def test_the_ts_for_the_next_event_tells_nothing_of_the_last(stranger: Connection) -> None:
    # now() is later than the last event: the clock is all that is told.
    told = "SELECT slate.transaction_ts(1) BETWEEN now() AND clock_timestamp()"
    assert query(stranger, told) == [(True,)]


@pytest.mark.parametrize(
    ("table", "script"),
    [
        ("events", "SELECT * FROM events"),
        ("id", "SELECT id FROM id"),
        ("id", "SELECT slate.take_ids(0)"),
        ("events", "INSERT INTO events VALUES (3, now(), '{}')"),
        ("events", "DELETE FROM events"),
        ("events", "TRUNCATE events"),
    ],
)
def test_a_role_without_rights_neither_reads_nor_changes(stranger: Connection, table: str, script: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught, stranger.transaction():
        run(stranger, script)
    assert caught.value.diag.message_primary == f"permission denied for table {table}"
    run(stranger, "RESET ROLE")
    assert query(stranger, "SELECT id, (SELECT count(*) FROM events) FROM id") == [(2, 1)]


@BOTH_WRITERS
def test_ids_taken_without_events_stop_the_writers_and_leave_no_gap(source: Connection, write: str) -> None:
    run(source, "CREATE ROLE slate_stranger", "GRANT SELECT, UPDATE ON id TO slate_stranger", "SET ROLE slate_stranger")
    run(source, "SELECT slate.take_ids(5)", "RESET ROLE")
    with pytest.raises(psycopg.Error) as caught, source.transaction():
        run(source, write)
    assert caught.value.sqlstate == "SL003"
    assert caught.value.diag.message_primary == (
        "Table id says that event 6 is the last one, but there is no such event"
    )
    assert query(source, "SELECT id FROM events") == [(1,)]
