"""Rollbacks while other sessions use the objects, and while others are at work."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.effort import moments
from tests.pov import Connection, prepared, revision, roll_back, snapshot
from tests.servers import Server, wait_for

ROLLBACKS = moments(15, 200)
USERS = 3
# What a statement can meet that was planned before a rollback and runs after it: what it named has gone.
GONE = {"42883", "42P01", "XX000"}
FIRST = """
CREATE TABLE t (a integer); INSERT INTO t VALUES (1);
CREATE FUNCTION f(integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'first'::text$$;
CREATE VIEW v AS SELECT f(a) AS b, 'first' AS c FROM t;
CREATE VIEW w AS SELECT b, c, f(1) AS d FROM v;
ALTER TABLE t ADD CONSTRAINT c CHECK (f(a) <> '')
"""
SECOND = """
DROP FUNCTION f(integer) CASCADE;
CREATE FUNCTION f(integer) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$SELECT 'second'::varchar$$;
CREATE VIEW v AS SELECT f(a) AS b, 'second' AS c FROM t;
CREATE VIEW w AS SELECT b, c, f(1) AS d FROM v
"""


@pytest.fixture
def database(server: Server, name: str) -> Iterator[Connection]:
    with prepared(server, name) as connection:
        connection.execute(FIRST.encode())
        yield connection


def use(server: Server, name: str, over: threading.Event) -> Counter[str]:
    """Reads the views and calls the function until it is over: how often each state, or a refusal, was met."""
    met: Counter[str] = Counter()
    with server.connect(name) as connection:
        # A statement that is kept prepared cannot return another type.
        connection.prepare_threshold = None
        while not over.is_set():
            try:
                (row,) = connection.execute("SELECT b, c, d FROM w").fetchall()
                met[" ".join(sorted(set(row)))] += 1
                connection.execute("SELECT f(2)")
            except psycopg.Error as error:
                met[error.sqlstate or str(error)] += 1
    return met


def turn(server: Server, name: str, targets: list[tuple[int, str]]) -> Counter[str]:
    """Goes back and forth; after each rollback that is done, inside its transaction, what was asked for is live."""
    done: Counter[str] = Counter()
    deadline = time.monotonic() + 10 * ROLLBACKS
    with server.connect(name) as connection:
        connection.execute("SET lock_timeout = '2s'")
        while done["done"] < ROLLBACKS and time.monotonic() < deadline:
            number, digest = targets[done["done"] % 2]
            try:
                with connection.transaction():
                    roll_back(connection, number)
                    assert revision(connection) == digest
                done["done"] += 1
            except psycopg.Error as error:
                done[error.sqlstate or str(error)] += 1
    return done


def test_users_meet_one_state_or_the_other_and_every_rollback_comes_to_its_end(
    server: Server, database: Connection
) -> None:
    name = database.info.dbname
    first = snapshot(database), revision(database)
    database.execute(SECOND.encode())
    second = snapshot(database), revision(database)
    over = threading.Event()
    with ThreadPoolExecutor() as pool:
        users = [pool.submit(use, server, name, over) for _ in range(USERS)]
        try:
            turns = [pool.submit(turn, server, name, targets) for targets in ([first, second], [second, first])]
            results = [future.result() for future in turns]
        finally:
            over.set()
        met = sum((future.result() for future in users), Counter())
    assert [result["done"] for result in results] == [ROLLBACKS, ROLLBACKS]
    assert set().union(*results) <= {"done", "SL071", "SL073", "SL076"}
    assert set(met) - GONE == {"first", "second"}, met
    assert revision(database) in (first[1], second[1])
    assert database.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_deadlock_ends_the_rollback_alone_and_leaves_everything_as_it_was(
    server: Server, database: Connection
) -> None:
    first = snapshot(database)
    database.execute(SECOND.encode())
    live = revision(database)
    name = database.info.dbname
    # Whoever waits last, and so closes the circle, sees it after its own timeout: the rollback sets one of its own.
    database.execute("SET deadlock_timeout = '100s'")
    with (
        server.connect(name) as reader,
        server.connect(name) as other,
        server.connect() as watch,
        ThreadPoolExecutor(2) as pool,
    ):
        other.execute("SET deadlock_timeout = '100s'")
        with other.transaction():
            other.execute("SELECT FROM t")
            with reader.transaction():
                reader.execute("SELECT FROM w")
                rollback = pool.submit(roll_back, database, first)
                wait_for(lambda: is_waiting(watch, database), "the rollback to wait for the reader")
                snapshots = pool.submit(other.execute, "LOCK TABLE pov.snapshot IN ACCESS EXCLUSIVE MODE")
                wait_for(lambda: is_waiting(watch, other), "another session to wait for the rollback")
            with pytest.raises(psycopg.Error) as caught:
                rollback.result()
            snapshots.result()
    assert caught.value.sqlstate == "SL073"
    assert "Another session waits for what this one must wait for, to " in str(caught.value)
    assert "deadlock detected" in (caught.value.diag.message_detail or "")
    assert revision(database) == live
    assert database.execute("SHOW deadlock_timeout").fetchone() == ("100s",)


def is_waiting(watch: Connection, connection: Connection) -> bool:
    """Whether the session waits for a lock, in the eyes of another one."""
    waits = "SELECT FROM pg_locks WHERE NOT granted AND pid = %s"
    return watch.execute(waits, [connection.info.backend_pid]).fetchone() is not None


def test_a_rollback_leaves_the_callers_deadlock_timeout_alone(database: Connection) -> None:
    first = snapshot(database)
    database.execute(SECOND.encode())
    database.execute("SET deadlock_timeout = '7s'")
    with database.transaction():
        roll_back(database, first)
        assert database.execute("SHOW deadlock_timeout").fetchone() == ("7s",)


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        ("", "CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'"),
        (
            "CREATE OR REPLACE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
            "CREATE OR REPLACE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 3'",
        ),
    ],
    ids=["created", "replaced"],
)
def test_what_another_session_changes_meanwhile_is_said_to_be_changed(
    server: Server, database: Connection, before: str, changed: str
) -> None:
    database.execute("CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    first = snapshot(database)
    database.execute("DROP FUNCTION g()")
    database.execute(before.encode())
    with server.connect(database.info.dbname) as other, server.connect() as watch, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            other.execute(changed.encode())
            rollback = pool.submit(roll_back, database, first)
            wait_for(lambda: is_waiting(watch, database), "the rollback to wait")
        with pytest.raises(psycopg.Error) as caught:
            rollback.result()
    assert caught.value.sqlstate == "SL076"
    assert caught.value.diag.message_primary == (
        "Another session has just changed function public.g(); nothing was changed"
    )
    roll_back(database, first)
    assert database.execute("SELECT g()").fetchone() == (1,)
