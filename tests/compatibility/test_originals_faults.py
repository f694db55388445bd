"""What the original got wrong: each test shows its SQL failing, and ours not.

Two more are tested with the command: a database name of 64 bytes, and a cluster whose default is SQL_ASCII.
"""

import itertools
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from init_slate_db.core.embedded import SUPERUSER
from tests.servers import Server
from tests.slate import create_database, create_original

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[tuple[str, str]]:
    """A source of the original and one of ours, which stay empty: the tests roll back."""
    create_original(server, "faults_original")
    create_database(server, "faults_ours", "source")
    yield "faults_original", "faults_ours"
    server.drop("faults_original")
    server.drop("faults_ours")


@pytest.fixture
def original(server: Server, databases: tuple[str, str]) -> Iterator[Connection]:
    with psycopg.connect(**server.parameters(databases[0])) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def ours(server: Server, databases: tuple[str, str]) -> Iterator[Connection]:
    with psycopg.connect(**server.parameters(databases[1])) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def written_original(server: Server, databases: tuple[str, str]) -> Iterator[str]:
    """The name of a database of the original that a test may write to."""
    create_original(server, "faults_original_written")
    yield "faults_original_written"
    server.drop("faults_original_written")


@pytest.fixture
def written_ours(server: Server, databases: tuple[str, str]) -> Iterator[str]:
    create_database(server, "faults_ours_written", "source")
    yield "faults_ours_written"
    server.drop("faults_ours_written")


def insert(connection: Connection, values: str) -> Any:
    row = connection.execute("SELECT insert_events(%s)", [values]).fetchone()
    assert row is not None
    return row[0]


def row_of(event: Any) -> str:
    return f"($1[1], $2, '{json.dumps(event)}')"


def column(connection: Connection, query: str) -> list[Any]:
    return [row[0] for row in connection.execute(query.encode())]


@pytest.mark.parametrize("text", ["costs $1[9] each", "$2, please", "$1[1], $2, '"[:-1], "$1[1]$1[3]"])
def test_the_text_of_an_event_is_not_read_as_parameters(original: Connection, ours: Connection, text: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException):
        insert(original, row_of({"text": text}))
    assert insert(ours, row_of({"text": text})) == 1
    assert column(ours, "SELECT event ->> 'text' FROM events") == [text]


def test_an_event_over_8000_bytes_is_stored(original: Connection, ours: Connection) -> None:
    event = {"text": "x" * 8000}
    with pytest.raises(psycopg.Error, match="payload string too long"):
        insert(original, row_of(event))
    assert insert(ours, row_of(event)) == 1
    assert column(ours, "SELECT event FROM events") == [event]


def test_a_row_with_an_id_of_its_own_makes_no_gap(original: Connection, ours: Connection) -> None:
    mixed = "($1[1], $2, '{}'), (77, now(), '{}')"
    insert(original, mixed)
    assert column(original, "SELECT id FROM events ORDER BY id") == [1, 77]

    with pytest.raises(psycopg.Error, match="Rows to be inserted are not all of the form") as caught:
        insert(ours, mixed)
    assert caught.value.sqlstate == "SL015"


def test_a_statement_behind_the_rows_does_not_run(original: Connection, ours: Connection) -> None:
    attack = "($1[1], $2, '{}'); DROP TABLE x; --"
    original.execute("CREATE TABLE x ()")
    insert(original, attack)
    assert column(original, "SELECT to_regclass('x')") == [None]

    ours.execute("CREATE TABLE x ()")
    with pytest.raises(psycopg.Error) as caught, ours.transaction():
        insert(ours, attack)
    assert caught.value.sqlstate == "SL015"
    assert column(ours, "SELECT to_regclass('x')::text") == ["x"]


def test_one_row_with_a_wrong_index_is_refused_by_name(original: Connection, ours: Connection) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation):
        insert(original, "($1[5], $2, '{}')")
    with pytest.raises(psycopg.Error) as caught:
        insert(ours, "($1[5], $2, '{}')")
    assert caught.value.sqlstate == "SL013"
    assert caught.value.diag.message_primary == (
        "Number of rows to be inserted (1) does not match the highest row index (5)"
    )


@pytest.mark.parametrize("command", ["TRUNCATE events", "DELETE FROM events", "UPDATE events SET event = '0'"])
def test_events_are_kept_under_session_replication_role_replica(
    original: Connection, ours: Connection, command: str
) -> None:
    for connection in (original, ours):
        insert(connection, row_of("kept"))
        connection.execute("SET session_replication_role = replica")
    original.execute(command.encode())
    assert column(original, "SELECT event FROM events") != ["kept"]

    with (
        pytest.raises(psycopg.Error, match="cannot perform SQL command on events table:  ") as caught,
        ours.transaction(),
    ):
        ours.execute(command.encode())
    assert caught.value.sqlstate == "SL001"
    assert column(ours, "SELECT event FROM events") == ["kept"]


def _write_in_turns(server: Server, database: str) -> list[Any]:
    """The transaction that begins first writes second. Returns the ts of the events by id."""
    with psycopg.connect(**server.parameters(database)) as early, server.connect(database) as late:
        early.execute("SELECT 1")
        insert(late, row_of("first"))
        insert(early, row_of("second"))
    with server.connect(database) as connection:
        assert column(connection, "SELECT event FROM events ORDER BY id") == ["first", "second"]
        return column(connection, "SELECT ts FROM events ORDER BY id")


def test_ts_follows_ids_when_writers_overlap(server: Server, written_original: str, written_ours: str) -> None:
    first, second = _write_in_turns(server, written_original)
    assert second < first
    first, second = _write_in_turns(server, written_ours)
    assert first < second


def test_reading_id_does_not_wait_for_a_writer(server: Server, original: Connection, ours: Connection) -> None:
    for writer in (original, ours):
        insert(writer, row_of("not committed yet"))
    impatient = {"options": "-c lock_timeout=100"}
    with server.connect("faults_original", **impatient) as reader, pytest.raises(psycopg.errors.LockNotAvailable):
        column(reader, "SELECT id FROM id")
    with server.connect("faults_ours", **impatient) as reader:
        assert column(reader, "SELECT id FROM id") == [1]


def _dump(server: Server, database: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [server.cluster.binaries / "pg_dump", "--lock-wait-timeout=100", database],
        env=server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_pg_dump_does_not_wait_for_a_writer(server: Server, original: Connection, ours: Connection) -> None:
    for writer in (original, ours):
        insert(writer, row_of("not committed yet"))
    assert "canceling statement due to statement timeout" in _dump(server, "faults_original").stderr
    dump = _dump(server, "faults_ours")
    assert dump.returncode == 0, dump.stderr
    assert "COPY public.id (id) FROM stdin;\n1\n" in dump.stdout


@pytest.fixture(scope="module")
def backup(backup_server: Server) -> Iterator[str]:
    """A backup of three events, and another database, for the original to be led astray to."""
    for database, events in (("faults_backup", 3), ("faults_elsewhere", 1)):
        create_database(backup_server, database, "destination")
        with backup_server.connect(database) as connection:
            connection.execute("INSERT INTO events SELECT n, now(), '{}' FROM generate_series(1, %s) AS n", [events])
    yield "faults_backup"
    backup_server.drop("faults_backup")
    backup_server.drop("faults_elsewhere")


_numbers = itertools.count(1)


@pytest.fixture
def role(backup_server: Server, backup: str) -> Iterator[str]:
    """A role that may read the backups; the test sets its password."""
    role = f"faults_reader_{next(_numbers)}"
    with backup_server.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN IN ROLE pg_read_all_data".encode())
        yield role
        connection.execute(f"DROP ROLE {role}".encode())


def _set_password(server: Server, role: str, password: str) -> None:
    with server.connect() as connection:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))


def _restore_original(connection: Connection, backup_server: Server, *login: str) -> Any:
    # It has no argument for the port; that text from its arguments reaches the connection string, lets one be given.
    host = f"127.0.0.1 port={backup_server.port}"
    return connection.execute(
        "SELECT rows_restored FROM restore_events(%s, %s, %s, %s)", [host, "faults_backup", *login]
    ).fetchone()


def _restore_ours(connection: Connection, backup_server: Server, *login: str) -> Any:
    return connection.execute(
        "SELECT rows_restored FROM restore_events(%s, %s, %s, %s, fromPort := %s)",
        ["127.0.0.1", "faults_backup", *login, backup_server.port],
    ).fetchone()


def test_an_ordinary_password_works_in_both(
    original: Connection, ours: Connection, backup_server: Server, role: str
) -> None:
    _set_password(backup_server, role, "ordinary")
    assert _restore_original(original, backup_server, role, "ordinary") == (3,)
    assert _restore_ours(ours, backup_server, role, "ordinary") == (3,)


@pytest.mark.parametrize("password", ["two words", "' begins", "'quoted'", "back\\slash", "end\\", " ", "a=b c=d"])
def test_a_password_may_hold_any_character(
    original: Connection, ours: Connection, backup_server: Server, role: str, password: str
) -> None:
    _set_password(backup_server, role, password)
    with pytest.raises(psycopg.OperationalError):
        _restore_original(original, backup_server, role, password)
    assert _restore_ours(ours, backup_server, role, password) == (3,)


def test_a_password_does_not_redirect_the_restore(
    original: Connection, ours: Connection, backup_server: Server, role: str
) -> None:
    _set_password(backup_server, role, "known")
    misleading = "known dbname=faults_elsewhere"
    assert _restore_original(original, backup_server, role, misleading) == (1,)
    with pytest.raises(psycopg.OperationalError, match="could not establish connection") as caught:
        _restore_ours(ours, backup_server, role, misleading)
    assert caught.value.sqlstate == "08001"
    assert "password authentication failed" in str(caught.value.diag.message_detail)


def _heard_ids(listener: Connection) -> list[Any]:
    """The ids of the events that the listener was notified of until now."""
    listener.execute("SELECT pg_notify('eventsinsert', '{\"id\": \"end\"}')")
    ids = (json.loads(notification.payload)["id"] for notification in listener.notifies(timeout=30))
    return list(itertools.takewhile(lambda id: id != "end", ids))


def test_a_restore_notifies_once_instead_of_once_a_row(
    server: Server, written_original: str, written_ours: str, backup_server: Server, backup: str
) -> None:
    login = (SUPERUSER, backup_server.password)
    with server.connect(written_original) as listener, server.connect(written_original) as restoring:
        listener.execute("LISTEN eventsinsert")
        _restore_original(restoring, backup_server, *login)
        assert _heard_ids(listener) == [1, 2, 3]
    with server.connect(written_ours) as listener, server.connect(written_ours) as restoring:
        listener.execute("LISTEN eventsinsert")
        _restore_ours(restoring, backup_server, *login)
        assert _heard_ids(listener) == [3]
