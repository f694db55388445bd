"""The functions that keep the journal of a recovery: each refuses what is out of turn, and undoes what was begun."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.servers import Server, wait_for
from tests.slate import create_database

Connection = psycopg.Connection[tuple[Any, ...]]

BEGIN = "SELECT slate.begin_recovery('{}', '{{}}', 3)"
METHODS = ("restore-events", "copy")
# What a recovery changes and has to bring back.
STATE = """
SELECT 'index', pg_get_indexdef(i.indexrelid) FROM pg_index AS i WHERE i.indrelid = 'public.events'::regclass
UNION ALL
SELECT 'trigger', concat(t.tgname, ' ', t.tgenabled) FROM pg_trigger AS t WHERE t.tgrelid = 'public.events'::regclass
UNION ALL
SELECT 'next id', i.id::text FROM public.id AS i
UNION ALL
SELECT 'journal', r.method FROM slate.recovery AS r
UNION ALL
SELECT 'range', r::text FROM slate.recovery_range AS r
UNION ALL
SELECT 'command', c.command FROM slate.recovery_command AS c
ORDER BY 1, 2
"""


@pytest.fixture(scope="module", params=[0, 1], ids=["whole", "partitioned"])
def database(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A new source, for tests that roll back."""
    name = f"recovery_functions_{request.param}"
    create_database(server, name, "source", partition_size=request.param)
    yield name
    server.drop(name)


@pytest.fixture
def source(server: Server, database: str) -> Iterator[Connection]:
    """A transaction in a new source, rolled back in the end."""
    with server.transaction(database) as connection:
        yield connection


@pytest.fixture
def own_source(server: Server, name: str) -> str:
    """The name of a new source that the test may write to."""
    create_database(server, name, "source")
    return name


def run(connection: Connection, *scripts: str) -> None:
    for script in scripts:
        connection.execute(script.encode())


def state(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(STATE).fetchall()


def value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


def store(connection: Connection, *ids: int) -> None:
    connection.execute("INSERT INTO public.events SELECT i, now(), '{}' FROM unnest(%s::bigint[]) AS i", [list(ids)])


def check_refused(connection: Connection, script: str, sqlstate: str, words: str) -> None:
    """The script is refused so; an open transaction stays usable."""
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        run(connection, script)
    assert caught.value.sqlstate == sqlstate
    assert caught.value.diag.message_primary
    assert re.search(words, caught.value.diag.message_primary)


def copied(connection: Connection, *ids: int) -> None:
    """A recovery by copy of three events, as far as that these events and all indexes are there."""
    run(connection, BEGIN.format("copy"))
    store(connection, *ids)
    for (command,) in connection.execute("SELECT command FROM slate.recovery_command ORDER BY position").fetchall():
        run(connection, command)
    run(connection, "DELETE FROM slate.recovery_command")


# --- Indexes


def test_of_the_indexes_that_are_set_aside_constraints_come_back_first(source: Connection) -> None:
    are_constraints = ["ADD CONSTRAINT" in command for command in value(source, "SELECT slate.set_indexes_aside()")]
    # The key of a partitioned table stays.
    assert are_constraints in ([True] + [False] * 6, [False] * 6)


# --- Begin


@pytest.mark.parametrize("method", METHODS)
def test_a_recovery_that_has_begun_refuses_writers_and_says_what_it_is(source: Connection, method: str) -> None:
    run(source, f"SELECT slate.begin_recovery('{method}', '{{\"place\": \"p\"}}', 3)")
    journal = source.execute("SELECT method, backup ->> 'place', last_id, next_id FROM slate.recovery").fetchall()
    assert journal == [(method, "p", 3, None)]
    check_refused(source, "SELECT append_events('[1]')", "SL004", "being recovered")
    check_refused(source, "SELECT insert_events($$($1[1], $2, '1')$$)", "SL004", "being recovered")


def test_what_is_no_new_source_begins_no_recovery(source: Connection) -> None:
    begin = BEGIN.format("copy")
    check_refused(source, f"INSERT INTO events VALUES (1, now(), '1'); {begin}", "SL031", "row count .1. is not 0")
    check_refused(source, f"UPDATE id SET id = 2; {begin}", "SL032", "value .2. is not 1")
    check_refused(source, f"DELETE FROM id; {begin}", "SL032", "value .<NULL>. is not 1")


def test_copy_sets_indexes_and_notify_trigger_aside_and_lets_nobody_in_meanwhile(source: Connection) -> None:
    run(source, BEGIN.format("copy"))
    left = [fact for kind, fact in state(source) if kind == "index"]
    # The primary key of a table with partitions stays, since those of the partitions stand on it.
    assert left == [one for one in left if "events_pkey" in one]
    assert len(left) == value(source, "SELECT count(*) FROM pg_partitioned_table")
    assert len(left) + value(source, "SELECT count(*) FROM slate.recovery_command") == 7
    assert ("trigger", "notify_insert D") in state(source)
    notify = "ALTER TABLE public.events ENABLE TRIGGER notify_insert"
    assert value(source, "SELECT notify_command FROM slate.recovery") == notify
    locked = "SELECT count(*) FROM pg_locks WHERE relation = 'events'::regclass AND mode = 'AccessExclusiveLock'"
    assert value(source, f"{locked} AND pid = pg_backend_pid()") == 1


def test_copy_locks_the_table_before_it_looks_for_what_to_set_aside(server: Server, own_source: str) -> None:
    with server.connect(own_source) as reader, server.connect(own_source) as source, ThreadPoolExecutor(1) as pool:
        # Nothing is left to be dropped, so that no other command takes the lock.
        run(source, "DROP INDEX events_ts", "DROP TRIGGER notify_insert ON events")
        for (index,) in source.execute("SELECT relname FROM pg_class WHERE relname ~ '^events_event_'").fetchall():
            run(source, f"DROP INDEX {index}")
        run(source, "ALTER TABLE events DROP CONSTRAINT events_pkey")
        with reader.transaction():
            run(reader, "LOCK TABLE events IN ACCESS SHARE MODE")
            began = pool.submit(run, source, BEGIN.format("copy"))
            waits = f"SELECT cardinality(pg_blocking_pids({source.info.backend_pid})) > 0"
            wait_for(lambda: value(reader, waits), "the recovery to wait for the reader")
        began.result(timeout=30)


def test_restore_events_leaves_indexes_and_trigger_until_it_loads(source: Connection) -> None:
    before = [fact for fact in state(source) if fact[0] in ("index", "trigger")]
    run(source, BEGIN.format("restore-events"))
    assert [fact for fact in state(source) if fact[0] in ("index", "trigger")] == before
    assert value(source, "SELECT notify_command IS NULL FROM slate.recovery")


@pytest.mark.parametrize("first", METHODS)
@pytest.mark.parametrize("second", METHODS)
def test_what_has_stored_nothing_can_begin_anew(source: Connection, first: str, second: str) -> None:
    run(source, BEGIN.format(second))
    once = state(source)
    run(source, "SELECT slate.abandon_recovery()")
    run(source, BEGIN.format(first), BEGIN.format(second))
    # Indexes come in another order, with other numbers.
    assert sorted(kind for kind, _ in state(source)) == sorted(kind for kind, _ in once)
    assert [fact for fact in state(source) if fact[0] != "command"] == [fact for fact in once if fact[0] != "command"]


@pytest.mark.parametrize("method", METHODS)
def test_what_has_stored_events_neither_begins_anew_nor_is_abandoned(source: Connection, method: str) -> None:
    run(source, BEGIN.format(method))
    store(source, 1)
    check_refused(source, BEGIN.format(method), "SL041", "^A recovery of this source has not finished$")
    check_refused(source, "SELECT slate.abandon_recovery()", "SL041", "has stored events already$")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("enabled", ["ENABLE", "ENABLE ALWAYS", "ENABLE REPLICA", "DISABLE"])
def test_an_abandoned_recovery_leaves_the_source_as_it_was(source: Connection, method: str, enabled: str) -> None:
    run(source, f"ALTER TABLE events {enabled} TRIGGER notify_insert")
    before = state(source)
    run(source, BEGIN.format(method), "INSERT INTO slate.recovery_range VALUES (1, 3)")
    run(source, "SELECT slate.abandon_recovery()")
    assert state(source) == before
    assert value(source, "SELECT first_id FROM append_events('[1]')") == 1


# --- Load by restore-events


@pytest.fixture(scope="module")
def backup(backup_server: Server) -> Iterator[str]:
    """A backup of four events."""
    create_database(backup_server, "recovery_functions_backup", "destination")
    with backup_server.connect("recovery_functions_backup") as connection:
        store(connection, 1, 2, 3, 4)
    yield "recovery_functions_backup"
    backup_server.drop("recovery_functions_backup")


def test_restore_events_loads_up_to_the_last_event_and_writers_stay_out(
    source: Connection, backup_server: Server, backup: str
) -> None:
    run(source, BEGIN.format("restore-events"))
    there = backup_server.parameters(backup)
    values = [there[key] for key in ("host", "dbname", "user", "password", "port")]
    row = source.execute("SELECT slate.recover_events(%s, %s, %s, %s, %s, '{}')", values).fetchone()
    assert row == (3,)
    assert value(source, "SELECT array_agg(id ORDER BY id) FROM events") == [1, 2, 3]
    assert value(source, "SELECT next_id FROM slate.recovery") == 4
    assert value(source, "SELECT count(*) FROM id") == 0
    check_refused(source, "SELECT append_events('[1]')", "SL004", "being recovered")
    assert value(source, "SELECT slate.finish_recovery()") == 4


# --- Check


def test_what_copy_has_stored_is_counted(source: Connection) -> None:
    copied(source, 1, 2, 3)
    assert value(source, "SELECT slate.check_copied()") == 3
    assert value(source, "SELECT next_id FROM slate.recovery") == 4


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ([], "0 events, ids <NULL> to <NULL>"),
        ([1, 2], "2 events, ids 1 to 2"),
        ([1, 3], "2 events, ids 1 to 3"),
        ([1, 2, 3, 4], "4 events, ids 1 to 4"),
        ([2, 3, 4], "3 events, ids 2 to 4"),
        ([1, 2, 4], "3 events, ids 1 to 4"),
    ],
)
def test_other_events_than_copy_was_to_store_are_refused(source: Connection, ids: list[int], found: str) -> None:
    copied(source, *ids)
    check_refused(source, "SELECT slate.check_copied()", "SL042", f"has {found}, instead of 1 to 3$")


def test_events_before_the_first_are_refused_though_the_number_is_right(server: Server, own_source: str) -> None:
    # In a table without partitions, which has a place for them.
    with server.connect(own_source) as source:
        for ids, found in (([0, 2, 3], "3 events, ids 0 to 3"), ([-1, 1, 3], "3 events, ids -1 to 3")):
            with source.transaction(force_rollback=True):
                copied(source, *ids)
                check_refused(source, "SELECT slate.check_copied()", "SL042", f"has {found}, instead of 1 to 3$")


def test_indexes_that_are_not_back_are_refused(source: Connection) -> None:
    run(source, BEGIN.format("copy"))
    store(source, 1, 2, 3)
    check_refused(source, "SELECT slate.check_copied()", "SL043", "^Not all indexes .* are back$")


# --- Finish


def test_a_finished_recovery_lets_writers_go_on_and_leaves_no_journal(source: Connection) -> None:
    before = [fact for fact in state(source) if fact[0] != "next id"]
    copied(source, 1, 2, 3)
    run(source, "SELECT slate.check_copied()", "INSERT INTO slate.recovery_range VALUES (1, 3)")
    assert value(source, "SELECT slate.finish_recovery()") == 4
    assert [fact for fact in state(source) if fact[0] != "next id"] == before
    assert value(source, "SELECT first_id FROM append_events('[1]')") == 4


def test_what_restore_events_has_loaded_is_finished_though_its_trigger_was_not_touched(source: Connection) -> None:
    before = [fact for fact in state(source) if fact[0] != "next id"]
    run(source, "SELECT slate.begin_recovery('restore-events', '{}', 1)")
    store(source, 1)
    run(source, "UPDATE slate.recovery SET next_id = 2")
    assert value(source, "SELECT slate.finish_recovery()") == 2
    assert [fact for fact in state(source) if fact[0] != "next id"] == before


def test_nothing_is_finished_before_all_events_are_there(source: Connection) -> None:
    finish, words = "SELECT slate.finish_recovery()", "^The recovery of this source is not complete$"
    check_refused(source, finish, "SL044", words)
    copied(source, 1, 2, 3)
    check_refused(source, finish, "SL044", words)
    run(source, "SELECT slate.check_copied()")
    check_refused(source, f"INSERT INTO events VALUES (4, now(), '1'); {finish}", "SL044", words)
    check_refused(source, f"UPDATE slate.recovery SET next_id = 3; {finish}", "SL044", words)


def test_who_looked_for_the_next_id_before_a_recovery_ended_is_asked_to_try_again(
    server: Server, own_source: str
) -> None:
    with server.connect(own_source) as own, server.connect(own_source) as writer, ThreadPoolExecutor(1) as pool:
        run(own, BEGIN.format("restore-events"), "UPDATE slate.recovery SET next_id = 4")
        store(own, 1, 2, 3)
        # The writer stops behind its look, which finds no row.
        run(own, "CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            " AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';"
            "CREATE TRIGGER wait AFTER UPDATE ON public.id FOR EACH STATEMENT EXECUTE FUNCTION public.wait();"
            "SELECT pg_advisory_lock(1)")  # fmt: skip
        appending = pool.submit(check_refused, writer, "SELECT append_events('[1]')", "SL004", "is being recovered")
        waits = (
            f"SELECT count(*) FROM pg_stat_activity WHERE pid = {writer.info.backend_pid} AND wait_event = 'advisory'"
        )
        wait_for(lambda: value(own, waits), "the writer to have looked")
        run(own, "SELECT slate.finish_recovery()", "SELECT pg_advisory_unlock(1)")
        appending.result()
        assert value(writer, "SELECT first_id FROM append_events('[1]')") == 4


def test_one_of_two_that_finish_at_once_waits_for_the_other(server: Server, own_source: str) -> None:
    with server.connect(own_source) as first, server.connect(own_source) as second, ThreadPoolExecutor(1) as pool:
        copied(first, 1, 2, 3)
        run(first, "SELECT slate.check_copied()")
        with first.transaction():
            # Before it has changed anything, the journal is its own.
            run(first, "SELECT FROM slate.recovery FOR UPDATE")
            finishing = pool.submit(value, second, "SELECT slate.finish_recovery()")
            waits = f"SELECT cardinality(pg_blocking_pids({second.info.backend_pid})) > 0"
            wait_for(lambda: value(first, waits), "the other to wait")
            assert value(first, "SELECT count(*) FROM id") == 0
            assert value(first, "SELECT slate.finish_recovery()") == 4
        with pytest.raises(psycopg.Error) as caught:
            finishing.result(timeout=30)
        assert caught.value.sqlstate == "SL044"
        assert value(first, "SELECT id FROM id") == 4


# --- The journal's own tables


def test_there_is_one_recovery_at_most(source: Connection) -> None:
    again = "INSERT INTO slate.recovery (singleton, method, backup, last_id) VALUES ({}, 'copy', '{{}}', 3)"
    run(source, again.format("true"))
    for singleton, error in (("true", errors.UniqueViolation), ("false", errors.CheckViolation)):
        with pytest.raises(error), source.transaction():
            run(source, again.format(singleton))


@pytest.mark.parametrize(
    "values", ["NULL, 'copy', '{}', 3", "true, NULL, '{}', 3", "true, '', NULL, 3", "true, '', '{}', NULL"]
)
def test_a_recovery_says_all_that_resuming_it_takes(source: Connection, values: str) -> None:
    with pytest.raises(errors.NotNullViolation), source.transaction():
        run(source, f"INSERT INTO slate.recovery (singleton, method, backup, last_id) VALUES ({values})")


def test_a_recovery_says_when_it_began(source: Connection) -> None:
    run(source, BEGIN.format("copy"))
    assert value(source, "SELECT started_at = now() FROM slate.recovery")
    with pytest.raises(errors.NotNullViolation), source.transaction():
        run(source, "UPDATE slate.recovery SET started_at = NULL")


def test_a_range_and_a_command_are_kept_once(source: Connection) -> None:
    for table, row in (("recovery_range", "1, 3"), ("recovery_command", "1, 'SELECT'")):
        run(source, f"INSERT INTO slate.{table} VALUES ({row})")
        with pytest.raises(errors.UniqueViolation), source.transaction():
            run(source, f"INSERT INTO slate.{table} VALUES ({row})")
        for half in (f"NULL, {row.partition(', ')[2]}", "2, NULL"):
            with pytest.raises(errors.NotNullViolation), source.transaction():
                run(source, f"INSERT INTO slate.{table} VALUES ({half})")
