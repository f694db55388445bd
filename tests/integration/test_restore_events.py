"""restore_events: a source is rebuilt from a backup on another server, wholly or not at all."""

import gzip
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from init_slate_db.core.embedded import SUPERUSER
from init_slate_db.core.sql_files import read_objects
from tests.servers import Server, wait_for
from tests.slate import create_database, create_original, shared

Connection = psycopg.Connection[tuple[Any, ...]]
EVENTS = 1000
HELD_EVENT = 300
CALL = "SELECT rows_restored, next_insert_id FROM restore_events(%s, %s, %s, %s, %s, %s)"
AWKWARD_EVENTS = ['{"a": 1.00, "b": 1E+2}', '{"text": "it\'s \\\\ \\"quoted\\" ä€😀\\n$1[9]"}', "null", '"text"', "[]"]

# What must be after a restore as it was before, but for the rows. Definitions, not object ids.
STATE = """
SELECT 'index', pg_get_indexdef(c.oid), obj_description(c.oid, 'pg_class'), c.reloptions::text, t.spcname::text,
       concat(i.indisvalid, i.indisclustered, i.indisreplident, i.indisprimary)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
WHERE i.indrelid = 'events'::regclass
UNION ALL
SELECT 'constraint', conname || ' ' || pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint'), NULL, NULL,
       NULL
FROM pg_constraint WHERE 'events'::regclass IN (conrelid, confrelid)
UNION ALL
SELECT 'trigger', pg_get_triggerdef(oid), NULL, NULL, NULL, tgenabled::text
FROM pg_trigger WHERE tgrelid = 'events'::regclass AND NOT tgisinternal
UNION ALL
SELECT 'column', attname, attnotnull::text, attstattarget::text, NULL, NULL
FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0
ORDER BY 1, 2
"""

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def backup(backup_server: Server) -> Iterator[str]:
    """A backup of a thousand events of the original system, some of them made awkward."""
    create_database(backup_server, "restore_backup", "destination")
    with gzip.open(shared("data/slate-person-events.jsonl.gz"), "rt", encoding="utf-8") as file:
        events = [json.loads(line) for line in itertools.islice(file, EVENTS)]
    with backup_server.connect("restore_backup") as connection:
        with connection.cursor().copy("COPY events (id, ts, event) FROM STDIN") as copy:
            for event in events:
                copy.write_row((event["id"], event["ts"], json.dumps(event["event"])))
        for id, text in enumerate(AWKWARD_EVENTS, start=500):
            connection.execute("UPDATE events SET event = %s::text::jsonb WHERE id = %s", [text, id])
    yield "restore_backup"
    backup_server.drop("restore_backup")


@pytest.fixture(scope="module")
def scratch(backup_server: Server) -> Iterator[str]:
    """A database for the backups of single tests."""
    create_database(backup_server, "restore_scratch", "destination")
    yield "restore_scratch"
    backup_server.drop("restore_scratch")


@pytest.fixture
def make_backup(backup_server: Server, scratch: str) -> Iterator[Callable[..., str]]:
    """Makes a backup of the ids given, without a primary key, so that they may be anything, and runs a script there."""

    def make(ids: "list[int] | range", script: str = "") -> str:
        with backup_server.connect(scratch) as connection:
            connection.execute("DROP TABLE events")
            connection.execute("\n".join(item.sql for item in read_objects("destination")).encode())
            connection.execute("ALTER TABLE events DROP CONSTRAINT events_pkey")
            connection.execute(
                "INSERT INTO events SELECT i, now() + i * interval '1s', to_jsonb(i) FROM unnest(%s::int[]) AS i",
                [list(ids)],
            )
            connection.execute(script.encode())
        return scratch

    yield make
    with backup_server.connect() as connection:
        connection.execute(f"ALTER DATABASE {scratch} RESET ALL".encode())


@pytest.fixture(scope="module")
def sources(server: Server) -> Iterator[dict[str, str]]:
    """A source of ours and one of the original, for tests that roll back."""
    create_database(server, "restore_source", "source")
    create_original(server, "restore_original")
    yield {"ours": "restore_source", "original": "restore_original"}
    server.drop("restore_source")
    server.drop("restore_original")


@pytest.fixture
def source(server: Server, sources: dict[str, str]) -> Iterator[Connection]:
    """A transaction in a new source, rolled back in the end."""
    with psycopg.connect(**server.parameters(sources["ours"])) as connection:
        # From here on connection.transaction() is a savepoint, which commits nothing.
        connection.execute("SELECT 'begins the transaction'")
        yield connection
        connection.rollback()


@pytest.fixture
def own_source(server: Server, name: str) -> Iterator[Connection]:
    """A session in a new source of the test's own, for tests with several sessions."""
    create_database(server, name, "source")
    with server.connect(name) as connection:
        yield connection


@pytest.fixture
def original(server: Server, sources: dict[str, str]) -> Iterator[Connection]:
    """A transaction in a new source of the original, rolled back in the end."""
    with psycopg.connect(**server.parameters(sources["original"])) as connection:
        # From here on connection.transaction() is a savepoint, which commits nothing.
        connection.execute("SELECT 'begins the transaction'")
        yield connection
        connection.rollback()


@pytest.fixture
def role(source: Connection) -> str:
    """A role on the source's server, without any right, which the transaction takes with it."""
    source.execute("CREATE ROLE restore_role")
    return "restore_role"


def call(connection: Connection, query: str, values: list[Any]) -> Any:
    """The one row of a query that leaves an open transaction usable when it fails."""
    with connection.transaction():
        return connection.execute(query.encode(), values).fetchone()


def restore(
    connection: Connection,
    backup_server: Server,
    database: str,
    *,
    user: str = SUPERUSER,
    password: str | None = None,
    options: str | None = "{}",
) -> Any:
    """The result of restore_events, over TCP with a password."""
    password = backup_server.password if password is None else password
    return call(connection, CALL, ["127.0.0.1", database, user, password, backup_server.port, options])


def restore_original(connection: Connection, backup_server: Server, database: str) -> Any:
    # The original has no argument for the port, but lets the text of another one pass for it.
    query = "SELECT rows_restored, next_insert_id FROM restore_events(%s, %s, %s, %s)"
    return call(
        connection, query, [f"127.0.0.1 port={backup_server.port}", database, SUPERUSER, backup_server.password]
    )


def refusal(call: Callable[[], Any]) -> psycopg.errors.Diagnostic:
    with pytest.raises(psycopg.Error) as caught:
        call()
    return caught.value.diag


def rows(connection: Connection) -> list[tuple[Any, ...]]:
    """All of the table, in texts that hide nothing and do not depend on settings."""
    return connection.execute(
        "SELECT id, to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), event::text FROM events ORDER BY id"
    ).fetchall()


def rows_of(server: Server, database: str) -> list[tuple[Any, ...]]:
    with server.connect(database) as connection:
        return rows(connection)


def state(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(STATE).fetchall()


def value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def assert_untouched(connection: Connection, before: list[tuple[Any, ...]]) -> None:
    """The source is as before, and the session holds no connection to the backup."""
    assert rows(connection) == []
    assert value(connection, "SELECT id FROM id") == 1
    assert state(connection) == before
    assert value(connection, "SELECT dblink_get_connections()") is None


def wait_until_disconnected(backup_server: Server, database: str) -> None:
    with backup_server.connect() as connection:
        count = f"SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = '{database}'"
        wait_for(lambda: value(connection, count), "the end of the restore's connections")


def add_trigger(connection: Connection, action: str) -> None:
    """Has a command of PL/pgSQL run for each event before it is stored."""
    connection.execute(
        f"""
        CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {action} RETURN NEW; END $$;
        CREATE TRIGGER act BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION act()""".encode()
    )


def remove_trigger(connection: Connection) -> None:
    connection.execute("DROP FUNCTION act() CASCADE")


@contextmanager
def held_in_the_middle(
    server: Server, name: str, restoring: Connection, call: Callable[[], Any]
) -> Iterator["Future[Any]"]:
    """Inside, the call that restores has come to the event HELD_EVENT, and waits. Afterwards it goes on."""
    add_trigger(restoring, f"IF NEW.id = {HELD_EVENT} THEN PERFORM pg_advisory_xact_lock(42); END IF;")
    with ThreadPoolExecutor(1) as pool, server.connect(name) as holder:
        holder.execute("SELECT pg_advisory_lock(42)")
        future = pool.submit(call)
        waits = f"SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = '{name}' AND wait_event = 'advisory'"
        wait_for(lambda: value(holder, waits), "the restore to come to its middle")
        yield future


def wait_until_waiting_for_lock(connection: Connection, pid: int) -> None:
    waits = f"SELECT cardinality(pg_blocking_pids({pid})) > 0"
    wait_for(lambda: value(connection, waits), "the other session to wait")


# --- What is restored


def test_every_event_comes_back_exactly(source: Connection, backup_server: Server, backup: str) -> None:
    assert restore(source, backup_server, backup) == (EVENTS, EVENTS + 1)
    assert rows(source) == rows_of(backup_server, backup)


def test_the_four_arguments_of_the_original_go_by_name_and_by_position(
    source: Connection, backup_server: Server, backup: str
) -> None:
    values = ["127.0.0.1", backup, SUPERUSER, "wrong"]
    by_name = (
        "SELECT restore_events(fromHost := %s, fromDatabase := %s, fromDatabaseUser := %s, fromDatabasePassword := %s)"
    )
    by_position = "SELECT restore_events(%s, %s, %s, %s)"
    for query in (by_name, by_position):
        # Their port is the default one, where no server of ours listens.
        said = refusal(lambda query=query: call(source, query, values))  # type: ignore[misc]
        assert said.sqlstate == "08001"
        assert said.message_detail is not None
        assert "port 5432 failed" in said.message_detail


def test_the_next_event_follows_the_restored_ones(source: Connection, backup_server: Server, backup: str) -> None:
    restore(source, backup_server, backup)
    source.execute("SELECT insert_events($$($1[1], $2, '1')$$)")
    assert value(source, "SELECT first_id FROM append_events('[2]')") == EVENTS + 2
    assert value(source, "SELECT max(id) FROM events") == EVENTS + 2


@pytest.mark.parametrize(("until", "count"), [(1, 1), (4, 4), (5, 5), (None, 5)])
def test_only_the_events_up_to_the_one_asked_for_are_restored(
    *, source: Connection, backup_server: Server, make_backup: Callable[..., str], until: int | None, count: int
) -> None:
    database = make_backup(range(1, 6))
    query = "SELECT rows_restored, next_insert_id FROM restore_events(%s, %s, %s, %s, %s, %s, %s)"
    values = ["127.0.0.1", database, SUPERUSER, backup_server.password, backup_server.port, "{}", until]
    assert call(source, query, values) == (count, count + 1)
    assert [id for id, *_ in rows(source)] == list(range(1, count + 1))


def test_what_is_behind_the_last_event_asked_for_does_not_count_and_what_is_before_does(
    source: Connection, backup_server: Server, make_backup: Callable[..., str]
) -> None:
    database, before = make_backup([1, 2, 4]), state(source)
    query = "SELECT rows_restored FROM restore_events(%s, %s, %s, %s, %s, %s, %s)"
    values = ["127.0.0.1", database, SUPERUSER, backup_server.password, backup_server.port, "{}"]
    for until, sqlstate in ((4, "SL034"), (3, "SL039"), (5, "SL039"), (0, "SL033")):
        said = refusal(lambda until=until: call(source, query, [*values, until]))  # type: ignore[misc]
        assert said.sqlstate == sqlstate
        assert_untouched(source, before)
    assert call(source, query, [*values, 2]) == (2,)


# The events go over in pieces of 200, the last one apart.
@pytest.mark.parametrize("count", [1, 2, 199, 200, 201, 202, 400, 401, 402])
def test_backups_of_all_sizes_come_back(
    source: Connection, backup_server: Server, make_backup: Callable[..., str], count: int
) -> None:
    database = make_backup(range(1, count + 1))
    assert restore(source, backup_server, database) == (count, count + 1)
    assert rows(source) == rows_of(backup_server, database)


@pytest.mark.parametrize(
    "settings",
    [
        # Where timestamps are written with IST, which PostgreSQL reads as Israel's.
        {"DateStyle": "SQL, DMY", "TimeZone": "Asia/Kolkata"},
        {"DateStyle": "German", "TimeZone": "America/St_Johns", "IntervalStyle": "sql_standard"},
        {"search_path": "nowhere", "standard_conforming_strings": "off", "statement_timeout": "20s"},
        {"default_transaction_read_only": "on", "default_transaction_isolation": "serializable"},
        {"quote_all_identifiers": "on", "bytea_output": "escape", "client_encoding": "LATIN1"},
    ],
    ids="-".join,
)
def test_settings_of_the_backup_change_nothing(
    source: Connection, backup_server: Server, make_backup: Callable[..., str], settings: dict[str, str]
) -> None:
    database = make_backup(range(1, 13), "UPDATE events SET ts = make_timestamptz(2026, id::int, 2, 3, 4, 5.678901)")
    expected = rows_of(backup_server, database)
    with backup_server.connect() as connection:
        for setting, text in settings.items():
            words = sql.SQL(text) if setting == "DateStyle" else sql.Literal(text)
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(database), sql.Identifier(setting), words
                )
            )
    restore(source, backup_server, database)
    assert rows(source) == expected


def test_settings_of_the_calling_session_change_nothing(source: Connection, backup_server: Server, backup: str) -> None:
    before = state(source)
    source.execute("""SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kathmandu'; SET search_path = pg_temp;
        SET default_tablespace = ''; SET standard_conforming_strings = off; SET quote_all_identifiers = on;
        CREATE TEMP TABLE events (id int); CREATE TEMP TABLE id (id int)""")
    source.execute(
        b"SELECT * FROM public.restore_events(%b, %b, %b, %b, %b)",
        ["127.0.0.1", backup, SUPERUSER, backup_server.password, backup_server.port],
    )
    source.execute("RESET ALL; DROP TABLE pg_temp.events, pg_temp.id")
    assert rows(source) == rows_of(backup_server, backup)
    assert state(source) == before


def test_the_calling_session_keeps_its_settings(source: Connection, backup_server: Server, backup: str) -> None:
    # Those of PL/pgSQL show up once it is loaded, by the first function.
    settings = "SELECT json_object_agg(name, setting) FROM pg_settings WHERE name !~ '^plpgsql'"
    source.execute("SET default_tablespace = pg_default; SET DateStyle = 'German'; SET search_path = public, pg_temp")
    before = value(source, settings)
    restore(source, backup_server, backup)
    assert value(source, settings) == before


def test_a_backup_in_another_encoding_comes_back(source: Connection, backup_server: Server) -> None:
    with backup_server.connect() as connection:
        connection.execute("CREATE DATABASE restore_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with backup_server.connect("restore_latin") as connection:
            connection.execute("CREATE TABLE events (id bigint, ts timestamptz, event jsonb)")
            connection.execute("INSERT INTO events VALUES (1, now(), '\"äß\"')")
        restore(source, backup_server, "restore_latin")
        assert value(source, "SELECT event FROM events") == "äß"
    finally:
        backup_server.drop("restore_latin")


def test_the_restore_sees_one_snapshot_of_a_backup_that_is_written_to(
    server: Server, name: str, own_source: Connection, backup_server: Server, make_backup: Callable[..., str]
) -> None:
    database = make_backup(range(1, EVENTS + 1))
    expected = rows_of(backup_server, database)
    restoring = partial(restore, own_source, backup_server, database)
    with backup_server.connect(database) as writer, held_in_the_middle(server, name, own_source, restoring) as running:
        writer.execute("UPDATE events SET event = '\"changed\"' WHERE id > %s", [HELD_EVENT])
        writer.execute("INSERT INTO events VALUES (%s, now(), '\"new\"')", [EVENTS + 1])
    assert running.result() == (EVENTS, EVENTS + 1)
    assert rows(own_source) == expected


def test_both_connections_to_the_backup_see_the_same_though_others_write_without_a_pause(
    source: Connection, backup_server: Server, make_backup: Callable[..., str]
) -> None:
    database = make_backup(range(1, 3))
    conninfo = " ".join(f"{key}={text}" for key, text in backup_server.parameters(database).items())
    seen = (
        "SELECT (SELECT s.seen FROM dblink(c.name, 'SELECT pg_current_snapshot()') AS s (seen text))"
        " FROM unnest(slate.connect_backup(%s)) AS c (name)"
    )
    done = threading.Event()

    def write() -> None:
        with backup_server.connect(database) as writer:
            while not done.is_set():
                writer.execute("SELECT pg_current_xact_id()")

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            snapshots = [source.execute(seen.encode(), [conninfo]).fetchall() for _ in range(50)]
        finally:
            done.set()
        writing.result()
    assert len({first for first, _ in snapshots}) > 1
    assert [pair for pair in snapshots if pair[0] != pair[1]] == []


# --- What stays as it was

KEPT_INDEXES = {
    "comment": "COMMENT ON INDEX events_ts IS 'it''s by time'; COMMENT ON INDEX events_pkey IS 'the key'",
    "comment on the primary key": "COMMENT ON CONSTRAINT events_pkey ON events IS 'one each'",
    "unique constraint": "ALTER TABLE events ADD CONSTRAINT mine UNIQUE (ts, id) DEFERRABLE INITIALLY DEFERRED",
    "unique constraint with INCLUDE": "ALTER TABLE events ADD UNIQUE (id) INCLUDE (ts)",
    "unique constraint with storage options": "ALTER TABLE events ADD UNIQUE (id, ts) WITH (fillfactor = 70)",
    "primary key with storage options": "ALTER INDEX events_pkey SET (fillfactor = 80)",
    "exclusion constraint": "ALTER TABLE events ADD EXCLUDE USING btree (id WITH =) WHERE (id > 10)",
    "unique index": "CREATE UNIQUE INDEX ON events (id DESC NULLS FIRST) NULLS NOT DISTINCT",
    "partial": "CREATE INDEX ON events (ts) WHERE event ->> 'name' = 'Person''s'",
    "expression": "CREATE INDEX ON events (lower(event ->> 'name') COLLATE \"C\" text_pattern_ops, (id + 1))",
    "function of the user's": "CREATE FUNCTION half(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 2';"
    "CREATE INDEX ON events (half(id))",
    "INCLUDE": "CREATE INDEX ON events (ts) INCLUDE (id)",
    "another method": "CREATE INDEX ON events USING gin (event jsonb_path_ops) WITH (fastupdate = off)",
    "storage options": "CREATE INDEX ON events (ts) WITH (fillfactor = 60, deduplicate_items = off)",
    "a name to be quoted": 'CREATE INDEX "Mine \'s ""own""" ON events (ts)',
    "none but the primary key": "DROP INDEX events_ts, events_event_entityname, events_event_operation, "
    "events_event_propertyname, events_event_entityid, events_event_metadata_command",
    "no primary key": "ALTER TABLE events DROP CONSTRAINT events_pkey",
}

# Indexes that something hangs on which their definition does not tell.
INDEXES_IN_PLACE = {
    "statistics target": (
        "mine",
        "CREATE INDEX mine ON events ((id % 10)); ALTER INDEX mine ALTER 1 SET STATISTICS 500",
    ),
    "clustered": ("events_ts", "ALTER TABLE events CLUSTER ON events_ts"),
    "replica identity": (
        "mine",
        "CREATE UNIQUE INDEX mine ON events (id, ts); ALTER TABLE events REPLICA IDENTITY USING INDEX mine",
    ),
    "foreign key": ("events_pkey", "CREATE TABLE other (event_id bigint REFERENCES events)"),
    "view that needs the key": ("events_pkey", "CREATE VIEW v AS SELECT id, event FROM events GROUP BY id"),
    "extension": ("mine", "CREATE INDEX mine ON events (ts, id); ALTER INDEX mine DEPENDS ON EXTENSION dblink"),
    "storage options of a key": ("events_pkey", "ALTER INDEX events_pkey SET (fillfactor = 80)"),
}


@pytest.mark.parametrize("script", KEPT_INDEXES.values(), ids=KEPT_INDEXES.keys())
def test_indexes_and_constraints_are_kept(source: Connection, backup_server: Server, backup: str, script: str) -> None:
    # First, so that autovacuum at work on the table is in the way of nothing: the script may lock an index alone.
    source.execute("LOCK TABLE events")
    source.execute(script.encode())
    before = state(source)
    restore(source, backup_server, backup)
    assert state(source) == before


@pytest.mark.parametrize(("index", "script"), INDEXES_IN_PLACE.values(), ids=INDEXES_IN_PLACE.keys())
def test_an_index_that_a_definition_does_not_bring_back_stays_in_place(
    source: Connection, backup_server: Server, backup: str, index: str, script: str
) -> None:
    source.execute("LOCK TABLE events")
    source.execute(script.encode())
    before = state(source), value(source, f"SELECT '{index}'::regclass::oid")
    restore(source, backup_server, backup)
    assert (state(source), value(source, f"SELECT '{index}'::regclass::oid")) == before


def test_indexes_stay_in_their_tablespaces(
    server: Server, name: str, own_source: Connection, backup_server: Server, backup: str
) -> None:
    own_source.execute("SET allow_in_place_tablespaces = on")
    own_source.execute("CREATE TABLESPACE restore_space LOCATION ''")
    try:
        own_source.execute("CREATE INDEX mine ON events (ts, id) TABLESPACE restore_space")
        own_source.execute("ALTER TABLE events ADD CONSTRAINT our UNIQUE (ts, id) USING INDEX TABLESPACE restore_space")
        before = state(own_source)
        own_source.execute("SET default_tablespace = restore_space")
        restore(own_source, backup_server, backup)
        assert state(own_source) == before
    finally:
        own_source.close()
        server.drop(name)
        with server.connect() as connection:
            connection.execute("DROP TABLESPACE restore_space")


def heard_ids(listener: Connection) -> list[Any]:
    """The ids of the events that the listener was notified of until now."""
    listener.execute("SELECT pg_notify('eventsinsert', '{\"id\": \"end\"}')")
    ids = (json.loads(notification.payload)["id"] for notification in listener.notifies(timeout=30))
    return list(itertools.takewhile(lambda id: id != "end", ids))


@pytest.mark.parametrize(
    ("command", "heard"),
    [("ENABLE", [EVENTS]), ("ENABLE ALWAYS", [EVENTS]), ("ENABLE REPLICA", []), ("DISABLE", [])],
)
def test_listeners_hear_of_the_last_event_alone_where_the_trigger_is_on(
    *,
    server: Server,
    name: str,
    own_source: Connection,
    backup_server: Server,
    backup: str,
    command: str,
    heard: list[int],
) -> None:
    own_source.execute(f"ALTER TABLE events {command} TRIGGER notify_insert".encode())
    before = state(own_source)
    with server.connect(name) as listener:
        listener.execute("LISTEN eventsinsert")
        restore(own_source, backup_server, backup)
        assert heard_ids(listener) == heard
    assert state(own_source) == before


def test_a_source_whose_notify_trigger_was_dropped_is_restored(
    source: Connection, backup_server: Server, backup: str
) -> None:
    source.execute("DROP TRIGGER notify_insert ON events")
    assert restore(source, backup_server, backup) == (EVENTS, EVENTS + 1)


def test_connections_of_the_users_own_stay_open(source: Connection, backup_server: Server, backup: str) -> None:
    conninfo = " ".join(f"{key}={text}" for key, text in backup_server.parameters().items())
    source.execute("SELECT dblink_connect('mine', %s)", [conninfo])
    restore(source, backup_server, backup)
    assert value(source, "SELECT dblink_get_connections()") == ["mine"]


def test_connections_that_an_earlier_restore_left_do_not_stand_in_the_way(
    source: Connection, backup_server: Server, backup: str
) -> None:
    conninfo = " ".join(f"{key}={text}" for key, text in backup_server.parameters().items())
    for name in ("slate_restore_1", "slate_restore_2"):
        source.execute("SELECT dblink_connect(%s, %s)", [name, conninfo])
    assert restore(source, backup_server, backup) == (EVENTS, EVENTS + 1)
    assert value(source, "SELECT dblink_get_connections()") is None


def test_readers_are_waited_for_though_nothing_has_to_be_set_aside(
    server: Server, name: str, own_source: Connection, backup_server: Server, backup: str
) -> None:
    own_source.execute("DROP TRIGGER notify_insert ON events; ALTER TABLE events DROP CONSTRAINT events_pkey")
    indexes = own_source.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'events'::regclass")
    own_source.execute("DROP INDEX " + ", ".join(index for (index,) in indexes.fetchall()))
    with server.connect(name) as reader, ThreadPoolExecutor(1) as pool:
        with reader.transaction():
            reader.execute("SELECT FROM events")
            restoring = pool.submit(restore, own_source, backup_server, backup)
            wait_until_waiting_for_lock(reader, own_source.info.backend_pid)
        assert restoring.result() == (EVENTS, EVENTS + 1)


# --- The checks


@pytest.mark.parametrize(
    ("sqlstate", "script"),
    [
        ("SL031", "INSERT INTO events VALUES (1, now(), '{}'), (2, now(), '{}')"),
        ("SL032", "UPDATE id SET id = 5"),
    ],
)
def test_a_source_that_is_not_new_is_refused_in_the_originals_words(
    *, source: Connection, original: Connection, backup_server: Server, backup: str, sqlstate: str, script: str
) -> None:
    for connection in (source, original):
        connection.execute(script.encode())
    before = rows(source)
    said = refusal(lambda: restore(source, backup_server, backup))
    expected = refusal(lambda: restore_original(original, backup_server, backup))
    assert said.sqlstate == sqlstate
    assert (said.message_primary, said.message_hint) == (expected.message_primary, expected.message_hint)
    assert expected.message_hint == "The Source events database must be initialized with init-slate-db"
    assert rows(source) == before


@pytest.mark.parametrize(
    ("sqlstate", "ids"),
    [("SL033", []), ("SL033", [0]), ("SL033", [-1, 0]), ("SL034", [1, 3]), ("SL034", [2, 3]), ("SL034", [1, 1, 2])],
)
def test_a_backup_that_is_not_valid_is_refused_in_the_originals_words(
    *,
    source: Connection,
    original: Connection,
    backup_server: Server,
    make_backup: Callable[..., str],
    sqlstate: str,
    ids: list[int],
) -> None:
    database, before = make_backup(ids), state(source)
    said = refusal(lambda: restore(source, backup_server, database))
    expected = refusal(lambda: restore_original(original, backup_server, database))
    assert said.sqlstate == sqlstate
    assert (said.message_primary, said.message_hint) == (expected.message_primary, expected.message_hint)
    assert_untouched(source, before)


SWALLOWED = "IF NEW.id = 3 THEN RETURN NULL; END IF;"
STORED_TWICE = """IF NEW.id = 3 AND pg_trigger_depth() = 1 THEN
    INSERT INTO public.events VALUES (NEW.id, NEW.ts, NEW.event); RETURN NULL; END IF;"""


@pytest.mark.parametrize(("sqlstate", "action"), [("SL036", SWALLOWED), ("SL037", STORED_TWICE)])
def test_a_result_that_is_not_valid_is_refused_in_the_originals_words(
    *,
    source: Connection,
    original: Connection,
    backup_server: Server,
    make_backup: Callable[..., str],
    sqlstate: str,
    action: str,
) -> None:
    database = make_backup(range(1, 5))
    for connection in (source, original):
        add_trigger(connection, action)
    before = state(source)
    said = refusal(lambda: restore(source, backup_server, database))
    expected = refusal(lambda: restore_original(original, backup_server, database))
    assert said.sqlstate == sqlstate
    assert (said.message_primary, said.message_hint) == (expected.message_primary, expected.message_hint)
    assert_untouched(source, before)


@pytest.mark.parametrize(
    ("ids", "detail"),
    [
        ([1, 2, 4, 7], "Lowest id 1, first id missing 3."),
        ([2, 4], "Lowest id 2, first id missing 1."),
        ([3, 4], "Lowest id 3, first id missing 1."),
    ],
)
def test_the_refusal_of_a_gap_says_where_it_is(
    source: Connection, backup_server: Server, make_backup: Callable[..., str], ids: list[int], detail: str
) -> None:
    database = make_backup(ids)
    said = refusal(lambda: restore(source, backup_server, database))
    assert (said.sqlstate, said.message_detail) == ("SL034", detail)


@pytest.mark.parametrize(("ids", "lowest"), [([2, 2, 3], 2), ([0, 1, 3], 0), ([-5, 2, 3], -5)])
def test_a_backup_whose_ids_do_not_begin_at_1_is_refused(
    source: Connection, backup_server: Server, make_backup: Callable[..., str], ids: list[int], lowest: int
) -> None:
    database, before = make_backup(ids), state(source)
    said = refusal(lambda: restore(source, backup_server, database))
    assert said.sqlstate == "SL035"
    assert said.message_primary == f"The from events table minimum id value ({lowest}) is not 1"
    assert said.message_hint == "The events table used to restore the Source events table is not valid"
    assert_untouched(source, before)


def test_a_gap_that_a_double_id_hides_is_refused(
    source: Connection, backup_server: Server, make_backup: Callable[..., str]
) -> None:
    database, before = make_backup([1, 2, 2, 4]), state(source)
    said = refusal(lambda: restore(source, backup_server, database))
    assert said.sqlstate == "SL038"
    assert said.message_primary == "The from events table does not fit a unique index of the Source events table"
    assert said.message_detail == 'could not create unique index "events_pkey" Key (id)=(2) is duplicated.'
    assert_untouched(source, before)


def test_a_double_id_that_an_index_in_its_place_refuses_leaves_no_connection(
    source: Connection, backup_server: Server, make_backup: Callable[..., str]
) -> None:
    # An index that the table is clustered by stays where it is.
    source.execute("ALTER TABLE events CLUSTER ON events_pkey")
    database, before = make_backup([1, 2, 2, 4]), state(source)
    said = refusal(lambda: restore(source, backup_server, database))
    assert said.sqlstate == "SL038"
    assert said.message_detail
    assert said.message_detail.startswith('duplicate key value violates unique constraint "events_pkey"')
    assert_untouched(source, before)


# --- Who may, and how the backup is reached


def test_a_role_that_does_not_own_the_table_is_refused(
    source: Connection, backup_server: Server, backup: str, role: str
) -> None:
    before = state(source)
    source.execute(f"GRANT ALL ON events, id TO {role}; SET ROLE {role}".encode())
    said = refusal(lambda: restore(source, backup_server, backup))
    assert said.sqlstate == "SL030"
    assert said.message_primary == f"Role {role} does not own table events"
    assert said.message_hint is not None
    assert "SET ROLE" in said.message_hint
    source.execute("RESET ROLE")
    assert_untouched(source, before)


def test_a_backup_that_shows_a_part_of_its_events_is_refused(
    source: Connection, backup_server: Server, make_backup: Callable[..., str]
) -> None:
    before = state(source)
    database = make_backup(
        range(1, 6),
        """CREATE ROLE restore_part LOGIN PASSWORD 'part'; GRANT SELECT ON events TO restore_part;
        ALTER TABLE events ENABLE ROW LEVEL SECURITY; CREATE POLICY part ON events USING (id < 4)""",
    )
    try:
        said = refusal(lambda: restore(source, backup_server, database, user="restore_part", password="part"))
    finally:
        with backup_server.connect(database) as connection:
            connection.execute("DROP TABLE events; DROP ROLE restore_part")
            connection.execute("CREATE TABLE events ()")
    assert said.sqlstate == "42501"
    assert said.message_primary == 'query would be affected by row-level security policy for table "events"'
    assert_untouched(source, before)


def test_an_owner_without_other_rights_can_restore(
    source: Connection, backup_server: Server, backup: str, role: str
) -> None:
    before = state(source)
    source.execute(f"ALTER DATABASE {source.info.dbname} OWNER TO {role}; ALTER TABLE events OWNER TO {role}".encode())
    source.execute(f"ALTER TABLE id OWNER TO {role}; SET ROLE {role}".encode())
    assert restore(source, backup_server, backup) == (EVENTS, EVENTS + 1)
    assert rows(source) == rows_of(backup_server, backup)
    assert state(source) == before


AWKWARD_NAMES = [
    "two words",
    "it's",
    "back\\slash",
    "end\\",
    'double"d',
    "a=b dbname=postgres",
    "100%s %41",
    " edge ",
    "ä€",
]


@pytest.mark.parametrize("text", AWKWARD_NAMES)
def test_user_password_and_database_may_hold_any_character(
    source: Connection, backup_server: Server, make_backup: Callable[..., str], text: str
) -> None:
    database = make_backup([1, 2])
    names = {"text": sql.Identifier(text), "password": sql.Literal(text), "database": sql.Identifier(database)}
    with backup_server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {text} LOGIN PASSWORD {password} IN ROLE pg_read_all_data").format(**names)
        )
        connection.execute(sql.SQL("ALTER DATABASE {database} RENAME TO {text}").format(**names))
        try:
            assert restore(source, backup_server, text, user=text, password=text) == (2, 3)
        finally:
            wait_until_disconnected(backup_server, text.replace("'", "''"))
            connection.execute(sql.SQL("ALTER DATABASE {text} RENAME TO {database}").format(**names))
            connection.execute(sql.SQL("DROP ROLE {text}").format(**names))


def test_a_host_does_not_bring_other_options_along(
    source: Connection, original: Connection, backup_server: Server, backup: str
) -> None:
    host = f"127.0.0.1 port={backup_server.port}"
    said = refusal(lambda: call(source, CALL, [host, backup, SUPERUSER, backup_server.password, None, None]))
    assert said.sqlstate == "08001"
    assert said.message_detail is not None
    assert f'could not translate host name "{host}"' in said.message_detail


@pytest.mark.parametrize(
    ("options", "application"),
    [
        ("{}", "restore_events"),
        (None, "restore_events"),
        ('{"application_name": "it\'s = mine", "keepalives_idle": 30, "sslmode": null}', "it's = mine"),
    ],
)
def test_the_backup_shows_who_reads_it(
    *,
    server: Server,
    name: str,
    own_source: Connection,
    backup_server: Server,
    backup: str,
    options: str | None,
    application: str,
) -> None:
    restoring = partial(restore, own_source, backup_server, backup, options=options)
    with held_in_the_middle(server, name, own_source, restoring), backup_server.connect() as connection:
        shown = connection.execute("SELECT application_name FROM pg_stat_activity WHERE datname = %s", [backup])
        assert shown.fetchall() == [(application,)] * 2


def test_options_reach_libpq(source: Connection, backup_server: Server, backup: str) -> None:
    assert refusal(lambda: restore(source, backup_server, backup, options='{"sslmode": "require"}')).sqlstate == "08001"
    said = refusal(lambda: restore(source, backup_server, backup, options='{"colour": "blue"}'))
    assert said.sqlstate == "08001"
    assert 'invalid connection option "colour"' in str(said.message_detail)
    assert restore(source, backup_server, backup, options='{"sslmode": "disable"}') == (EVENTS, EVENTS + 1)


def test_the_port_may_stand_among_the_options_and_arguments_go_before_them(
    source: Connection, backup_server: Server, backup: str
) -> None:
    options = json.dumps({"port": backup_server.port, "dbname": "nowhere", "user": "nobody", "password": "wrong"})
    login = ["127.0.0.1", backup, SUPERUSER, backup_server.password]
    assert source.execute(CALL, [*login, None, options]).fetchone() == (EVENTS, EVENTS + 1)


@pytest.mark.parametrize("option", ["", "a b", "Sslmode", "port=1 host", "sslmode'", "a\nb", "ä"])
def test_an_option_that_is_not_a_name_is_refused(
    source: Connection, backup_server: Server, backup: str, option: str
) -> None:
    before = state(source)
    said = refusal(lambda: restore(source, backup_server, backup, options=json.dumps({option: "1"})))
    quoted = option.replace("'", "''")
    assert said.sqlstate == "SL040"
    assert said.message_primary == f"Connection option '{quoted}' is not a name"
    assert_untouched(source, before)


def test_options_that_are_no_object_are_refused(source: Connection, backup_server: Server, backup: str) -> None:
    before = state(source)
    for options in ("[]", "[1]", '"sslmode"', "1"):
        assert refusal(lambda o=options: restore(source, backup_server, backup, options=o)).sqlstate == "22023"  # type: ignore[misc]
    assert_untouched(source, before)


# --- All or nothing


def test_an_error_half_way_leaves_nothing_and_a_second_call_works(
    source: Connection, backup_server: Server, backup: str
) -> None:
    source.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER notify_insert; CREATE INDEX mine ON events (ts, id)")
    before = state(source)
    add_trigger(source, f"IF NEW.id = {HELD_EVENT} THEN RAISE 'no space left' USING ERRCODE = '53100'; END IF;")
    said = refusal(lambda: restore(source, backup_server, backup))
    assert (said.sqlstate, said.message_primary) == ("53100", "no space left")
    remove_trigger(source)
    assert_untouched(source, before)
    wait_until_disconnected(backup_server, backup)

    assert restore(source, backup_server, backup) == (EVENTS, EVENTS + 1)
    assert state(source) == before


def test_an_event_that_is_not_json_leaves_nothing(
    source: Connection, backup_server: Server, make_backup: Callable[..., str]
) -> None:
    before = state(source)
    indexes = "DROP INDEX events_event_entityname, events_event_operation, events_event_propertyname,"
    spoilt = f"""{indexes} events_event_entityid, events_event_metadata_command;
        ALTER TABLE events ALTER event TYPE text; UPDATE events SET event = 'spoilt' WHERE id = {HELD_EVENT}"""
    database = make_backup(range(1, EVENTS + 1), spoilt)
    assert refusal(lambda: restore(source, backup_server, database)).sqlstate == "22P02"
    assert_untouched(source, before)
    wait_until_disconnected(backup_server, database)


def test_an_index_that_cannot_be_built_again_leaves_nothing(
    source: Connection, backup_server: Server, make_backup: Callable[..., str]
) -> None:
    source.execute("CREATE UNIQUE INDEX mine ON events ((event ->> 'same'), (id % 7))")
    database = make_backup(range(1, 100), 'UPDATE events SET event = \'{"same": "for all"}\'')
    before = state(source)
    said = refusal(lambda: restore(source, backup_server, database))
    assert said.sqlstate == "SL038"
    assert said.message_detail is not None
    assert said.message_detail.startswith('could not create unique index "mine" Key ')
    assert_untouched(source, before)


def test_a_cancelled_restore_leaves_nothing_and_a_second_call_works(
    server: Server, name: str, own_source: Connection, backup_server: Server, backup: str
) -> None:
    before = state(own_source)
    with held_in_the_middle(server, name, own_source, lambda: restore(own_source, backup_server, backup)) as restoring:
        own_source.cancel_safe()
        assert refusal(restoring.result).sqlstate == "57014"
    remove_trigger(own_source)
    assert_untouched(own_source, before)
    wait_until_disconnected(backup_server, backup)
    assert restore(own_source, backup_server, backup) == (EVENTS, EVENTS + 1)


def test_a_restore_whose_session_is_killed_leaves_nothing_and_a_second_one_works(
    server: Server, name: str, own_source: Connection, backup_server: Server, backup: str
) -> None:
    before = state(own_source)
    pid = own_source.info.backend_pid
    with held_in_the_middle(server, name, own_source, lambda: restore(own_source, backup_server, backup)) as restoring:
        with server.connect() as killer:
            killer.execute("SELECT pg_terminate_backend(%s)", [pid])
        assert refusal(restoring.result).sqlstate == "57P01"
    wait_until_disconnected(backup_server, backup)
    with server.connect(name) as connection:
        remove_trigger(connection)
        assert_untouched(connection, before)
        assert restore(connection, backup_server, backup) == (EVENTS, EVENTS + 1)


def test_a_backup_that_goes_away_leaves_nothing_and_a_second_call_works(
    server: Server, name: str, own_source: Connection, backup_server: Server, backup: str
) -> None:
    before = state(own_source)
    with held_in_the_middle(server, name, own_source, lambda: restore(own_source, backup_server, backup)) as restoring:
        with backup_server.connect() as killer:
            killer.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [backup])
        wait_until_disconnected(backup_server, backup)
    with pytest.raises(psycopg.Error):
        restoring.result()
    remove_trigger(own_source)
    assert_untouched(own_source, before)
    assert restore(own_source, backup_server, backup) == (EVENTS, EVENTS + 1)


def test_a_rolled_back_restore_leaves_nothing(source: Connection, backup_server: Server, backup: str) -> None:
    before = state(source)
    with source.transaction(force_rollback=True):
        assert restore(source, backup_server, backup) == (EVENTS, EVENTS + 1)
    assert_untouched(source, before)


def test_the_second_of_two_restores_at_once_is_refused(
    server: Server, name: str, own_source: Connection, backup_server: Server, backup: str
) -> None:
    with server.connect(name) as second, ThreadPoolExecutor(1) as pool:
        with held_in_the_middle(
            server, name, own_source, lambda: restore(own_source, backup_server, backup)
        ) as restoring:
            waiting = pool.submit(restore, second, backup_server, backup)
            with server.connect(name) as watcher:
                wait_until_waiting_for_lock(watcher, second.info.backend_pid)
        assert restoring.result() == (EVENTS, EVENTS + 1)
        said = refusal(waiting.result)
    assert said.sqlstate == "SL031"
    assert said.message_primary == f"Source events table row count ({EVENTS}) is not 0"
    assert rows(own_source) == rows_of(backup_server, backup)


@pytest.mark.parametrize(
    "call",
    ["SELECT insert_events($$($1[1], $2, '\"late\"')$$)", "SELECT append_events('[\"late\"]')"],
    ids=["insert_events", "append_events"],
)
def test_writers_wait_for_the_restore_and_go_on_behind_it(
    *, server: Server, name: str, own_source: Connection, backup_server: Server, backup: str, call: str
) -> None:
    with server.connect(name) as writer, ThreadPoolExecutor(1) as pool:
        with held_in_the_middle(
            server, name, own_source, lambda: restore(own_source, backup_server, backup)
        ) as restoring:
            waiting = pool.submit(writer.execute, call.encode())
            with server.connect(name) as watcher:
                wait_until_waiting_for_lock(watcher, writer.info.backend_pid)
        assert restoring.result() == (EVENTS, EVENTS + 1)
        waiting.result()
    assert value(own_source, "SELECT event FROM events WHERE id = 1001") == "late"
    assert value(own_source, "SELECT ts > (SELECT ts FROM events WHERE id = 1000) FROM events WHERE id = 1001")


# --- Secrets


@pytest.fixture
def secret(backup_server: Server) -> Iterator[str]:
    """The name of a role that may read backups, and its password. No log has it from here."""
    secret = f"secret_{next(_numbers)}"
    with backup_server.connect() as connection:
        connection.execute("SET log_statement = none")
        connection.execute(
            f"CREATE ROLE reader_of_{secret} LOGIN PASSWORD 'pass_{secret}' IN ROLE pg_read_all_data".encode()
        )
        connection.execute("SELECT 'hides the last statement from pg_stat_activity'")
        yield secret
        connection.execute(f"DROP ROLE reader_of_{secret}".encode())


def test_the_password_is_in_no_log_and_no_error(
    server: Server, source: Connection, backup_server: Server, backup: str, secret: str
) -> None:
    # PostgreSQL itself logs bound values beside the statement, unless told not to.
    source.execute("SET log_parameter_max_length = 0")
    user, password = f"reader_of_{secret}", f"pass_{secret}"
    errors = [
        refusal(lambda: restore(source, backup_server, "nowhere", user=user, password=password)),
        refusal(lambda: restore(source, backup_server, backup, user=user, password=f"{password} not")),
        refusal(
            lambda: restore(source, backup_server, backup, user=user, password=password, options='{"colour": "blue"}')
        ),
        refusal(
            lambda: restore(source, backup_server, backup, user=user, password=password, options='{"sslmode": "blue"}')
        ),
    ]
    assert restore(source, backup_server, backup, user=user, password=password) == (EVENTS, EVENTS + 1)
    source.execute("SELECT 'statements are logged'")

    for diag in errors:
        parts = (diag.message_primary, diag.message_detail, diag.message_hint, diag.context, diag.internal_query)
        assert password not in " ".join(str(part) for part in parts)
    logs = [log.cluster.log.read_text(errors="replace") for log in (server, backup_server)]
    assert "statements are logged" in logs[0]
    assert f"user={user}" in logs[1]
    for log in logs:
        assert password not in log


def test_the_password_is_not_shown_to_other_sessions(
    *, server: Server, name: str, own_source: Connection, backup_server: Server, backup: str, secret: str
) -> None:
    user = f"reader_of_{secret}"
    restoring = partial(restore, own_source, backup_server, backup, user=user, password=f"pass_{secret}")
    with held_in_the_middle(server, name, own_source, restoring):
        for shown_by in (server, backup_server):
            with shown_by.connect() as connection:
                queries = value(connection, "SELECT string_agg(query, ' ') FROM pg_stat_activity")
                assert f"pass_{secret}" not in queries
