"""The guard of a destination that follows: who fills it may insert, and nobody else may do anything."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from init_slate_db.core import guard
from init_slate_db.core.embedded import SUPERUSER
from replication.guard import FILL_LOCK
from tests.servers import Server
from tests.slate import create_database

Connection = psycopg.Connection[tuple[Any, ...]]

INSERT = "INSERT INTO events VALUES (1, now(), '1')"
CHANGES = {
    "UPDATE": "UPDATE events SET id = 2",
    "DELETE": "DELETE FROM events",
    "TRUNCATE": "TRUNCATE events",
    "INSERT": INSERT,
}
OTHER_OWNER = """
CREATE ROLE guards; CREATE ROLE member; GRANT guards TO member; GRANT CREATE ON SCHEMA public TO guards;
ALTER TABLE events OWNER TO guards; ALTER FUNCTION refuse_while_following() OWNER TO guards
"""
# What is stored there changes a role at the end of the transaction, with the rights of whoever ends it.
LATER = """
CREATE FUNCTION rise() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN ALTER ROLE guards SUPERUSER; RETURN NULL; END';
CREATE TABLE later (i int);
CREATE CONSTRAINT TRIGGER rise AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rise();
ALTER TABLE later OWNER TO guards
"""
INDEX_B = "CREATE INDEX b ON events ((event ->> 'it''s')); COMMENT ON INDEX b IS 'it''s 100 %'"
LOCK = f"SELECT pg_advisory_lock({FILL_LOCK})"


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[tuple[str, str]]:
    """A destination that is guarded, and one that is not; for tests that roll back."""
    names = ("guarded", "unguarded")
    for name in names:
        create_database(server, name, "destination")
    with psycopg.connect(**server.parameters(names[0])) as connection:
        guard.install(connection)
    yield names
    for name in names:
        server.drop(name)


@pytest.fixture
def guarded(server: Server, databases: tuple[str, str]) -> Iterator[Connection]:
    """A transaction in a destination with the guard, rolled back in the end."""
    with server.transaction(databases[0]) as connection:
        yield connection


@pytest.fixture
def unguarded(server: Server, databases: tuple[str, str]) -> Iterator[Connection]:
    """A transaction in a destination without it, rolled back in the end."""
    with server.transaction(databases[1]) as connection:
        yield connection


def run(connection: Connection, script: str) -> None:
    connection.execute(script.encode())


def check_refused(connection: Connection, script: str, operation: str) -> None:
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        run(connection, script)
    assert caught.value.sqlstate == "SL005"
    assert caught.value.diag.message_primary == (
        f"cannot perform SQL command on events table of a destination that follows a source:  {operation}"
    )


@pytest.mark.parametrize("operation", CHANGES)
def test_every_change_is_refused(guarded: Connection, operation: str) -> None:
    check_refused(guarded, CHANGES[operation], operation)


@pytest.mark.parametrize("operation", ["UPDATE", "DELETE", "TRUNCATE"])
def test_who_fills_it_may_insert_and_no_more(guarded: Connection, operation: str) -> None:
    run(guarded, LOCK)
    run(guarded, INSERT)
    check_refused(guarded, CHANGES[operation], operation)


@pytest.mark.parametrize(
    "lock",
    [
        f"SELECT pg_advisory_lock_shared({FILL_LOCK})",
        f"SELECT pg_advisory_lock({FILL_LOCK + 1})",
        f"SELECT pg_advisory_lock({FILL_LOCK & 0xFFFFFFFF})",
        f"SELECT pg_advisory_lock({FILL_LOCK ^ 1 << 40})",
        f"SELECT pg_advisory_lock({FILL_LOCK >> 32}, {FILL_LOCK & 0xFFFFFFFF})",
        "LOCK TABLE events IN EXCLUSIVE MODE",
    ],
    ids=["shared", "next", "low half", "high half", "two numbers", "table"],
)
def test_no_other_lock_lets_insert(guarded: Connection, lock: str) -> None:
    run(guarded, lock)
    check_refused(guarded, INSERT, "INSERT")


def test_the_lock_of_another_session_or_in_another_database_lets_nobody_insert(
    guarded: Connection, server: Server, databases: tuple[str, str]
) -> None:
    for database in databases:
        with server.connect(database) as other:
            run(other, LOCK)
            check_refused(guarded, INSERT, "INSERT")


def test_who_only_waits_for_the_lock_may_not_insert(server: Server, databases: tuple[str, str]) -> None:
    with server.connect(databases[0]) as holder, server.connect(databases[0]) as other:
        run(holder, LOCK)
        assert other.execute("SELECT pg_try_advisory_lock(%s)", [FILL_LOCK]).fetchone() == (False,)
        check_refused(other, INSERT, "INSERT")


def test_what_replication_applies_passes(guarded: Connection) -> None:
    run(guarded, "SET LOCAL session_replication_role = replica")
    for script in (INSERT, "UPDATE events SET id = 3", "DELETE FROM events"):
        run(guarded, script)


def test_names_of_the_session_do_not_mislead_it(guarded: Connection) -> None:
    run(
        guarded,
        "CREATE TEMP TABLE pg_locks AS SELECT 'advisory' AS locktype, pg_backend_pid() AS pid, 'ExclusiveLock' AS mode,"
        f" true AS granted, d.oid AS database, {FILL_LOCK >> 32} AS classid, {FILL_LOCK & 0xFFFFFFFF} AS objid,"
        " 1 AS objsubid FROM pg_database AS d WHERE d.datname = current_database();"
        "SET LOCAL search_path = pg_temp, public, pg_catalog",
    )
    check_refused(guarded, INSERT, "INSERT")


# --- The guard itself


def test_it_says_whether_it_is_there_and_refuses(guarded: Connection, unguarded: Connection) -> None:
    assert (guard.is_installed(guarded), guard.refuses_writes(guarded)) == (True, True)
    run(guarded, "ALTER TABLE events DISABLE TRIGGER refuse_while_following")
    assert (guard.is_installed(guarded), guard.refuses_writes(guarded)) == (True, False)
    assert (guard.is_installed(unguarded), guard.refuses_writes(unguarded)) == (False, False)
    run(unguarded, "DROP TABLE events")
    assert (guard.is_installed(unguarded), guard.refuses_writes(unguarded)) == (False, False)


def test_what_somebody_switched_off_or_dropped_is_there_again(guarded: Connection) -> None:
    for damage in (
        "ALTER TABLE events DISABLE TRIGGER refuse_while_following",
        "DROP TRIGGER refuse_while_following ON events",
        "SELECT 'nothing'",
    ):
        run(guarded, damage)
        guard.install(guarded)
        check_refused(guarded, INSERT, "INSERT")


def test_installing_it_twice_keeps_what_it_knows(guarded: Connection) -> None:
    guard.keep_indexes(guarded, ["SELECT 1"])
    guard.install(guarded)
    assert guard.kept_indexes(guarded) == ["SELECT 1"]


def test_it_belongs_to_the_owner_of_events(unguarded: Connection) -> None:
    run(unguarded, "CREATE ROLE guards; GRANT CREATE ON SCHEMA public TO guards; ALTER TABLE events OWNER TO guards")
    guard.install(unguarded)
    owner = "SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'refuse_while_following'"
    assert unguarded.execute(owner).fetchone() == ("guards",)
    run(unguarded, "SET LOCAL ROLE guards")
    guard.remove(unguarded)
    assert not guard.is_installed(unguarded)


def test_an_owner_who_may_make_nothing_there_does_not_keep_it_from_being_made(unguarded: Connection) -> None:
    run(unguarded, "CREATE ROLE guards; REVOKE CREATE ON SCHEMA public FROM PUBLIC; ALTER TABLE events OWNER TO guards")
    guard.install(unguarded)
    check_refused(unguarded, INSERT, "INSERT")


@pytest.mark.parametrize(
    "commands", [[], ["CREATE INDEX a ON events (ts)", "CREATE INDEX b ON events ((event ->> 'it''s'))"]]
)
def test_removed_it_brings_indexes_back_and_lets_everybody_write(guarded: Connection, commands: list[str]) -> None:
    guard.keep_indexes(guarded, commands)
    assert guard.kept_indexes(guarded) == commands
    guard.remove(guarded)
    run(guarded, INSERT)
    assert not guard.is_installed(guarded)
    for name in "ab"[: len(commands)]:
        assert guarded.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone() == (True,)
    left = "SELECT FROM pg_proc WHERE proname = 'refuse_while_following'"
    assert guarded.execute(left).rowcount == 0


@pytest.mark.parametrize(
    "command",
    [
        "ALTER ROLE guards SUPERUSER",
        "CREATE ROLE more SUPERUSER",
        "RESET ROLE; ALTER ROLE guards SUPERUSER",
        "SET SESSION AUTHORIZATION DEFAULT; ALTER ROLE guards SUPERUSER",
        "COMMIT; ALTER ROLE guards SUPERUSER",
        "INSERT INTO later VALUES (1)",
    ],
)
def test_what_the_owner_of_events_may_not_do_it_has_nobody_do_by_the_comment(guarded: Connection, command: str) -> None:
    run(guarded, OTHER_OWNER)
    run(guarded, LATER)
    guard.keep_indexes(guarded, ["CREATE INDEX a ON events (ts)", command])
    with pytest.raises((errors.InsufficientPrivilege, errors.FeatureNotSupported)), guarded.transaction():
        guard.remove(guarded)
        # As the end of the transaction does.
        run(guarded, "SET CONSTRAINTS ALL IMMEDIATE")
    assert guard.refuses_writes(guarded)
    superusers = "SELECT FROM pg_roles WHERE rolname IN ('guards', 'more') AND rolsuper"
    assert guarded.execute(superusers).rowcount == 0


@pytest.mark.parametrize("caller", [SUPERUSER, "member", "guards"])
def test_indexes_are_brought_back_by_whoever_may_act_for_the_owner(guarded: Connection, caller: str) -> None:
    run(guarded, OTHER_OWNER)
    guard.keep_indexes(guarded, ["SET LOCAL default_tablespace = ''; CREATE INDEX a ON events (ts)", INDEX_B])
    run(guarded, f"SET LOCAL SESSION AUTHORIZATION {caller}")
    guard.remove(guarded)
    owners = "SELECT relowner::regrole::text FROM pg_class WHERE relname IN ('a', 'b')"
    assert guarded.execute(owners).fetchall() == [("guards",), ("guards",)]
    assert guarded.execute("SELECT obj_description('b'::regclass)").fetchone() == ("it's 100 %",)
    assert guarded.execute("SELECT FROM pg_proc WHERE proname = 'bring_index_back'").rowcount == 0


@pytest.mark.parametrize("comment", ["somebody's", "1", "[1]", "{}", '{"indexes_set_aside": null}'])
def test_a_comment_of_somebody_elses_is_no_list_of_indexes(guarded: Connection, comment: str) -> None:
    with guarded.cursor() as cursor:
        cursor.execute(f"COMMENT ON TRIGGER refuse_while_following ON events IS $${comment}$$".encode())
    assert guard.kept_indexes(guarded) == []


def test_a_trigger_of_another_name_or_table_is_no_guard(unguarded: Connection) -> None:
    unguarded.execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    unguarded.execute("CREATE TABLE other (id integer)")
    for name, table in (("mine", "events"), ("refuse_while_following", "other")):
        trigger = f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION nothing()"
        unguarded.execute(trigger.encode())
        assert not guard.is_installed(unguarded)
        assert not guard.refuses_writes(unguarded)
