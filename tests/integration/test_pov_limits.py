"""What a rollback leaves alone, what it refuses, and what becomes of it when it cannot have its way."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from init_slate_db.core.sql_files import read_objects
from tests.pov import Connection, install, plan, prepared, revision, roll_back, snapshot
from tests.servers import Server

F = "CREATE OR REPLACE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'"
CHANGED_F = "CREATE OR REPLACE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1'"


@pytest.fixture
def database(server: Server, name: str) -> Iterator[Connection]:
    with prepared(server, name) as connection:
        yield connection


@pytest.fixture
def owner(server: Server, name: str) -> Iterator[str]:
    """A role that may do nothing in particular, with the password "owner"."""
    role = f"owner_of_{name}"
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'owner'")
        yield role
        server.drop(name)
        connection.execute(f"DROP ROLE IF EXISTS {role}")


def run(connection: Connection, *commands: str) -> None:
    for command in commands:
        connection.execute(command.encode())


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def refusal(connection: Connection, number: int) -> str:
    """The detail of a refused rollback, after which everything is as it was before."""
    before = rows(connection, "SELECT objectid FROM pov.live() ORDER BY 1")
    with pytest.raises(
        psycopg.Error, match=f"Going back to snapshot {number} is refused; nothing was changed"
    ) as caught:
        roll_back(connection, number)
    assert caught.value.sqlstate == "SL072"
    assert rows(connection, "SELECT objectid FROM pov.live() ORDER BY 1") == before
    return caught.value.diag.message_detail or ""


def test_a_function_is_replaced_in_place_and_what_is_equal_is_not_touched(database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer)", F, "CREATE VIEW v AS SELECT f(a) FROM t")
    run(database, "CREATE VIEW w AS SELECT * FROM v", "ALTER TABLE t ADD CHECK (f(a) > 0)")
    state = (
        "SELECT 'f(integer)'::regprocedure::oid, c.oid, c.xmin, k.oid, k.xmin FROM pg_class c, pg_constraint k"
        " WHERE c.relname IN ('v', 'w') AND k.conname = 't_a_check' ORDER BY c.oid"
    )
    first, before = snapshot(database), rows(database, state)
    run(database, CHANGED_F)
    (only,) = plan(database, first)
    assert only.startswith("CREATE OR REPLACE FUNCTION public.f(integer)")
    roll_back(database, first)
    assert rows(database, "SELECT f(1)") == [(1,)]
    assert rows(database, state) == before


def test_a_view_that_only_gains_columns_is_replaced(database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer, b integer)", "CREATE VIEW v AS SELECT a, b FROM t")
    first = snapshot(database)
    run(database, "DROP VIEW v", "CREATE VIEW v AS SELECT a FROM t", "CREATE VIEW w AS SELECT a FROM v")
    second = snapshot(database)
    (before,) = rows(database, "SELECT 'v'::regclass::oid")
    run(database, "DROP VIEW w")
    assert [command.split(" AS")[0] for command in plan(database, first)] == ["CREATE OR REPLACE VIEW public.v"]
    roll_back(database, first)
    assert rows(database, "SELECT 'v'::regclass::oid") == [before]
    roll_back(database, second)
    assert rows(database, "SELECT attname FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 0") == [("a",)]


def test_a_view_is_replaced_before_the_function_that_it_used_goes(database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer)", "CREATE VIEW v AS SELECT a FROM t", "CREATE VIEW w AS SELECT a FROM v")
    first, before = snapshot(database), rows(database, "SELECT 'v'::regclass::oid, 'w'::regclass::oid")
    run(database, F, "CREATE OR REPLACE VIEW v AS SELECT f(a) AS a FROM t")
    roll_back(database, first)
    assert rows(database, "SELECT 'v'::regclass::oid, 'w'::regclass::oid") == before


def test_functions_whose_bodies_name_each_other_come_back_in_any_order(database: Connection) -> None:
    run(database, "SET check_function_bodies = off")
    for one, other in (("a", "z"), ("z", "a")):
        function = f"CREATE FUNCTION {one}(n integer) RETURNS integer LANGUAGE sql"
        run(database, f"{function} AS 'SELECT CASE WHEN n > 0 THEN {other}(n - 1) ELSE 0 END'")
    run(database, "RESET check_function_bodies")
    snapshot(database)
    run(database, "DROP FUNCTION a, z")
    roll_back(database, 1)
    assert rows(database, "SELECT a(3), z(3)") == [(0, 0)]


def test_what_was_live_before_a_rollback_can_be_had_again(database: Connection) -> None:
    first = snapshot(database)
    run(database, F)
    assert roll_back(database, first) == 3
    assert rows(database, "SELECT note FROM pov.history ORDER BY snapshotid") == [
        (None,),
        ("before the rollback to 1",),
        ("rollback to 1",),
    ]
    roll_back(database, 2)
    assert rows(database, "SELECT f(1)") == [(1,)]


@pytest.mark.parametrize(
    ("user", "named"),
    [
        ("CREATE INDEX by_f ON t (f(a))", "index by_f"),
        ("CREATE MATERIALIZED VIEW m AS SELECT f(a) FROM t", "materialized view m"),
        (
            "CREATE VIEW v AS SELECT f(a) AS b FROM t; CREATE MATERIALIZED VIEW m AS SELECT b FROM v",
            "materialized view m",
        ),
        ("ALTER TABLE t ADD COLUMN g integer GENERATED ALWAYS AS (f(a)) STORED", "column g of table t"),
    ],
    ids=["index", "materialized view", "materialized view on a view", "generated column"],
)
def test_what_holds_values_of_a_changed_function_is_named(database: Connection, user: str, named: str) -> None:
    run(database, "CREATE TABLE t (a integer)", F, *user.split(";"))
    first = snapshot(database)
    run(database, CHANGED_F)
    assert named in refusal(database, first).replace("public.", "")


def test_an_index_on_a_function_that_would_go_is_named(database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer)")
    first = snapshot(database)
    run(database, F, "CREATE INDEX by_f ON t (f(a))")
    assert "index public.by_f: uses what would change" in refusal(database, first)


def test_an_owner_that_is_gone_is_named(server: Server, database: Connection, owner: str) -> None:
    run(database, F, f"ALTER FUNCTION f(integer) OWNER TO {owner}")
    first = snapshot(database)
    run(database, "DROP FUNCTION f(integer)", f"DROP ROLE {owner}")
    assert refusal(database, first) == f'function public.f(integer): role "{owner}", its owner, is not there'


def test_a_table_that_is_gone_is_named(database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer CONSTRAINT c CHECK (a > 0))")
    first = snapshot(database)
    run(database, "DROP TABLE t")
    assert refusal(database, first) == "constraint c ON public.t: table public.t is not there"


def test_rows_that_break_a_stored_constraint_leave_everything_as_it_was(database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer)", F, "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a) > 0)")
    first = snapshot(database)
    run(database, CHANGED_F, "ALTER TABLE t DROP CONSTRAINT c", "INSERT INTO t VALUES (-1)")
    changed = rows(database, "SELECT objectid FROM pov.live()")
    with pytest.raises(
        psycopg.Error, match=r"Cannot create constraint c ON public\.t: .* is violated by some row; nothing was changed"
    ) as caught:
        roll_back(database, first)
    assert caught.value.sqlstate == "SL074"
    assert rows(database, "SELECT objectid FROM pov.live()") == changed


def test_a_role_reads_what_it_may_not_change(server: Server, name: str, owner: str) -> None:
    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER {owner}')
    with server.connect(name) as superuser, server.connect(name, user=owner, password="owner") as connection:
        superuser.execute(f"GRANT CREATE ON SCHEMA public TO {owner}")
        install(connection)
        superuser.execute(F)
        first = snapshot(connection)
        run(connection, F.replace("f(", "own("))
        superuser.execute(CHANGED_F)
        expected = f'role "{owner}" must own it, or be a member of role "{superuser.info.user}"'
        assert refusal(connection, first) == f"function public.f(integer): {expected}"
        superuser.execute(F)
        roll_back(connection, first)
        assert rows(connection, "SELECT to_regprocedure('own(integer)')") == [(None,)]


def test_a_second_rollback_is_refused_while_one_is_at_work(server: Server, database: Connection) -> None:
    first = snapshot(database)
    with server.connect(database.info.dbname) as other, other.transaction():
        snapshot(other)
        with pytest.raises(psycopg.Error, match="Another snapshot or rollback is at work in database") as caught:
            roll_back(database, first)
    assert caught.value.sqlstate == "SL071"
    assert roll_back(database, first) == first


def test_a_lock_that_is_not_had_in_time_leaves_everything_as_it_was(server: Server, database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer)")
    first = snapshot(database)
    run(database, F, "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a) > 0)")
    second = revision(database)
    with server.connect(database.info.dbname) as other, other.transaction():
        other.execute("SELECT * FROM t")
        database.execute("SET lock_timeout = '100ms'")
        with pytest.raises(
            psycopg.Error, match=r"Waited in vain for a lock, to drop constraint c ON public\.t"
        ) as caught:
            roll_back(database, first)
    assert caught.value.sqlstate == "SL073"
    assert revision(database) == second
    roll_back(database, first)
    assert rows(database, "SHOW lock_timeout") == [("100ms",)]


def test_a_table_that_changed_hands_does_not_stand_in_the_way(database: Connection, owner: str) -> None:
    run(database, "CREATE TABLE t (a integer DEFAULT 1 CHECK (a > 0))")
    first = snapshot(database), revision(database)
    run(database, f"ALTER TABLE t OWNER TO {owner}")
    assert revision(database) == first[1]
    run(database, "ALTER TABLE t ALTER COLUMN a DROP DEFAULT")
    roll_back(database, first[0])
    assert revision(database) == first[1]


def test_a_constraint_is_checked_with_the_names_that_its_functions_find_for_the_caller(database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1)", "CREATE TABLE allowed AS SELECT 1 AS a")
    run(database, "CREATE FUNCTION ok(integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN EXISTS (SELECT FROM"
        " allowed AS x WHERE x.a = $1); END'", "ALTER TABLE t ADD CONSTRAINT c CHECK (ok(a))")  # fmt: skip
    first = snapshot(database), revision(database)
    run(database, "ALTER TABLE t DROP CONSTRAINT c")
    roll_back(database, first[0])
    assert revision(database) == first[1]


def test_grants_that_others_passed_on_come_back(server: Server, database: Connection, owner: str) -> None:
    run(database, F, f"GRANT EXECUTE ON FUNCTION f(integer) TO {owner} WITH GRANT OPTION")
    run(database, f"SET ROLE {owner}", "GRANT EXECUTE ON FUNCTION f(integer) TO pg_monitor", "RESET ROLE")
    first = snapshot(database), revision(database)
    run(database, f"REVOKE EXECUTE ON FUNCTION f(integer) FROM {owner} CASCADE")
    second = snapshot(database), revision(database)
    roll_back(database, first[0])
    assert revision(database) == first[1]
    roll_back(database, second[0])
    assert revision(database) == second[1]


def test_event_triggers_that_change_other_objects_leave_everything_as_it_was(database: Connection) -> None:
    run(database, F)
    first = snapshot(database)
    run(database, CHANGED_F, "CREATE SEQUENCE n")
    run(database, "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN"
        " IF tg_tag = 'CREATE FUNCTION' THEN EXECUTE format('CREATE VIEW v%s AS SELECT 1 AS a', nextval('n')); END IF;"
        " END$$", "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()")  # fmt: skip
    second = snapshot(database)
    run(database, F)
    live = revision(database)
    with pytest.raises(psycopg.Error, match=f"Snapshot {second} could not be reached; nothing was changed") as caught:
        roll_back(database, second)
    assert caught.value.sqlstate == "SL075"
    assert "view public.v" in (caught.value.diag.message_detail or "")
    assert revision(database) == live
    assert first < second


def test_the_texts_do_not_depend_on_the_settings_of_who_asks(database: Connection) -> None:
    run(database, "CREATE TABLE t (a timestamptz DEFAULT '2020-01-02 03:04:05+00', b interval DEFAULT '1 day 02:03')")
    run(database, "CREATE VIEW v AS SELECT a, E'a\\\\b' AS c FROM t")
    before = snapshot(database), revision(database)
    run(database, "SET DateStyle = 'German'", "SET IntervalStyle = 'iso_8601'", "SET TimeZone = 'Asia/Tokyo'")
    run(database, "SET quote_all_identifiers = on", "SET search_path = pov, public", "SET extra_float_digits = -5")
    number, digest = database.execute("SELECT * FROM public.pov()").fetchone() or (0, "")
    assert (number, digest) == before


def test_a_broken_insert_events_comes_back_and_the_events_stay(server: Server, name: str) -> None:
    with prepared(server, name) as connection:
        for item in read_objects("source"):
            connection.execute(item.sql.encode())
        insert = """SELECT insert_events('($1[1], $2, ''{"entityName": "Person"}'')')"""
        run(connection, insert)
        first = snapshot(connection)
        events = rows(connection, "SELECT * FROM events")
        run(
            connection,
            "CREATE OR REPLACE FUNCTION insert_events(insertValues text) RETURNS integer"
            " LANGUAGE sql AS 'SELECT 1 / 0'",
        )
        with pytest.raises(psycopg.errors.DivisionByZero):
            run(connection, insert)
        roll_back(connection, first)
        assert rows(connection, "SELECT * FROM events") == events
        run(connection, insert)
        assert rows(connection, "SELECT id FROM events ORDER BY id") == [(1,), (2,)]
