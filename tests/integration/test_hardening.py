"""The functions hold whatever search_path, temporary objects, settings or role the caller has."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import sql

from init_slate_db.core.embedded import SUPERUSER
from tests.servers import Server, wait_for
from tests.slate import create_database, create_original

Connection = psycopg.Connection[tuple[Any, ...]]

INSERT = "SELECT public.insert_events($$($1[1], $2, '\"inserted\"')$$)"
APPEND = "SELECT public.append_events('[\"appended\"]')"
BOTH_WRITERS = pytest.mark.parametrize("write", [INSERT, APPEND], ids=["insert_events", "append_events"])


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[dict[str, str]]:
    """New sources, ours and the original's, for tests that roll back, and a backup of three events."""
    names = {"ours": "hardening_ours", "original": "hardening_original", "backup": "hardening_backup"}
    create_database(server, names["ours"], "source")
    create_original(server, names["original"])
    create_database(server, names["backup"], "destination")
    with server.connect(names["backup"]) as connection:
        connection.execute("INSERT INTO events SELECT n, now(), '\"restored\"' FROM generate_series(1, 3) AS n")
    yield names
    for database in names.values():
        server.drop(database)


@pytest.fixture
def source(server: Server, databases: dict[str, str]) -> Iterator[Connection]:
    """A transaction in a new source, rolled back in the end."""
    with server.transaction(databases["ours"]) as connection:
        yield connection


@pytest.fixture
def original(server: Server, databases: dict[str, str]) -> Iterator[Connection]:
    with server.transaction(databases["original"]) as connection:
        yield connection


@pytest.fixture
def own_source(server: Server, name: str) -> str:
    """The name of a new source that the test may write to."""
    create_database(server, name, "source")
    return name


def run(connection: Connection, *scripts: str) -> None:
    for script in scripts:
        connection.execute(script.encode())


def query(connection: Connection, text: str) -> list[tuple[Any, ...]]:
    return connection.execute(text.encode()).fetchall()


def refusal(connection: Connection, script: str) -> psycopg.errors.Diagnostic:
    """What the refused script says; an open transaction stays usable."""
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        run(connection, script)
    return caught.value.diag


def assert_works(connection: Connection, server: Server) -> None:
    """All three functions, called in this session, do what they promise. It may be as hostile as it likes."""
    restore = "SELECT public.restore_events(%b, %b, %b, %b, %b)"
    login = ["127.0.0.1", "hardening_backup", SUPERUSER, server.password, server.port]
    connection.execute(restore.encode(), login)
    run(connection, INSERT, APPEND, INSERT, APPEND)
    run(connection, "SET search_path = pg_catalog, public")
    assert query(connection, "SELECT id, event #>> '{}' FROM public.events ORDER BY id") == [
        *((id, "restored") for id in (1, 2, 3)),
        *((4, "inserted"), (5, "appended"), (6, "inserted"), (7, "appended")),
    ]
    assert query(connection, "SELECT id FROM public.id") == [(8,)]
    assert query(connection, "SELECT count(DISTINCT ts) FROM public.events WHERE id > 3") == [(1,)]


# --- search_path and temporary objects

HOSTILE = "LANGUAGE plpgsql AS $$ BEGIN RAISE 'hostile'; END $$"


def hostile_functions(schema: str) -> str:
    signatures = [
        *("clock_timestamp() RETURNS timestamptz", "transaction_timestamp() RETURNS timestamptz"),
        *("jsonb_array_elements(jsonb) RETURNS SETOF jsonb", "jsonb_typeof(jsonb) RETURNS text"),
        *("jsonb_array_length(jsonb) RETURNS int", "jsonb_each_text(jsonb) RETURNS SETOF record"),
        *("string_to_array(text, text) RETURNS text[]", "replace(text, text, text) RETURNS text"),
        *("strpos(text, text) RETURNS int", "octet_length(text) RETURNS int", "pg_notify(text, text) RETURNS void"),
        *("mod(bigint, bigint) RETURNS bigint", "pg_xact_status(xid8) RETURNS text", "max(bigint) RETURNS bigint"),
        *("pg_current_xact_id() RETURNS xid8", "current_setting(text) RETURNS text", "cardinality(int[]) RETURNS int"),
        *("insert_events(text) RETURNS int", "append_events(jsonb) RETURNS int", "take_ids(bigint) RETURNS bigint"),
        *("dblink(text, text) RETURNS SETOF record", "dblink_connect(text, text) RETURNS text"),
        "json_build_object(text, name, text, bigint, text, jsonb) RETURNS json",
        *("notify_event_insert() RETURNS trigger", "filter_sql_command() RETURNS trigger"),
    ]
    return ";".join(f"CREATE FUNCTION {schema}.{signature} {HOSTILE}" for signature in signatures)


def hostile_operators(schema: str) -> str:
    operands = {"+": "bigint", "-": "bigint", "=": "bigint", "<>": "int", "<": "bigint", "~": "text", "||": "text"}
    operands |= {">": "int", ">=": "timestamptz", "->": "jsonb", "?": "jsonb", "%": "bigint", "/": "bigint"}
    return ";".join(
        f"CREATE FUNCTION {schema}.hostile_{number}({type}, {type}) RETURNS boolean {HOSTILE};"
        f"CREATE OPERATOR {schema}.{operator}"
        f" (LEFTARG = {type}, RIGHTARG = {type}, FUNCTION = {schema}.hostile_{number})"
        for number, (operator, type) in enumerate(operands.items())
    )


TEMPORARY_TABLES = """
CREATE TEMP TABLE events (id bigint, ts timestamptz, event jsonb CHECK (false));
CREATE TEMP TABLE id AS SELECT 500::bigint AS id;
CREATE TEMP TABLE pg_class (LIKE pg_catalog.pg_class); CREATE TEMP TABLE pg_index (LIKE pg_catalog.pg_index);
CREATE TEMP TABLE pg_trigger (LIKE pg_catalog.pg_trigger)
"""
SURROUNDINGS = {
    "an empty search_path": "SET search_path = ''",
    "temporary tables": TEMPORARY_TABLES,
    "temporary tables, first in search_path": f"{TEMPORARY_TABLES}; SET search_path = pg_temp, pg_catalog, public",
    "temporary functions": hostile_functions("pg_temp"),
    "temporary operators": f"{hostile_operators('pg_temp')}; SET search_path = pg_temp, pg_catalog",
    "functions before PostgreSQL's": f"CREATE SCHEMA hostile; {hostile_functions('hostile')};"
    "SET search_path = hostile, pg_catalog, public",
    "operators before PostgreSQL's": f"CREATE SCHEMA hostile; {hostile_operators('hostile')};"
    "SET search_path = hostile, pg_catalog, public",
    "types before PostgreSQL's": "CREATE DOMAIN pg_temp.jsonb AS text CHECK (false);"
    "CREATE DOMAIN pg_temp.text AS varchar CHECK (false); CREATE DOMAIN pg_temp.bigint AS int CHECK (false);"
    "SET search_path = pg_temp, pg_catalog, public",
    "a schema of the user's name": "CREATE SCHEMA postgres; CREATE TABLE postgres.events (n int);"
    "CREATE TABLE postgres.id (id bigint)",
}


@pytest.mark.parametrize("script", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
def test_the_functions_work_in_hostile_surroundings(source: Connection, server: Server, script: str) -> None:
    run(source, script)
    assert_works(source, server)


def test_the_hostile_surroundings_are_hostile_indeed(source: Connection) -> None:
    run(source, SURROUNDINGS["functions before PostgreSQL's"])
    assert refusal(source, "SELECT clock_timestamp()").message_primary == "hostile"
    run(source, hostile_operators("pg_temp"), "SET search_path = pg_temp, hostile, pg_catalog")
    assert refusal(source, "SELECT 1::bigint OPERATOR(pg_temp.+) 1::bigint").message_primary == "hostile"


def test_temporary_tables_lead_the_original_astray(original: Connection) -> None:
    run(original, "CREATE TEMP TABLE events (LIKE public.events)", INSERT)
    assert query(original, "SELECT count(*) FROM public.events") == [(0,)]


@pytest.mark.parametrize("script", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
@pytest.mark.parametrize("event", ["{}", '{"text": "' + "x" * 9000 + '"}'], ids=["small", "large"])
def test_an_event_that_the_owner_inserts_is_notified_in_hostile_surroundings(
    source: Connection, script: str, event: str
) -> None:
    run(source, script)
    source.execute("INSERT INTO public.events VALUES (1, %s, %s)", ["2026-11-21", event])
    run(source, "SET search_path = pg_catalog")
    assert query(source, "SELECT count(*) FROM public.events") == [(1,)]


def test_triggers_hold_in_hostile_surroundings(source: Connection) -> None:
    for script in (hostile_functions("pg_temp"), TEMPORARY_TABLES, "SET search_path = ''"):
        run(source, script)
        assert refusal(source, "DELETE FROM public.events").sqlstate == "SL001"


# --- Settings

SETTINGS = [
    ("standard_conforming_strings", "off"),
    ("escape_string_warning", "off"),
    ("backslash_quote", "off"),
    ("plpgsql.extra_errors", "all"),
    ("plpgsql.variable_conflict", "use_column"),
    ("plpgsql.variable_conflict", "use_variable"),
    ("plpgsql.print_strict_params", "on"),
    ("DateStyle", "German"),
    ("IntervalStyle", "sql_standard"),
    ("TimeZone", "Asia/Kathmandu"),
    ("transform_null_equals", "on"),
    ("array_nulls", "off"),
    ("row_security", "off"),
    ("quote_all_identifiers", "on"),
    ("session_replication_role", "replica"),
    ("session_replication_role", "local"),
    ("check_function_bodies", "off"),
    ("client_encoding", "LATIN1"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-15"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_indexscan", "off"),
    ("enable_sort", "off"),
    ("default_transaction_deferrable", "on"),
    ("default_tablespace", "pg_default"),
    ("synchronous_commit", "off"),
    ("xmlbinary", "hex"),
    ("log_statement", "none"),
]


@pytest.mark.parametrize(("setting", "text"), SETTINGS, ids=["=".join(setting) for setting in SETTINGS])
def test_the_functions_work_under_any_setting(source: Connection, server: Server, setting: str, text: str) -> None:
    warnings: list[str | None] = []
    source.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    name = sql.SQL(".").join(map(sql.Identifier, setting.split(".")))
    source.execute(sql.SQL("SET {} = {}").format(name, sql.Literal(text)))
    assert_works(source, server)
    assert warnings == []


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_the_functions_work_in_every_isolation_level(source: Connection, server: Server, isolation: str) -> None:
    source.rollback()
    run(source, f"SET TRANSACTION ISOLATION LEVEL {isolation}")
    assert_works(source, server)


@BOTH_WRITERS
def test_a_writer_with_an_old_snapshot_fails_and_leaves_no_gap(server: Server, own_source: str, write: str) -> None:
    with psycopg.connect(**server.parameters(own_source)) as old, server.connect(own_source) as writer:
        run(old, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 'takes the snapshot'")
        run(writer, write)
        with pytest.raises(psycopg.errors.SerializationFailure):
            run(old, write)
        old.rollback()
        run(old, write)
    with server.connect(own_source) as connection:
        assert query(connection, "SELECT id FROM events ORDER BY id") == [(1,), (2,)]


# --- Roles

ENOUGH = "GRANT INSERT ON events TO slate_writer; GRANT SELECT, UPDATE ON id TO slate_writer"
TOO_LITTLE = {
    "nothing": "",
    "events alone": "GRANT INSERT ON events TO slate_writer",
    "id alone": "GRANT SELECT, UPDATE ON id TO slate_writer",
    "id to read": "GRANT INSERT ON events TO slate_writer; GRANT SELECT ON id TO slate_writer",
    "events to read": "GRANT SELECT ON events, id TO slate_writer",
}


def become_writer(connection: Connection, grants: str) -> None:
    run(connection, "CREATE ROLE slate_writer", grants or "SELECT", "SET ROLE slate_writer")


def test_the_rights_that_the_original_asked_for_are_enough(original: Connection, source: Connection) -> None:
    become_writer(original, ENOUGH)
    run(original, INSERT)
    original.rollback()
    become_writer(source, ENOUGH)
    run(source, INSERT, APPEND, INSERT, APPEND)
    run(source, "RESET ROLE")
    assert query(source, "SELECT max(id), count(*), count(DISTINCT ts) FROM events") == [(4, 4, 1)]


@BOTH_WRITERS
def test_a_writer_needs_no_right_to_read_what_others_stored(server: Server, own_source: str, write: str) -> None:
    with server.connect(own_source) as owner:
        run(owner, INSERT)
    with psycopg.connect(**server.parameters(own_source)) as writer:
        become_writer(writer, ENOUGH)
        run(writer, write)
        assert refusal(writer, "SELECT event FROM events").sqlstate == "42501"
        writer.rollback()


@BOTH_WRITERS
@pytest.mark.parametrize("grants", TOO_LITTLE.values(), ids=TOO_LITTLE.keys())
def test_with_less_a_role_neither_writes_nor_uses_ids(source: Connection, grants: str, write: str) -> None:
    become_writer(source, grants)
    said = refusal(source, write)
    assert said.sqlstate == "42501"
    assert said.message_primary is not None
    assert said.message_primary.startswith("permission denied for table ")
    run(source, "RESET ROLE")
    assert query(source, "SELECT id, (SELECT count(*) FROM events) FROM id") == [(1, 0)]


@pytest.mark.parametrize(
    "script",
    [
        "SELECT slate.take_ids(5)",
        "SELECT slate.set_indexes_aside()",
        "SELECT slate.set_notify_trigger_aside()",
        "UPDATE id SET id = 10",
        "ALTER TABLE events DISABLE TRIGGER check_sql_command",
        "CREATE FUNCTION slate.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION slate.take_ids(event_count bigint, OUT first_id bigint, OUT ts timestamptz) "
        "LANGUAGE sql AS 'SELECT 1::bigint, now()'",
    ],
)
def test_the_parts_give_a_role_no_right_that_it_has_not(source: Connection, script: str) -> None:
    become_writer(source, "")
    assert refusal(source, script).sqlstate == "42501"


def test_only_what_writers_may_not_read_themselves_is_read_with_the_owners_rights(source: Connection) -> None:
    definers = query(
        source, "SELECT oid::regprocedure::text FROM pg_proc WHERE prosecdef AND proname !~ '^dblink' ORDER BY 1"
    )
    assert definers == [("slate.refuse_without_id()",), ("slate.transaction_ts(bigint)",)]


# --- Events are not changed

CHANGES = {
    "update": ("UPDATE", "UPDATE events SET event = '{}' WHERE id = 1"),
    "update of nothing": ("UPDATE", "UPDATE ONLY events SET id = id WHERE false"),
    "delete": ("DELETE", "DELETE FROM events WHERE id = 1"),
    "truncate": ("TRUNCATE", "TRUNCATE events"),
    "truncate of two": ("TRUNCATE", "TRUNCATE id, events"),
    "cascading truncate": (
        "TRUNCATE",
        "CREATE TABLE parent AS SELECT 1::bigint AS id; ALTER TABLE parent ADD PRIMARY KEY (id);"
        "ALTER TABLE events ADD FOREIGN KEY (id) REFERENCES parent; TRUNCATE parent CASCADE",
    ),
    "cascading delete": (
        "DELETE",
        "CREATE TABLE parent AS SELECT 1::bigint AS id; ALTER TABLE parent ADD PRIMARY KEY (id);"
        "ALTER TABLE events ADD FOREIGN KEY (id) REFERENCES parent ON DELETE CASCADE; DELETE FROM parent",
    ),
    "merge that updates": (
        "UPDATE",
        "MERGE INTO events USING id ON events.id < id.id WHEN MATCHED THEN UPDATE SET event = '{}'",
    ),
    "merge that deletes": ("DELETE", "MERGE INTO events USING id ON events.id < id.id WHEN MATCHED THEN DELETE"),
    "insert that updates": (
        "UPDATE",
        "INSERT INTO events VALUES (1, now(), '{}') ON CONFLICT (id) DO UPDATE SET event = excluded.event",
    ),
    "update through a view": ("UPDATE", "CREATE VIEW v AS SELECT * FROM events; UPDATE v SET event = '{}'"),
    "delete through a view": ("DELETE", "CREATE VIEW v AS SELECT * FROM events; DELETE FROM v"),
    "part of a query": ("DELETE", "WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone"),
    "function": ("UPDATE", "DO $$ BEGIN UPDATE events SET ts = now(); END $$"),
    "rule": (
        "DELETE",
        "CREATE RULE r AS ON UPDATE TO id DO ALSO DELETE FROM events;"
        "ALTER TABLE id ENABLE ALWAYS RULE r; UPDATE id SET id = 9",
    ),
}
# A foreign key itself does nothing under session_replication_role = replica.
CHANGES_BY_ROLE = [
    pytest.param(*change, role, id=f"{name}-{role}")
    for name, change in CHANGES.items()
    for role in ("origin", "replica", "local")
    if (name, role) != ("cascading delete", "replica")
]


@pytest.mark.parametrize(("operation", "script", "role"), CHANGES_BY_ROLE)
def test_no_command_changes_events(source: Connection, operation: str, script: str, role: str) -> None:
    run(source, INSERT, f"SET session_replication_role = {role}")
    said = refusal(source, script)
    assert said.sqlstate == "SL001"
    assert said.message_primary == f"cannot perform SQL command on events table:  {operation}"
    assert said.message_hint is not None
    assert said.message_hint.endswith("Append an event that corrects the earlier one.")
    assert query(source, "SELECT id, event #>> '{}' FROM events") == [(1, "inserted")]


# --- One ts a transaction, rising from one to the next

WITHIN_ONE = {
    "one after the other": (4, [INSERT, APPEND, INSERT, APPEND]),
    "savepoint released": (3, [INSERT, "SAVEPOINT a", APPEND, "RELEASE a", INSERT]),
    "savepoint left open": (3, [INSERT, "SAVEPOINT a", APPEND, INSERT]),
    "savepoint rolled back": (2, [INSERT, "SAVEPOINT a", APPEND, "ROLLBACK TO a", INSERT]),
    "first event in a savepoint": (2, ["SAVEPOINT a", INSERT, "RELEASE a", APPEND]),
    "first event rolled back": (2, ["SAVEPOINT a", INSERT, "ROLLBACK TO a", APPEND, INSERT]),
    "nested savepoints": (
        4,
        [
            *("SAVEPOINT a", INSERT, "SAVEPOINT b", APPEND, "SAVEPOINT c", INSERT, "RELEASE b"),
            *("SAVEPOINT d", APPEND, "SAVEPOINT e", INSERT, "ROLLBACK TO d", "RELEASE a", APPEND),
        ],
    ),
    "exception blocks": (
        3,
        [
            INSERT,
            f"""DO $do$ BEGIN
                BEGIN PERFORM {APPEND.removeprefix("SELECT ")}; RAISE 'undone'; EXCEPTION WHEN OTHERS THEN NULL; END;
                BEGIN PERFORM {APPEND.removeprefix("SELECT ")}; EXCEPTION WHEN OTHERS THEN NULL; END;
                PERFORM {APPEND.removeprefix("SELECT ")};
            END $do$""",
        ],
    ),
    # PostgreSQL keeps 64 subtransactions at hand, and looks further ones up elsewhere.
    "a hundred savepoints": (100, [part for n in range(100) for part in (f"SAVEPOINT s{n}", APPEND)]),
}


LAST_TS = {"clock right": "now() - interval '1 day'", "clock put back": "now() + interval '1 day'"}


@pytest.fixture(scope="module", params=list(LAST_TS.values()), ids=list(LAST_TS))
def started(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """The name of a source with one event, whose ts is in the past, or in the future. Tests roll back."""
    create_database(server, "hardening_started", "source")
    with server.connect("hardening_started") as connection:
        run(connection, f"INSERT INTO events VALUES (1, {request.param}, '0')", "UPDATE id SET id = 2")
    yield "hardening_started"
    server.drop("hardening_started")


@pytest.mark.parametrize(("count", "script"), WITHIN_ONE.values(), ids=WITHIN_ONE.keys())
def test_a_transaction_has_one_ts_that_is_later_than_the_last(
    server: Server, started: str, count: int, script: list[str]
) -> None:
    with psycopg.connect(**server.parameters(started)) as connection:
        run(connection, *script)
        (before, *own) = query(connection, "SELECT id, ts FROM events ORDER BY id")
        assert [id for id, _ in own] == list(range(2, count + 2))
        assert len({ts for _, ts in own}) == 1
        assert own[0][1] > before[1]
        connection.rollback()


def test_ts_rises_from_one_transaction_to_the_next(server: Server, started: str, own_source: str) -> None:
    with server.connect(started) as connection:
        (last_ts,) = query(connection, "SELECT ts FROM events")[0]
    with server.connect(own_source) as connection:
        connection.execute("INSERT INTO events VALUES (1, %s, '0')", [last_ts])
        run(connection, "UPDATE id SET id = 2")
        for _ in range(100):
            run(connection, INSERT, APPEND)
        moments = [ts for (ts,) in query(connection, "SELECT ts FROM events ORDER BY id")]
    assert moments == sorted(set(moments))
    assert len(moments) == 201


def test_ts_is_the_time_of_the_source(source: Connection) -> None:
    run(source, "SET TimeZone = 'Asia/Kathmandu'", INSERT)
    age = "SELECT clock_timestamp() - ts BETWEEN interval '0' AND interval '1 minute', ts >= now() FROM events"
    assert query(source, age) == [(True, True)]


def test_ts_rises_between_writers_who_wait_for_each_other(server: Server, own_source: str) -> None:
    with (
        psycopg.connect(**server.parameters(own_source)) as first,
        server.connect(own_source) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        run(first, INSERT)
        waiting = pool.submit(run, second, APPEND)
        with server.connect() as watcher:
            waits = f"SELECT FROM pg_stat_activity WHERE pid = {second.info.backend_pid} AND wait_event_type = 'Lock'"
            wait_for(lambda: query(watcher, waits), "the second writer to wait")
        run(first, INSERT)
        first.commit()
        waiting.result()
        (a, b, c) = query(second, "SELECT ts FROM events ORDER BY id")
    assert a == b < c


def test_events_of_long_ago_are_not_taken_for_ones_own(server: Server, own_source: str) -> None:
    with server.connect(own_source) as connection:
        run(connection, INSERT, "UPDATE id SET id = id", "VACUUM (FREEZE) events")
        assert query(connection, "SELECT slate.is_current_transaction(xmin) FROM events") == [(False,)]
        run(connection, INSERT)
        assert query(connection, "SELECT count(DISTINCT ts) FROM events") == [(2,)]


# --- Table id and events that do not fit each other


@BOTH_WRITERS
def test_an_empty_table_id_is_refused(source: Connection, write: str) -> None:
    run(source, "DELETE FROM id")
    said = refusal(source, write)
    assert said.sqlstate == "SL002"
    assert said.message_primary == "Table id has no row"
    assert said.message_hint == "Its one row must hold the highest id in events, plus 1."
    assert query(source, "SELECT count(*) FROM events") == [(0,)]


@BOTH_WRITERS
def test_several_rows_in_table_id_are_refused(source: Connection, write: str) -> None:
    run(source, "INSERT INTO id VALUES (77)")
    said = refusal(source, write)
    assert said.sqlstate == "P0003"
    assert said.message_primary == "query returned more than one row"
    assert query(source, "SELECT count(*) FROM events") == [(0,)]


@BOTH_WRITERS
@pytest.mark.parametrize("next_id", [2, 100, 0, -3])
def test_a_missing_last_event_is_refused(source: Connection, next_id: int, write: str) -> None:
    run(source, f"UPDATE id SET id = {next_id}")
    said = refusal(source, write)
    assert said.sqlstate == "SL003"
    assert said.message_primary == f"Table id says that event {next_id - 1} is the last one, but there is no such event"
    assert said.message_hint == "Writing on would leave a gap. Compare table id with the highest id in events."
    assert query(source, "SELECT id, (SELECT count(*) FROM events) FROM id") == [(next_id, 0)]


@BOTH_WRITERS
@pytest.mark.parametrize("next_id", [1, 2])
def test_an_id_is_never_given_twice(source: Connection, next_id: int, write: str) -> None:
    run(source, INSERT, INSERT, f"UPDATE id SET id = {next_id}")
    assert refusal(source, write).sqlstate == "23505"
    assert query(source, "SELECT id, (SELECT count(*) FROM events) FROM id") == [(next_id, 2)]
