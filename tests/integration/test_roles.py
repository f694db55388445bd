"""``--roles``: each role does what it is for, and every attempt at anything else is refused."""

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from init_slate_db.core.creation.plan import ROLES, WORKING_NAME
from init_slate_db.core.embedded import Cluster, find_binaries
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.sql_files import TableType
from tests import recovery
from tests.commands import run, start
from tests.servers import Server, wait_for

Connection = psycopg.Connection[tuple[Any, ...]]

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
PASSWORD = "pw"
REFUSED = "42501"
ORDINARY = ("writer", "reader", "replicator")


@dataclass(frozen=True)
class Store:
    """A source of three events and a destination of the same prefix, and for each role a login role that has it."""

    server: Server
    prefix: str
    source: str
    destination: str

    def role(self, role: str) -> str:
        return f"{self.prefix}_{role}"

    def login(self, role: str) -> str:
        return f"{self.prefix}_login_{role}"

    def connect(self, role: str, database: str = "") -> Connection:
        """A connection of the login role, to the source unless another database is named."""
        return self.server.connect(database or self.source, user=self.login(role), password=PASSWORD)

    def fill(self, statement: str) -> bytes:
        """A statement with {source}, {destination}, {login}, and {owner} to {recoverer} as their names."""
        names = {"source": self.source, "destination": self.destination} | {role: self.role(role) for role in ROLES}
        for placeholder, name in names.items():
            statement = statement.replace(f"{{{placeholder}}}", name)
        return statement.encode()

    def events(self, database: str = "") -> list[tuple[Any, ...]]:
        with self.server.connect(database or self.source) as connection:
            return connection.execute("SELECT id, ts, event FROM events ORDER BY id").fetchall()


def create(server: Server, name: str, table_type: TableType, prefix: str) -> None:
    created = run(["-n", name, "-t", table_type, "--roles", prefix], server.environment())
    assert created.returncode == ExitStatus.DONE, created.stderr


def add_login(server: Server, login: str, *roles: str, attributes: str = "") -> None:
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}' {attributes}".encode())
        for role in roles:
            connection.execute(f"GRANT {role} TO {login}".encode())


def roles_of(server: Server, prefix: str) -> set[str]:
    """What there is of the five roles."""
    with server.connect() as connection:
        found = connection.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", (f"{prefix}_",))
        return {name.removeprefix(f"{prefix}_") for (name,) in found} & set(ROLES)


def drop_roles(server: Server, prefix: str) -> None:
    """Drops every role whose name begins so, at once, since they depend on one another."""
    with server.connect() as connection:
        found = connection.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", (f"{prefix}_",))
        names = [sql.Identifier(name) for (name,) in found]
        if names:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.SQL(", ").join(names)))


@pytest.fixture(scope="module")
def store(server: Server) -> Iterator[Store]:
    store = Store(server, "rolestore", "rolestore_source", "rolestore_destination")
    try:
        create(server, store.source, "source", store.prefix)
        create(server, store.destination, "destination", store.prefix)
        for role in ROLES:
            add_login(server, store.login(role), store.role(role))
        add_login(server, store.login("nobody"))
        with server.connect(store.source) as connection:
            connection.execute('SELECT append_events(\'[1, {"secret": "s3cr3t"}, 3]\')')
            connection.execute("ANALYZE events")
        with server.connect(store.destination) as connection:
            connection.execute("INSERT INTO events SELECT n, now(), to_json(n) FROM generate_series(1, 3) AS n")
        yield store
    finally:
        server.drop(store.source)
        server.drop(store.destination)
        drop_roles(server, store.prefix)


@pytest.fixture
def prefix(server: Server, name: str) -> Iterator[str]:
    """A prefix of roles that do not exist; they, and the database of the test, end with it."""
    prefix = f"r{name}"
    yield prefix
    server.drop(name)
    drop_roles(server, prefix)


# What no role but the owner may do, wherever it is.
ON_THE_TABLE = (
    "UPDATE events SET event = '0'",
    "DELETE FROM events",
    "TRUNCATE events",
    "MERGE INTO events AS e USING (SELECT 1) AS o ON e.id = 1 WHEN MATCHED THEN DELETE",
    "SELECT FROM events FOR UPDATE",
    "DO $$ BEGIN LOCK TABLE events IN ACCESS EXCLUSIVE MODE; END $$",
    "ALTER TABLE events DISABLE TRIGGER ALL",
    "ALTER TABLE events DISABLE TRIGGER USER",
    "ALTER TABLE events ADD COLUMN more text",
    "ALTER TABLE events RENAME TO others",
    "ALTER TABLE events OWNER TO CURRENT_USER",
    "ALTER TABLE events SET (autovacuum_enabled = off)",
    "ALTER TABLE events REPLICA IDENTITY NOTHING",
    "ALTER INDEX events_pkey RENAME TO other",
    "DROP TABLE events",
    "DROP INDEX events_ts",
    "REINDEX TABLE events",
    "CLUSTER events USING events_pkey",
    "COMMENT ON TABLE events IS 'mine'",
    "CREATE INDEX mine ON events (id)",
    "CREATE STATISTICS mine ON id, ts FROM events",
    "CREATE RULE mine AS ON INSERT TO events DO INSTEAD NOTHING",
    "CREATE POLICY mine ON events USING (true)",
    "CREATE TRIGGER mine BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
)
IN_THE_DATABASE = (
    "CREATE TABLE public.mine ()",
    "CREATE TABLE public.mine () INHERITS (public.events)",
    "CREATE VIEW public.mine AS SELECT 1",
    "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION public.append_events(text) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE public.mine AS (a integer)",
    "CREATE OPERATOR public.= (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text)",
    "CREATE SCHEMA mine",
    "CREATE SCHEMA AUTHORIZATION CURRENT_USER",
    "CREATE EXTENSION hstore",
    "ALTER SCHEMA public RENAME TO other",
    "DROP SCHEMA public CASCADE",
    "CREATE TEMPORARY TABLE events (id bigint, ts timestamptz, event jsonb)",
    "CREATE TEMPORARY TABLE id (id bigint)",
    "CREATE TEMPORARY VIEW events AS SELECT 1 AS id",
    "CREATE FUNCTION pg_temp.append_events(jsonb) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.jsonb_typeof(jsonb) RETURNS text LANGUAGE sql AS 'SELECT ''array'''",
    "CREATE TYPE pg_temp.record AS (a integer)",
    "CREATE PUBLICATION mine FOR TABLE events",
    "CREATE SUBSCRIPTION mine CONNECTION 'dbname=x' PUBLICATION x WITH (connect = false)",
    "DROP DATABASE {destination}",
    "ALTER DATABASE {source} RENAME TO other",
    "ALTER DATABASE {source} SET search_path = pg_temp",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO PUBLIC",
    "REASSIGN OWNED BY {owner} TO CURRENT_USER",
    "DROP OWNED BY {owner}",
)
IN_THE_SOURCE = (
    "INSERT INTO events VALUES (4, now(), '4')",
    "COPY events FROM STDIN",
    "SELECT id FROM id",
    "UPDATE id SET id = 100",
    "DELETE FROM id",
    "DROP TRIGGER check_sql_command ON events",
    "ALTER TABLE events DISABLE TRIGGER check_sql_command",
    "ALTER TABLE events DISABLE TRIGGER notify_insert",
    "SELECT * FROM slate.recovery",
    "INSERT INTO slate.recovery (method, backup, last_id) VALUES ('copy', '{}', 1)",
    "SELECT slate.take_ids(1)",
    "SELECT slate.transaction_ts(1)",
    "SELECT slate.begin_recovery('copy', '{}', 1)",
    "SELECT slate.set_indexes_aside()",
    "SELECT insert_events($$($1[1], $2, '4')$$)",
    "SELECT restore_events('h', 'd', 'u', 'p')",
    "CREATE TABLE slate.mine ()",
    "CREATE FUNCTION slate.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION public.append_events(events jsonb, OUT first_id bigint, OUT last_id bigint, "
    "OUT ts timestamptz) LANGUAGE sql AS 'SELECT 1::bigint, 1::bigint, now()'",
    "CREATE OR REPLACE FUNCTION public.filter_sql_command() RETURNS trigger LANGUAGE plpgsql "
    "AS 'BEGIN RETURN NULL; END'",
    "CREATE OR REPLACE FUNCTION slate.take_ids(bigint, OUT bigint, OUT timestamptz) LANGUAGE sql AS 'SELECT 1, now()'",
    "ALTER FUNCTION public.append_events(jsonb) RESET search_path",
    "ALTER FUNCTION public.append_events(jsonb) SECURITY INVOKER",
    "ALTER FUNCTION slate.transaction_ts(bigint) SET search_path = pg_temp",
    "DROP FUNCTION public.filter_sql_command() CASCADE",
    "SELECT * FROM dblink('host=127.0.0.1 user=postgres', 'SELECT 1') AS t (a integer)",
    "SELECT dblink_connect('host=127.0.0.1 user=postgres')",
    "SELECT dblink_connect('mine', 'host=127.0.0.1 user=postgres')",
    "SELECT dblink_get_connections()",
)
# What not even the owner may do.
ON_THE_SERVER = (
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "COPY (SELECT 1) TO '/tmp/slate-of-a-role'",
    "COPY events FROM PROGRAM 'echo'",
    "COPY events FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_stat_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/slate-of-a-role')",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'",
    "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')",
    "SELECT rolpassword FROM pg_authid",
    "SET session_replication_role = replica",
    "SET log_statement = 'none'",
    "SET SESSION AUTHORIZATION postgres",
    "SET ROLE postgres",
    "SET ROLE pg_execute_server_program",
    "ALTER SYSTEM SET port = 1",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER REPLICATION",
    "ALTER ROLE {owner} LOGIN",
    "GRANT pg_read_all_data TO CURRENT_USER",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "CREATE LANGUAGE mine HANDLER plpgsql_call_handler",
    "CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE internal AS 'now'",
)
WITH_DBLINK = (
    "SELECT dblink_connect_u('mine', 'host=127.0.0.1 user=postgres')",
    "SELECT dblink_connect_u('host=127.0.0.1 user=postgres')",
    "CREATE OR REPLACE FUNCTION public.dblink(text, text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, 2'",
    "ALTER FUNCTION public.dblink(text, text) SECURITY DEFINER",
    "ALTER EXTENSION dblink UPDATE",
    "DROP EXTENSION dblink",
    "GRANT EXECUTE ON FUNCTION dblink_connect_u(text) TO CURRENT_USER",
)
READING = (
    "SELECT * FROM events",
    "SELECT count(*) FROM events",
    "SELECT id FROM events",
    "COPY events TO STDOUT",
    "COPY (SELECT event FROM events) TO STDOUT",
    "INSERT INTO events VALUES (1, now(), '1') ON CONFLICT (id) DO UPDATE SET ts = now() RETURNING *",
)
APPENDING = ("SELECT append_events('[4]')",)


def sqlstate(connection: Connection, statement: bytes) -> str:
    """The SQLSTATE with which the server answers; "00000" where it does what it is told."""
    try:
        if statement.startswith(b"COPY") and statement.endswith(b"STDOUT"):
            with connection.cursor().copy(statement) as copy:
                assert list(copy)
        else:
            connection.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return "00000"


def check_refused(store: Store, role: str, database: str, attempts: Sequence[str]) -> None:
    """Makes each attempt in a session of its own, and sees that all are refused and that no event has changed."""
    before = store.events(database)
    victim = store.server.connect(database, application_name="victim")
    states = {}
    for attempt in attempts:
        with store.connect(role, database) as connection:
            states[attempt] = sqlstate(connection, store.fill(attempt))
    victim.execute("SELECT")
    victim.close()
    assert {attempt: state for attempt, state in states.items() if state != REFUSED} == {}
    assert store.events(database) == before


def set_roles(own: str) -> tuple[str, ...]:
    others = [role for role in ROLES if role != own]
    return tuple(f"SET ROLE {{{role}}}" for role in others) + tuple(
        f"GRANT {{{role}}} TO CURRENT_USER" for role in others
    )


@pytest.mark.parametrize(
    ("role", "more"), [("writer", READING), ("reader", APPENDING), ("replicator", APPENDING)], ids=ORDINARY
)
def test_in_a_source_a_role_is_refused_all_that_it_is_not_for(store: Store, role: str, more: tuple[str, ...]) -> None:
    attempts = ON_THE_TABLE + IN_THE_DATABASE + IN_THE_SOURCE + ON_THE_SERVER + WITH_DBLINK + set_roles(role) + more
    check_refused(store, role, store.source, attempts)


@pytest.mark.parametrize(
    ("role", "more"),
    [("reader", IN_THE_SOURCE[:2]), ("replicator", ())],
    ids=["reader", "replicator"],
)
def test_in_a_destination_a_role_is_refused_all_that_it_is_not_for(
    store: Store, role: str, more: tuple[str, ...]
) -> None:
    attempts = ON_THE_TABLE + IN_THE_DATABASE + ON_THE_SERVER + set_roles(role) + more
    check_refused(store, role, store.destination, attempts)


@pytest.mark.parametrize("role", ["owner", "recoverer"])
def test_the_roles_that_change_the_database_are_refused_the_server_and_the_other_roles(store: Store, role: str) -> None:
    others = [other for other in set_roles(role) if "owner" not in other]
    check_refused(store, role, store.source, (*ON_THE_SERVER, *WITH_DBLINK, *others))


@pytest.mark.parametrize("role", ["owner", "recoverer"])
def test_the_roles_that_change_the_database_change_no_event_by_a_slip(store: Store, role: str) -> None:
    with store.connect(role) as connection:
        for statement in ("UPDATE events SET event = '0'", "DELETE FROM events", "TRUNCATE events"):
            assert sqlstate(connection, statement.encode()) == "SL001"


def test_the_owner_may_not_use_dblink_and_a_recoverer_not_without_a_password(store: Store) -> None:
    statement = b"SELECT dblink_connect('mine', 'host=127.0.0.1 user=postgres dbname=postgres')"
    with store.connect("owner") as connection:
        assert sqlstate(connection, statement) == REFUSED
    with store.connect("recoverer") as connection:
        assert sqlstate(connection, statement) == "2F003"


def test_a_writer_does_not_get_into_a_destination(store: Store) -> None:
    with pytest.raises(psycopg.OperationalError, match=f'permission denied for database "{store.destination}"'):
        store.connect("writer", store.destination)


def test_who_has_no_role_gets_in_nowhere(store: Store) -> None:
    for database in (store.source, store.destination):
        with pytest.raises(psycopg.OperationalError, match=f'permission denied for database "{database}"'):
            store.connect("nobody", database)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_reads_the_statements_of_others(store: Store, role: str) -> None:
    with store.server.connect(store.source, application_name="speaker") as speaker:
        speaker.execute("SELECT 's3cr3t'")
        with store.connect(role) as connection:
            seen = connection.execute("SELECT query FROM pg_stat_activity WHERE application_name = 'speaker'")
            assert seen.fetchall() == [("<insufficient privilege>",)]


def test_a_writer_sees_no_event_in_the_statistics(store: Store) -> None:
    query = b"SELECT count(*) FROM pg_stats WHERE tablename IN ('events', 'id')"
    with store.connect("reader") as connection:
        assert connection.execute(query).fetchone() != (0,)
    with store.connect("writer") as connection:
        assert connection.execute(query).fetchone() == (0,)


def test_objects_of_the_caller_do_not_mislead_what_runs_with_the_owners_rights(
    server: Server, name: str, prefix: str
) -> None:
    create(server, name, "source", prefix)
    add_login(server, f"{prefix}_login", f"{prefix}_writer")
    with server.connect(name) as connection:
        # Worse than what --roles leaves: a schema of the caller's own, and temporary objects.
        connection.execute(f"GRANT CREATE, TEMPORARY ON DATABASE {name} TO {prefix}_login".encode())
    script = """
        CREATE SCHEMA mine;
        CREATE TEMPORARY TABLE events (id bigint, ts timestamptz, event jsonb);
        CREATE TEMPORARY TABLE id (id bigint);
        INSERT INTO id VALUES (100);
        CREATE TYPE pg_temp.jsonb AS (a integer);
        CREATE TABLE mine.told (told text);
        GRANT INSERT ON mine.told TO PUBLIC;
        GRANT USAGE ON SCHEMA mine TO PUBLIC;
        CREATE FUNCTION mine.jsonb_typeof(pg_catalog.jsonb) RETURNS text LANGUAGE sql
          AS 'INSERT INTO mine.told VALUES (current_user); SELECT ''array''';
        CREATE FUNCTION mine.jsonb_array_length(pg_catalog.jsonb) RETURNS integer LANGUAGE sql
          AS 'INSERT INTO mine.told VALUES (current_user); SELECT 99';
        CREATE FUNCTION mine.int_less(integer, integer) RETURNS boolean LANGUAGE sql
          AS 'INSERT INTO mine.told VALUES (current_user); SELECT true';
        CREATE OPERATOR mine.= (FUNCTION = mine.int_less, LEFTARG = integer, RIGHTARG = integer);
        CREATE OPERATOR mine.+ (FUNCTION = mine.int_less, LEFTARG = integer, RIGHTARG = integer);
        SET search_path = mine, pg_temp, pg_catalog, public;
        SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kathmandu'; SET transform_null_equals = on;
        SET standard_conforming_strings = off;
    """
    with server.connect(name, user=f"{prefix}_login", password=PASSWORD) as connection:
        connection.execute(script.encode())
        assert connection.execute("SELECT first_id, last_id FROM public.append_events('[1, 2]')").fetchone() == (1, 2)
        assert connection.execute("SELECT count(*) FROM mine.told").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_temp.events").fetchone() == (0,)
        assert connection.execute("SELECT id FROM pg_temp.id").fetchall() == [(100,)]
    with server.connect(name) as connection:
        assert connection.execute("SELECT id, event FROM public.events").fetchall() == [(1, 1), (2, 2)]


def test_a_writer_appends_as_anywhere_and_a_reader_reads_and_listens(server: Server, name: str, prefix: str) -> None:
    create(server, name, "source", prefix)
    for role in ("writer", "reader"):
        add_login(server, f"{prefix}_login_{role}", f"{prefix}_{role}")
    large = json.dumps([{"entityName": "Person", "value": "x" * 9000}])
    with (
        server.connect(name, user=f"{prefix}_login_writer", password=PASSWORD) as writer,
        server.connect(name, user=f"{prefix}_login_reader", password=PASSWORD) as reader,
    ):
        reader.execute("LISTEN eventsinsert")
        append = "SELECT first_id, last_id, ts FROM append_events(%s)"
        with writer.transaction():
            first = writer.execute(append, ('["a", "b"]',)).fetchone()
            with pytest.raises(psycopg.errors.DivisionByZero), writer.transaction():
                writer.execute(append, ('["lost"]',))
                writer.execute("SELECT 1 / 0")
            second = writer.execute(append, ('["c"]',)).fetchone()
        third = writer.execute(append, (large,)).fetchone()
        assert first and second and third
        assert (first[:2], second[:2], third[:2]) == ((1, 2), (3, 3), (4, 4))
        assert first[2] == second[2] < third[2]
        assert reader.execute("SELECT array_agg(id ORDER BY id) FROM events").fetchone() == ([1, 2, 3, 4],)
        told = [json.loads(notify.payload) for notify in reader.notifies(timeout=10, stop_after=4)]
        assert [(payload["id"], payload.get("truncated")) for payload in told] == [
            (1, None),
            (2, None),
            (3, None),
            (4, True),
        ]
        assert sqlstate(writer, b"SELECT append_events('{}')") == "SL021"


def test_a_writer_is_told_of_a_recovery(store: Store) -> None:
    with store.server.connect(store.source) as superuser, store.connect("writer") as writer:
        superuser.execute(
            "WITH gone AS (DELETE FROM id RETURNING id) SELECT set_config('test.id', id::text, false) FROM gone"
        )
        try:
            assert sqlstate(writer, b"SELECT append_events('[4]')") == "SL002"
            superuser.execute("INSERT INTO slate.recovery (method, backup, last_id) VALUES ('copy', '{}', 1)")
            assert sqlstate(writer, b"SELECT append_events('[4]')") == "SL004"
        finally:
            superuser.execute("DELETE FROM slate.recovery")
            superuser.execute("INSERT INTO id VALUES (current_setting('test.id')::bigint)")


def test_clients_of_the_original_get_insert_events_as_documented(server: Server, name: str, prefix: str) -> None:
    create(server, name, "source", prefix)
    add_login(server, f"{prefix}_login", f"{prefix}_writer")
    statements = [
        "ALTER FUNCTION public.insert_events(text) SECURITY DEFINER;",
        "GRANT EXECUTE ON FUNCTION public.insert_events(text) TO app_writer;",
    ]
    assert "\n".join(statements) in DOCUMENT.read_text(encoding="utf-8")
    with server.connect(name) as connection:
        for statement in statements:
            connection.execute(statement.replace("app_writer", f"{prefix}_writer").encode())
    with server.connect(name, user=f"{prefix}_login", password=PASSWORD) as connection:
        inserted = connection.execute("SELECT insert_events($$($1[1], $2, '1'), ($1[2], $2, E'\"\\\\\\\\\"')$$)")
        assert inserted.fetchone() == (2,)
        assert sqlstate(connection, b"SELECT insert_events($$($1[1], $2, '1'), (9, $2, '1')$$)").startswith("SL01")
        assert sqlstate(connection, b"SELECT * FROM events") == REFUSED


def test_a_subscription_follows_as_the_replicator(
    server: Server, backup_server: Server, name: str, prefix: str
) -> None:
    login = f"{prefix}_login"
    create(server, name, "source", prefix)
    add_login(server, login, f"{prefix}_replicator", attributes="REPLICATION")
    subscriber = backup_server.connect
    try:
        create(backup_server, name, "destination", prefix)
        with server.connect(name) as source, subscriber(name) as destination:
            source.execute("SELECT append_events('[1, 2]')")
            source.execute(f"SET ROLE {prefix}_owner".encode())
            source.execute("CREATE PUBLICATION events FOR TABLE public.events WITH (publish = 'insert')")
            way = f"host=127.0.0.1 port={server.port} dbname={name} user={login} password={PASSWORD}"
            destination.execute(f"CREATE SUBSCRIPTION {prefix} CONNECTION '{way}' PUBLICATION events".encode())
            try:
                source.execute("SELECT append_events('[3]')")
                query = b"SELECT count(*) FROM events"
                wait_for(lambda: destination.execute(query).fetchone() == (3,), "three events to be replicated")
            finally:
                destination.execute(f"DROP SUBSCRIPTION {prefix}".encode())
    finally:
        backup_server.drop(name)
        drop_roles(backup_server, prefix)


def test_from_16_on_a_subscription_may_be_the_replicators_own(clusters: dict[tuple[int, str], Server]) -> None:
    database, login = "replicators_own", "replicators_own_login"
    source_server, server = clusters[18, "source"], clusters[18, "backup"]
    recovery.make_backup(source_server, database, 3)
    try:
        create(server, database, "destination", database)
        add_login(server, login, f"{database}_replicator", "pg_create_subscription")
        with server.connect(database) as connection:
            connection.execute(f"GRANT CREATE ON DATABASE {database} TO {login}".encode())
        with source_server.connect(database) as source:
            source.execute("CREATE PUBLICATION events FOR TABLE public.events WITH (publish = 'insert')")
        way = recovery.address(source_server, database)
        options = "PUBLICATION events WITH (run_as_owner = true)"
        with server.connect(database, user=login, password=PASSWORD) as connection:
            connection.execute(f"CREATE SUBSCRIPTION own CONNECTION '{way}' {options}".encode())
            try:
                query = b"SELECT count(*) FROM events"
                wait_for(lambda: connection.execute(query).fetchone() == (3,), "three events to be replicated")
            finally:
                connection.execute("DROP SUBSCRIPTION own")
    finally:
        server.drop(database)
        source_server.drop(database)
        drop_roles(server, database)


def test_a_replicator_stores_in_a_destination_and_reads_there(store: Store) -> None:
    with store.connect("replicator", store.destination) as connection, connection.transaction(force_rollback=True):
        with connection.cursor().copy("COPY events (id, ts, event) FROM STDIN") as copy:
            copy.write_row((4, "2026-01-01 00:00:00+00", "4"))
        connection.execute("INSERT INTO events VALUES (5, now(), '5')")
        assert connection.execute("SELECT max(id) FROM events").fetchone() == (5,)


def test_a_recoverer_restores_and_then_a_writer_goes_on(
    server: Server, backup_server: Server, name: str, prefix: str
) -> None:
    create(server, name, "source", prefix)
    for role in ("recoverer", "writer"):
        add_login(server, f"{prefix}_login_{role}", f"{prefix}_{role}")
    recovery.make_backup(backup_server, f"{name}_backup", 50)
    try:
        with server.connect(name, user=f"{prefix}_login_recoverer", password=PASSWORD) as connection:
            arguments = ("127.0.0.1", f"{name}_backup", "postgres", backup_server.password, backup_server.port)
            restored = connection.execute("SELECT * FROM restore_events(%s, %s, %s, %s, %s)", arguments)
            assert restored.fetchone() == (50, 51)
        with server.connect(name, user=f"{prefix}_login_writer", password=PASSWORD) as connection:
            assert connection.execute("SELECT first_id FROM append_events('[1]')").fetchone() == (51,)
    finally:
        backup_server.drop(f"{name}_backup")


@pytest.mark.parametrize("method", ["restore-events", "copy"])
def test_a_recoverer_runs_slate_recover(
    server: Server, backup_server: Server, name: str, prefix: str, method: str
) -> None:
    create(server, name, "source", prefix)
    before = rights(server, name)
    for role in ("recoverer", "writer"):
        add_login(server, f"{prefix}_login_{role}", f"{prefix}_{role}")
    recovery.make_backup(backup_server, f"{name}_backup", 50)
    try:
        origin = recovery.address(backup_server, f"{name}_backup")
        environment = server.environment(PGUSER=f"{prefix}_login_recoverer", PGPASSWORD=PASSWORD)
        recovered = recovery.run(["--from", origin, "-d", name, "--yes", "--method", method], environment)
        assert recovered.returncode == ExitStatus.DONE, recovered.stderr
        with server.connect(name, user=f"{prefix}_login_writer", password=PASSWORD) as connection:
            assert connection.execute("SELECT first_id FROM append_events('[1]')").fetchone() == (51,)
        assert rights(server, name) == before
    finally:
        backup_server.drop(f"{name}_backup")


# What belongs to whom, and who has which right, but for PostgreSQL's own objects.
RIGHTS = """
WITH thing AS (
  SELECT 'database' AS kind, 'itself' AS name, d.datdba AS owner,
         coalesce(d.datacl, acldefault('d', d.datdba)) AS acl, 0::oid AS oid
  FROM pg_database AS d WHERE d.datname = current_database()
  UNION ALL SELECT 'schema', n.nspname, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)), n.oid
  FROM pg_namespace AS n WHERE n.nspname IN ('public', 'slate')
  UNION ALL SELECT 'relation', c.oid::regclass::text, c.relowner, coalesce(c.relacl, acldefault('r', c.relowner)), c.oid
  FROM pg_class AS c
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relnamespace::regnamespace::text IN ('public', 'slate')
  UNION ALL SELECT 'function', p.oid::regprocedure::text, p.proowner,
                   coalesce(p.proacl, acldefault('f', p.proowner)), p.oid
  FROM pg_proc AS p WHERE p.pronamespace::regnamespace::text IN ('public', 'slate')
)
SELECT t.kind, t.name, t.owner::regrole::text,
       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, a.privilege_type,
       EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid AND d.deptype = 'e') AS of_an_extension
FROM thing AS t LEFT JOIN aclexplode(t.acl) AS a ON true
"""
SECURITY_DEFINERS = """
SELECT p.oid::regprocedure::text, p.proconfig FROM pg_proc AS p
WHERE p.prosecdef AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1
"""


def rights(server: Server, database: str) -> set[tuple[Any, ...]]:
    with server.connect(database) as connection:
        return set(connection.execute(RIGHTS))


# What a recovery calls of dblink.
DBLINK = (
    "dblink(text,text)",
    "dblink_connect(text,text)",
    "dblink_disconnect(text)",
    "dblink_exec(text,text)",
    "dblink_get_connections()",
    "dblink_get_result(text)",
    "dblink_send_query(text,text)",
)


@pytest.mark.parametrize("table_type", ["source", "destination"])
def test_rights_are_those_of_the_model_and_none_is_left_to_public(store: Store, table_type: TableType) -> None:
    found = rights(store.server, store.source if table_type == "source" else store.destination)
    assert {owner for _, _, owner, *_, of_extension in found if not of_extension} == {store.role("owner")}
    given = {
        (grantee.removeprefix(f"{store.prefix}_"), privilege, name)
        for _, name, owner, grantee, privilege, _ in found
        if grantee not in (owner, None)
    }
    expected: set[tuple[str, ...]] = {(role, "CONNECT", "itself") for role in ("reader", "replicator")}
    expected |= {(role, "USAGE", "public") for role in ("reader", "replicator")}
    expected |= {(role, "SELECT", "events") for role in ("reader", "replicator")}
    if table_type == "destination":
        expected |= {("replicator", "INSERT", "events")}
    else:
        expected |= {("writer", "CONNECT", "itself"), ("writer", "USAGE", "public")}
        expected |= {("writer", "EXECUTE", "append_events(jsonb)")}
        expected |= {("recoverer", "EXECUTE", signature) for signature in DBLINK}
    assert given == expected


def test_only_these_functions_run_with_the_owners_rights_and_all_pin_their_search_path(store: Store) -> None:
    with store.server.connect(store.source) as connection:
        pinned = ["search_path=pg_catalog, pg_temp"]
        assert connection.execute(SECURITY_DEFINERS).fetchall() == [
            ("append_events(jsonb)", pinned),
            ("slate.refuse_without_id()", pinned),
            ("slate.transaction_ts(bigint)", pinned),
        ]


def test_what_the_owner_makes_later_is_not_publics(store: Store) -> None:
    with store.connect("owner") as connection, connection.transaction(force_rollback=True):
        connection.execute(store.fill("SET ROLE {owner}"))
        connection.execute("CREATE FUNCTION public.later() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        allowed = connection.execute(
            "SELECT has_function_privilege(%s, 'public.later()', 'EXECUTE')", (store.login("writer"),)
        )
        assert allowed.fetchone() == (False,)


def test_the_roles_cannot_log_in_and_only_a_recoverer_has_another(store: Store) -> None:
    with store.server.connect() as connection:
        names = [store.role(role) for role in ROLES]
        attributes = connection.execute(
            "SELECT DISTINCT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,"
            " rolinherit FROM pg_roles WHERE rolname = ANY (%s)",
            (names,),
        )
        assert attributes.fetchall() == [(False, False, False, False, False, False, True)]
        groups = connection.execute(
            "SELECT member::regrole::text, roleid::regrole::text FROM pg_auth_members"
            " WHERE member IN (SELECT oid FROM pg_roles WHERE rolname = ANY (%s))",
            (names,),
        )
        assert groups.fetchall() == [(store.role("recoverer"), store.role("owner"))]


@pytest.mark.parametrize("table_type", ["source", "destination"])
def test_the_script_gives_the_same_rights(server: Server, name: str, prefix: str, table_type: TableType) -> None:
    script = run(["-n", name, "-t", table_type, "--roles", prefix, "--sql"], {}).stdout
    stopped = psql(server, script.replace("\nCOMMIT;", "\nSELECT 1 / 0;\nCOMMIT;"))
    assert stopped.returncode == 3
    assert roles_of(server, prefix) == set()
    assert name not in server.databases()
    ran = psql(server, script)
    assert ran.returncode == 0, ran.stderr
    by_script = rights(server, name)
    server.drop(name)
    create(server, name, table_type, prefix)
    assert rights(server, name) == by_script


def psql(server: Server, script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(server.cluster.installed_binaries / "psql"), "-X", "-q", "-f", "-", "postgres"],
        env=server.environment(),
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_upper_case_is_kept_in_names_of_roles(server: Server, name: str) -> None:
    prefix = f"Roles_Of_{name}"
    try:
        create(server, name, "source", prefix)
        assert roles_of(server, prefix) == set(ROLES)
    finally:
        server.drop(name)
        drop_roles(server, prefix)


def test_the_longest_prefix_gives_roles_of_63_bytes(server: Server, name: str) -> None:
    prefix = name.ljust(52, "x")
    try:
        create(server, name, "destination", prefix)
        assert roles_of(server, prefix) == set(ROLES)
    finally:
        server.drop(name)
        drop_roles(server, prefix)


def test_an_interrupted_run_leaves_neither_database_nor_roles(server: Server, name: str, prefix: str) -> None:
    before = server.databases()
    with psycopg.connect(**server.parameters()) as other:
        running = begin_behind(server, other, name, prefix)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == ExitStatus.INTERRUPTED
        other.rollback()
    assert server.databases() == before
    assert roles_of(server, prefix) == set()


def test_a_run_beside_another_of_the_same_prefix_uses_the_roles_of_that_one(
    server: Server, name: str, prefix: str
) -> None:
    with psycopg.connect(**server.parameters()) as other:
        running = begin_behind(server, other, name, prefix)
        other.commit()
        _, told = running.communicate(timeout=60)
        assert running.returncode == ExitStatus.DONE, told
    assert roles_of(server, prefix) == set(ROLES)


def begin_behind(server: Server, other: Connection, name: str, prefix: str) -> "subprocess.Popen[str]":
    """Starts a run that waits for a transaction which has created the last of its roles."""
    other.execute(f"CREATE ROLE {prefix}_recoverer".encode())
    running = start(["-n", name, "-t", "source", "--roles", prefix], server.environment())
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(datname, %s) AND wait_event_type = 'Lock'"
    with server.connect() as connection:
        wait_for(lambda: connection.execute(waiting, (WORKING_NAME,)).fetchone() == (1,), "the run to wait")
    return running


UNFIT = {
    "LOGIN": ("CREATE ROLE {prefix}_writer LOGIN", "Role {prefix}_writer exists already and has LOGIN"),
    "several": (
        "CREATE ROLE {prefix}_reader SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS NOINHERIT",
        "Role {prefix}_reader exists already and has SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, "
        "NOINHERIT",
    ),
    "member": (
        "CREATE ROLE {prefix}_replicator IN ROLE pg_monitor, pg_read_server_files",
        "Role {prefix}_replicator exists already and is a member of pg_monitor, pg_read_server_files",
    ),
    "owner's member": (
        "CREATE ROLE {prefix}_owner; CREATE ROLE {prefix}_writer IN ROLE {prefix}_owner",
        "Role {prefix}_writer exists already and is a member of {prefix}_owner",
    ),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_an_existing_role_that_does_not_fit_is_refused_by_name(
    server: Server, name: str, prefix: str, kind: str
) -> None:
    statement, sentence = (text.replace("{prefix}", prefix) for text in UNFIT[kind])
    with server.connect() as connection:
        connection.execute(statement.encode())
    before = roles_of(server, prefix)
    arguments = ["-n", name, "-t", "destination", "--roles", prefix]
    refused = run(arguments, server.environment())
    assert refused.returncode == ExitStatus.FAILED
    told = refused.stderr.splitlines()
    assert told[0] == f"error: {sentence}."
    assert told[-1].startswith("  Name another prefix, or have a superuser run: ")
    checked = run([*arguments, "--check"], server.environment())
    assert checked.returncode == ExitStatus.FAILED
    assert f"no  {sentence}" in checked.stdout.splitlines()
    stopped = psql(server, run([*arguments, "--sql"], {}).stdout)
    assert stopped.returncode == 3
    assert f"ERROR:  {sentence}" in stopped.stderr
    assert roles_of(server, prefix) == before
    assert name not in server.databases()
    # The hint is the way out.
    with server.connect() as connection:
        connection.execute(told[-1].partition(": ")[2].encode())
    created = run(arguments, server.environment())
    assert created.returncode == ExitStatus.DONE, created.stderr


def test_a_check_tells_whether_the_roles_can_be_had(server: Server, name: str, prefix: str) -> None:
    arguments = ["-n", name, "-t", "destination", "--roles", prefix, "--check"]
    names = [f"{prefix}_{role}" for role in ROLES]
    checked = run(arguments, server.environment())
    assert checked.returncode == ExitStatus.DONE, checked.stderr
    assert f'ok  role "postgres" may create roles {", ".join(names)}' in checked.stdout.splitlines()
    assert roles_of(server, prefix) == set()
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {prefix}_writer".encode())
    add_login(server, f"{prefix}_login", attributes="CREATEDB")
    environment = server.environment(PGUSER=f"{prefix}_login", PGPASSWORD=PASSWORD)
    checked = run(arguments, environment)
    assert checked.returncode == ExitStatus.FAILED
    assert f"ok  existing roles fit: {prefix}_writer" in checked.stdout.splitlines()
    assert f'no  role "{prefix}_login" may not create roles' in checked.stdout.splitlines()
    assert f'ALTER ROLE "{prefix}_login" CREATEROLE' in checked.stdout
    refused = run(arguments[:-1], environment)
    assert refused.returncode == ExitStatus.FAILED
    missing = ", ".join(name for name in names if not name.endswith("_writer"))
    assert f'error: Role "{prefix}_login" may not create the roles {missing}.' in refused.stderr


def test_who_is_not_a_member_of_an_existing_owner_is_told(server: Server, name: str, prefix: str) -> None:
    login, second = f"{prefix}_login", f"{name}_second"
    create(server, name, "destination", prefix)
    add_login(server, login, attributes="CREATEDB")
    environment = server.environment(PGUSER=login, PGPASSWORD=PASSWORD)
    arguments = ["-n", second, "-t", "destination", "--roles", prefix]
    try:
        checked = run([*arguments, "--check"], environment)
        assert checked.returncode == ExitStatus.FAILED
        assert f'no  role "{login}" is not a member of role "{prefix}_owner"' in checked.stdout.splitlines()
        refused = run(arguments, environment)
        assert refused.returncode == ExitStatus.FAILED
        told = refused.stderr.splitlines()
        assert told[0] == (
            f'error: Role "{login}" is not a member of role "{prefix}_owner", so it cannot give it the database.'
        )
        with server.connect() as connection:
            connection.execute(told[-1].partition(": ")[2].encode())
        created = run(arguments, environment)
        assert created.returncode == ExitStatus.DONE, created.stderr
        assert rights(server, second) == rights(server, name)
    finally:
        server.drop(second)


def test_a_role_that_may_create_databases_and_roles_creates_a_destination(
    server: Server, name: str, prefix: str
) -> None:
    login = f"{prefix}_login"
    add_login(server, login, attributes="CREATEDB CREATEROLE")
    environment = server.environment(PGUSER=login, PGPASSWORD=PASSWORD)
    try:
        for database in (name, f"{name}_second"):
            created = run(["-n", database, "-t", "destination", "--roles", prefix], environment)
            assert created.returncode == ExitStatus.DONE, created.stderr
        assert rights(server, name) == rights(server, f"{name}_second")
        assert not [right for right in rights(server, name) if right[3] == "PUBLIC"]
        assert {right[2] for right in rights(server, name)} == {f"{prefix}_owner"}
    finally:
        server.drop(name)
        server.drop(f"{name}_second")


def test_a_dry_run_lists_roles_and_privileges() -> None:
    shown = run(["-n", "events", "-t", "source", "--roles", "app", "--dry-run"], {}).stdout
    assert '  roles      prefix "app"' in shown.splitlines()
    plan = [line[6:] for line in shown.splitlines() if line[:4].strip().isdigit()]
    assert plan[1] == "roles app_owner, app_writer, app_reader, app_replicator, app_recoverer, where there are none"
    assert [line for line in plan if line.startswith("privileges of ")] == [
        "privileges of public",
        "privileges of app_owner",
        "privileges of public in a source",
        "privileges of app_writer",
        "privileges of app_reader",
        "privileges of app_replicator",
        "privileges of app_recoverer",
    ]


def test_an_embedded_server_gets_them_too(server_directory: Path) -> None:
    directory = server_directory / "roles-embedded"
    arguments = ["-n", "events", "-t", "source", "--roles", "app", "--embedded", str(directory)]
    created = run(arguments, {"PATH": "/usr/bin:/bin"})
    server = Server(18, Cluster(directory, find_binaries()))
    try:
        assert created.returncode == ExitStatus.DONE, created.stderr
        assert roles_of(server, "app") == set(ROLES)
    finally:
        server.cluster.stop("immediate")


def test_without_roles_rights_are_as_ever(server: Server, name: str) -> None:
    with server.connect() as connection:
        roles = connection.execute("SELECT array_agg(rolname ORDER BY rolname) FROM pg_roles").fetchone()
        created = run(["-n", name, "-t", "source"], server.environment())
        assert created.returncode == ExitStatus.DONE, created.stderr
        assert connection.execute("SELECT array_agg(rolname ORDER BY rolname) FROM pg_roles").fetchone() == roles
    found = rights(server, name)
    assert {owner for _, _, owner, *_ in found} == {"postgres", "pg_database_owner"}
    public = {(privilege, name) for _, name, _, grantee, privilege, _ in found if grantee == "PUBLIC"}
    assert {("CONNECT", "itself"), ("TEMPORARY", "itself"), ("USAGE", "public"), ("USAGE", "slate")} < public
    assert ("EXECUTE", "append_events(jsonb)") in public
    with server.connect(name) as connection:
        assert [name for name, _ in connection.execute(SECURITY_DEFINERS)] == [
            "slate.refuse_without_id()",
            "slate.transaction_ts(bigint)",
        ]
