"""A source in partitions: clients do not notice, and there is always room for the next events."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.partitions import SIZE, append, bounds, held, make_source, owners, partitions
from tests.recovery import Connection
from tests.servers import Server, binaries, wait_for
from tests.slate import create_database


@pytest.fixture
def source(server: Server, name: str) -> Iterator[Connection]:
    """The owner's session in a source with a thousand ids a partition."""
    make_source(server, name)
    with server.connect(name) as connection:
        yield connection


def test_a_new_source_has_room_for_the_first_events_and_one_partition_ahead(source: Connection) -> None:
    assert bounds(source) == [
        ("events_1", "FOR VALUES FROM ('1') TO ('1001')"),
        ("events_1001", "FOR VALUES FROM ('1001') TO ('2001')"),
    ]


def test_who_enters_a_partition_makes_the_one_behind_it(source: Connection) -> None:
    append(source, SIZE)
    assert len(partitions(source)) == 2
    append(source, 1)
    assert partitions(source) == ["events_1", "events_1001", "events_2001"]


def test_one_call_may_hold_more_events_than_several_partitions(source: Connection) -> None:
    assert append(source, 5 * SIZE + 3) == (1, 5003)
    assert append(source, 1) == (5004, 5004)
    assert held(source) == (5004, 1, 5004)
    assert len(partitions(source)) == 7


def test_a_transaction_that_is_rolled_back_takes_its_partitions_along(source: Connection) -> None:
    with source.transaction(force_rollback=True):
        append(source, 3 * SIZE)
        assert len(partitions(source)) == 4
    assert len(partitions(source)) == 2
    assert append(source, 3 * SIZE) == (1, 3000)
    assert held(source) == (3000, 1, 3000)


def test_clients_of_the_original_cross_partitions(source: Connection) -> None:
    rows = ",".join(f"($1[{n}], $2, '{{\"n\": {n}}}')" for n in range(1, SIZE + 2))
    assert source.execute(f"SELECT insert_events($${rows}$$)".encode()).fetchone() == (SIZE + 1,)
    assert source.execute("SELECT insert_events($$($1[1], $2, '{}')$$)").fetchone() == (1,)
    assert held(source) == (SIZE + 2, 1, SIZE + 2)


@pytest.mark.parametrize("table", ["events", "events_1", "events_1001"])
@pytest.mark.parametrize(
    "command",
    [
        "DELETE FROM {}",
        "TRUNCATE {}",
        "UPDATE {} SET ts = now()",
        "MERGE INTO {} AS e USING (SELECT 1) AS o ON e.id = 1 WHEN MATCHED THEN DELETE",
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_no_event_is_changed_through_the_table_or_a_partition(
    source: Connection, table: str, command: str, role: str
) -> None:
    append(source, SIZE + 1)
    source.execute(f"SET session_replication_role = {role}".encode())
    with pytest.raises(psycopg.Error) as caught:
        source.execute(command.format(table).encode())
    assert caught.value.sqlstate == "SL001"
    assert held(source) == (SIZE + 1, 1, SIZE + 1)


def test_the_table_has_the_columns_and_constraints_of_one_in_a_piece(
    server: Server, name: str, source: Connection
) -> None:
    query = """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               ARRAY(SELECT c.conname || ' ' || pg_get_constraintdef(c.oid) FROM pg_constraint AS c
                     WHERE c.conrelid = a.attrelid ORDER BY 1)
        FROM pg_attribute AS a WHERE a.attrelid = 'events'::regclass AND a.attnum > 0 ORDER BY a.attnum
    """
    create_database(server, f"{name}_whole", "source")
    try:
        with server.connect(f"{name}_whole") as whole:
            assert source.execute(query).fetchall() == whole.execute(query).fetchall()
    finally:
        server.drop(f"{name}_whole")


def test_the_triggers_of_events_look_as_ever(source: Connection) -> None:
    query = """
        SELECT trigger_name, event_manipulation FROM information_schema.triggers WHERE event_object_table = 'events'
        ORDER BY 1, 2
    """
    assert source.execute(query).fetchall() == [
        ("check_sql_command", "DELETE"),
        ("check_sql_command", "UPDATE"),
        ("notify_insert", "INSERT"),
    ]


def test_notifications_name_the_table_and_no_partition(source: Connection) -> None:
    append(source, SIZE)
    source.execute("LISTEN eventsinsert")
    source.execute("SELECT append_events(%s)", (json.dumps([{"n": 1}, {"entityName": "x", "text": "y" * 9000}]),))
    heard = [json.loads(one.payload) for one in source.notifies(timeout=10, stop_after=2)]
    assert [one["table"] for one in heard] == ["events", "events"]
    assert [one["id"] for one in heard] == [SIZE + 1, SIZE + 2]
    assert heard[1]["truncated"] is True


@pytest.mark.parametrize(("more", "truncated"), [(0, False), (1, True)])
def test_a_notification_of_7999_bytes_is_whole_and_of_a_byte_more_cut_down(
    source: Connection, more: int, truncated: bool
) -> None:
    envelope = '{"table" : "events", "id" : 1, "event" : {"text": ""}}'
    source.execute("LISTEN eventsinsert")
    source.execute("SELECT append_events(%s)", (json.dumps([{"text": "x" * (7999 - len(envelope) + more)}]),))
    (heard,) = source.notifies(timeout=10, stop_after=1)
    assert ("truncated" in json.loads(heard.payload)) == truncated
    assert truncated or len(heard.payload) == 7999


def test_a_reader_and_a_dump_do_not_hinder_a_new_partition_nor_it_them(
    server: Server, name: str, source: Connection
) -> None:
    with server.connect(name) as reader, server.connect(name) as writer:
        with reader.transaction():
            # As pg_dump does.
            reader.execute("LOCK TABLE events IN ACCESS SHARE MODE")
            reader.execute("SELECT count(*) FROM events")
            writer.execute("SET lock_timeout = '10s'")
            append(writer, SIZE + 1)
        with writer.transaction():
            append(writer, SIZE)
            reader.execute("SET lock_timeout = '10s'")
            assert reader.execute("SELECT count(*) FROM events").fetchone() == (SIZE + 1,)
    assert held(source) == (2 * SIZE + 1, 1, 2 * SIZE + 1)


def test_many_writers_at_the_boundaries_leave_no_gap(server: Server, name: str, source: Connection) -> None:
    calls, count, writers = 12, 237, 20

    def write(_: int) -> None:
        with server.connect(name) as connection:
            for _ in range(calls):
                append(connection, count)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    total = calls * count * writers
    assert held(source) == (total, 1, total)
    stamps = source.execute(
        "SELECT count(*) FROM (SELECT ts, lag(ts) OVER (ORDER BY id) AS p FROM events) AS e WHERE ts < p"
    )
    assert stamps.fetchone() == (0,)


def test_a_writer_needs_no_more_rights_than_without_partitions(server: Server, name: str, source: Connection) -> None:
    role = f"{name}_writer"
    source.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
    try:
        source.execute(f"GRANT INSERT ON events TO {role}; GRANT SELECT, UPDATE ON id TO {role}".encode())
        with server.connect(name, user=role, password="x") as writer:
            assert append(writer, 2 * SIZE + 5) == (1, 2005)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute("SELECT slate.add_partitions(1000000)")
        assert owners(source) == ["postgres"]
    finally:
        source.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_with_roles_the_writer_crosses_partitions_and_nobody_gets_at_them_directly(server: Server, name: str) -> None:
    make_source(server, name, "--roles", name)
    try:
        with server.connect(name) as owner:
            owner.execute(f"SET SESSION AUTHORIZATION {name}_writer".encode())
            assert append(owner, 2 * SIZE + 5) == (1, 2005)
            owner.execute("RESET SESSION AUTHORIZATION")
            owner.execute(f"SET SESSION AUTHORIZATION {name}_reader".encode())
            assert held(owner) == (2005, 1, 2005)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute("SELECT FROM events_2001")
            owner.execute("RESET SESSION AUTHORIZATION")
            assert owners(owner) == [f"{name}_owner"]
    finally:
        server.drop(name)
        with server.connect() as connection:
            for role in ("owner", "writer", "reader", "replicator", "recoverer"):
                connection.execute(f"DROP ROLE {name}_{role}".encode())


def test_pg_dump_brings_it_over_whole(server: Server, name: str, source: Connection, tmp_path: Path) -> None:
    append(source, SIZE + 10)
    folder, other = binaries()[server.version], f"{name}_restored"
    address = make_conninfo(**server.parameters(name))
    dump = subprocess.run([folder / "pg_dump", address], capture_output=True, check=True).stdout
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {other} TEMPLATE template0".encode())
    try:
        into = make_conninfo(**server.parameters(other))
        subprocess.run(
            [folder / "psql", "-qX", "-v", "ON_ERROR_STOP=1", into], input=dump, capture_output=True, check=True
        )
        with server.connect(other) as restored:
            assert append(restored, SIZE) == (SIZE + 11, 2 * SIZE + 10)
            assert len(partitions(restored)) == 4
    finally:
        server.drop(other)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["-t", "source", "--partition-size", "999"], '"999" is too few ids for a partition: 1000 or more'),
        (["-t", "source", "--partition-size", "x"], '"x" is not a whole number'),
        (["-t", "destination", "--partition-size", "1000"], "is for a source"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(arguments: list[str], fault: str) -> None:
    ended = commands.run(["-n", "events", *arguments], {"PATH": "/usr/bin"})
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    assert f"--partition-size: {fault}" in ended.stderr


def test_the_script_for_psql_makes_the_same(server: Server, name: str) -> None:
    arguments = ["-n", name, "-t", "source", "--partition-size", str(SIZE), "--sql"]
    script = commands.run(arguments, server.environment()).stdout
    program = binaries()[server.version] / "psql"
    psql: list[str | Path] = [program, "-qX", make_conninfo(**server.parameters())]
    subprocess.run(psql, input=script, text=True, capture_output=True, check=True)
    with server.connect(name) as connection:
        wait_for(lambda: len(partitions(connection)) == 2, "partitions")
        assert append(connection, 2 * SIZE) == (1, 2 * SIZE)
