"""What a rollback leaves alone, what it refuses, and what becomes of it when it cannot have its way."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from init_slate_db.core.sql_files import read_objects
from tests.pov import Connection, Project, plan, prepared, revision, roll_back, snapshot
from tests.servers import Server

F = "CREATE OR REPLACE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'"
CHANGED_F = "CREATE OR REPLACE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1'"


@pytest.fixture
def database(server: Server, name: str) -> Iterator[Connection]:
    with prepared(server, name) as connection:
        yield connection


@pytest.fixture
def owner(server: Server, name: str) -> Iterator[str]:
    """A role that may do nothing in particular."""
    with server.role(f"owner_of_{name}", "", name) as owner:
        yield owner


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
    # A default holds no values that the function worked out, as a generated column does.
    run(
        database,
        "ALTER TABLE t ALTER a SET DEFAULT f(1)",
        "CREATE TABLE g (b int GENERATED ALWAYS AS (a) STORED, a int)",
    )
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


def test_a_function_that_would_make_a_call_ambiguous_goes_first(session: Connection) -> None:
    run(session, F, "CREATE VIEW v AS SELECT f(1)")
    first = snapshot(session), revision(session)
    run(session, "DROP FUNCTION f(integer) CASCADE", F.replace("(integer)", "(integer, integer DEFAULT 1)"))
    roll_back(session, first[0])
    assert revision(session) == first[1]


def test_a_changed_default_is_set_with_one_command(session: Connection) -> None:
    run(session, "CREATE TABLE t (a integer DEFAULT 1)")
    first = snapshot(session)
    run(session, "ALTER TABLE t ALTER a SET DEFAULT 2")
    assert plan(session, first) == ["ALTER TABLE public.t ALTER COLUMN a SET DEFAULT 1"]


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


def test_a_role_reads_what_it_may_not_change(project: Project) -> None:
    run(project.superuser, F)
    first = snapshot(project.own)
    run(project.own, F.replace("f(", "own("))
    run(project.superuser, CHANGED_F)
    assert refusal(project.own, first) == f"function public.f(integer): {project.must_own()}"
    run(project.superuser, F)
    roll_back(project.own, first)
    assert rows(project.own, "SELECT to_regprocedure('own(integer)')") == [(None,)]


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


def test_grants_to_one_role_come_back_in_place_of_grants_to_another(session: Connection) -> None:
    run(session, F, "CREATE VIEW v AS SELECT f(1)")
    states = []
    for role in ("pg_monitor", "pg_signal_backend"):
        run(session, f"GRANT EXECUTE ON FUNCTION f(integer) TO {role}", f"GRANT SELECT ON v TO {role}")
        states.append((snapshot(session), revision(session)))
        run(session, f"REVOKE EXECUTE ON FUNCTION f(integer) FROM {role}", f"REVOKE SELECT ON v FROM {role}")
    for number, digest in (states[0], states[1], states[0]):
        roll_back(session, number)
        assert revision(session) == digest


def test_default_privileges_add_nothing_to_what_comes_back(session: Connection) -> None:
    run(session, "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO pg_monitor", F)
    run(session, "REVOKE EXECUTE ON FUNCTION f(integer) FROM pg_monitor")
    first = snapshot(session), revision(session)
    run(session, "DROP FUNCTION f(integer)")
    roll_back(session, first[0])
    assert revision(session) == first[1]


def test_an_event_trigger_is_enabled_and_disabled_again(session: Connection) -> None:
    run(session, "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
    run(session, "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION e()")
    states = [(snapshot(session), revision(session))]
    run(session, "ALTER EVENT TRIGGER e DISABLE")
    states.append((snapshot(session), revision(session)))
    for number, digest in (states[0], states[1], states[0]):
        roll_back(session, number)
        assert revision(session) == digest


def test_what_an_extension_has_is_left_out_and_nothing_else(session: Connection) -> None:
    run(session, "CREATE EXTENSION pg_buffercache", "CREATE TABLE t (a integer DEFAULT 1)")
    assert rows(session, "SELECT key FROM pov.live()") == [("default public.t.a",)]


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
    run(
        database,
        "CREATE VIEW v AS SELECT a, E'a\\\\b' AS c, '0.30000000000000004'::float8 AS d, '\\x00ff'::bytea AS e FROM t",
    )
    before = snapshot(database), revision(database)
    run(database, "SET DateStyle = 'German'", "SET IntervalStyle = 'iso_8601'", "SET TimeZone = 'Asia/Tokyo'")
    run(database, "SET quote_all_identifiers = on", "SET search_path = pov, public", "SET extra_float_digits = -5")
    run(database, "SET bytea_output = 'escape'")
    number, digest = database.execute("SELECT * FROM public.pov()").fetchone() or (0, "")
    assert (number, digest) == before


@pytest.mark.parametrize(
    "setting",
    [
        "standard_conforming_strings = off",
        "check_function_bodies = on",
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
        "TimeZone = 'Asia/Tokyo'",
    ],
)
def test_a_rollback_does_not_depend_on_the_settings_of_who_asks(session: Connection, setting: str) -> None:
    run(session, "CREATE TABLE t (a timestamptz, b date, c interval)")
    before = revision(session)
    snapshot(session)
    run(session, "ALTER TABLE t ALTER a SET DEFAULT '2020-02-01 03:04:05+00', ALTER b SET DEFAULT '2020-02-01'")
    run(session, "ALTER TABLE t ALTER c SET DEFAULT '-1 mons +2 days -02:03:04'")
    run(session, r"CREATE VIEW v AS SELECT 'a\\b''\\' AS a; COMMENT ON VIEW v IS 'c\\n'")
    run(session, "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    run(session, "CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT f()'")
    run(session, "CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT g()'")
    full = snapshot(session), revision(session)
    assert roll_back(session, 1) == 3
    assert revision(session) == before
    run(session, f"SET {setting}")
    roll_back(session, full[0])
    assert revision(session) == full[1]


@pytest.mark.parametrize(
    ("needed", "view"),
    [
        ("CREATE MATERIALIZED VIEW m AS SELECT 1 AS a", "SELECT a, m FROM m"),
        ("CREATE SEQUENCE n", "SELECT last_value FROM n"),
        ("CREATE TYPE y AS (a integer)", "SELECT a FROM json_populate_record(NULL::y, '{}')"),
        (
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
            "CREATE FOREIGN TABLE x (a integer) SERVER s",
            "SELECT a FROM x",
        ),
        ("CREATE TABLE p (a integer) PARTITION BY RANGE (a)", "SELECT a, p FROM p"),
        ("CREATE TABLE k (a integer PRIMARY KEY, b integer)", "SELECT a, b FROM k GROUP BY a"),
        ("CREATE TYPE r AS RANGE (subtype = float8)", "SELECT r(1, 2), multirange(r(1, 2))"),
        ("CREATE DOMAIN d AS integer", "SELECT ARRAY[1]::d[]"),
        (
            "CREATE SEQUENCE n; CREATE TABLE i (a integer); CREATE INDEX j ON i (a)",
            "SELECT nextval('n'), 'j'::regclass",
        ),
    ],
    ids=["materialized view", "sequence", "type", "foreign table", "partitions", "key", "range", "domain", "regclass"],
)
def test_a_view_comes_back_over_whatever_it_reads(session: Connection, needed: str, view: str) -> None:
    run(session, needed)
    without = snapshot(session)
    run(session, f"CREATE VIEW v AS {view}")
    full = snapshot(session), revision(session)
    roll_back(session, without)
    roll_back(session, full[0])
    assert revision(session) == full[1]


def test_a_view_that_is_locked_too_long_to_be_read_leaves_everything_as_it_was(
    server: Server, database: Connection
) -> None:
    run(database, "CREATE TABLE t (a integer)", "CREATE VIEW v AS SELECT a FROM t")
    first = snapshot(database)
    run(database, F)
    with server.connect(database.info.dbname) as other, other.transaction():
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        database.execute("SET lock_timeout = '100ms'")
        with pytest.raises(
            psycopg.Error, match="Waited in vain for a lock, to read the definitions of views"
        ) as caught:
            roll_back(database, first)
    assert caught.value.sqlstate == "SL073"
    roll_back(database, first)
    assert rows(database, "SELECT to_regprocedure('f(integer)')") == [(None,)]


def test_row_security_goes_from_a_table_that_others_use(session: Connection) -> None:
    run(session, "CREATE TABLE t (a integer PRIMARY KEY)", "CREATE MATERIALIZED VIEW m AS SELECT a FROM t")
    run(session, "CREATE VIEW v AS SELECT a FROM t", "CREATE TABLE u (a integer REFERENCES t)")
    first = snapshot(session), revision(session)
    run(session, "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t FORCE ROW LEVEL SECURITY")
    second = snapshot(session), revision(session)
    for number, digest in (first, second, first):
        roll_back(session, number)
        assert revision(session) == digest


@pytest.mark.parametrize(
    ("own", "met"),
    [("SET lock_timeout = 0", "5s"), ("SET lock_timeout = '7s'", "7s"), ("SET lock_timeout = 900", "900ms")],
)
def test_a_rollback_waits_five_seconds_for_locks_unless_the_caller_says_how_long(
    session: Connection, own: str, met: str
) -> None:
    run(session, "CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1)")
    run(session, "CREATE FUNCTION ok(integer) RETURNS boolean LANGUAGE plpgsql AS"
        " 'BEGIN RAISE WARNING ''%'', current_setting(''lock_timeout''); RETURN true; END'")  # fmt: skip
    run(session, "ALTER TABLE t ADD CONSTRAINT c CHECK (ok(a))", own)
    first = snapshot(session)
    run(session, "ALTER TABLE t DROP CONSTRAINT c")
    told: list[str] = []
    session.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    before = rows(session, "SHOW lock_timeout")
    with session.transaction():
        roll_back(session, first)
        assert rows(session, "SHOW lock_timeout") == before
    assert told == [met]


def test_what_a_rollback_runs_tells_the_caller_no_notices(session: Connection) -> None:
    run(session, "CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1)")
    run(session, "CREATE FUNCTION ok(integer) RETURNS boolean LANGUAGE plpgsql AS"
        " 'BEGIN RAISE NOTICE ''row %'', $1; RETURN true; END'")  # fmt: skip
    run(session, "ALTER TABLE t ADD CONSTRAINT c CHECK (ok(a))")
    first = snapshot(session)
    run(session, "ALTER TABLE t DROP CONSTRAINT c")
    told: list[str] = []
    session.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    roll_back(session, first)
    assert told == []


@pytest.mark.parametrize(
    ("state", "text"), [("XX000", "cache lookup failed"), ("P0001", "tuple concurrently updated"), ("23514", "no")]
)
def test_an_error_of_another_kind_is_not_said_to_be_another_sessions_change(
    session: Connection, state: str, text: str
) -> None:
    run(session, F, "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN"
        " IF current_setting('slate.test', true) = 'on' THEN"
        f" RAISE EXCEPTION '{text}' USING ERRCODE = '{state}'; END IF; END$$")  # fmt: skip
    run(session, "CREATE EVENT TRIGGER e ON ddl_command_start WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION e()")
    first = snapshot(session)
    run(session, CHANGED_F, "SET slate.test = 'on'")
    with pytest.raises(psycopg.Error, match=rf"Cannot replace function public\.f\(integer\): {text}") as caught:
        roll_back(session, first)
    assert caught.value.sqlstate == "SL074"


def test_a_constraint_may_read_what_row_security_lets_through(project: Project) -> None:
    own = project.own
    run(
        own,
        "CREATE TABLE t (a integer)",
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE allowed AS SELECT 1 AS a",
    )
    run(own, "CREATE POLICY p ON allowed USING (true)", "ALTER TABLE allowed ENABLE ROW LEVEL SECURITY")
    run(own, "ALTER TABLE allowed FORCE ROW LEVEL SECURITY")
    run(own, "CREATE FUNCTION ok(integer) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN EXISTS (SELECT"
        " FROM public.allowed AS x WHERE x.a = $1); END'")  # fmt: skip
    run(own, "ALTER TABLE t ADD CONSTRAINT c CHECK (ok(a))")
    first = snapshot(own), revision(own)
    run(own, "ALTER TABLE t DROP CONSTRAINT c", "SET row_security = off")
    roll_back(own, first[0])
    assert revision(own) == first[1]


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
