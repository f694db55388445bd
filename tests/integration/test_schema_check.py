"""``slate-schema check``: a database as the model has it shows no difference, and every change is found and mended."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from init_slate_db.core.creation.plan import role_names
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.sql_files import TableType
from tests.commands import run as run_command
from tests.integration.test_roles import create, drop_roles
from tests.servers import Server
from tests.slate import create_database, create_original

COMMAND = (sys.executable, "-m", "versioning")


def check(server: Server, database: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return run_command(["check", "-d", database, *arguments], server.environment(**environment), COMMAND)


def checked(server: Server, database: str, *arguments: str) -> dict[str, Any]:
    """The report as JSON; its exit status is looked at here."""
    ended = check(server, database, "--format", "json", *arguments)
    assert ended.stderr == ""
    report: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == (ExitStatus.DIFFERENT if report["differences"] else ExitStatus.DONE)
    return report


@dataclass(frozen=True)
class Store:
    """A source and a destination of one prefix."""

    server: Server
    prefix: str
    source: str
    destination: str

    def name_of(self, table_type: TableType) -> str:
        return self.source if table_type == "source" else self.destination

    def fill(self, statement: str, database: str) -> bytes:
        """A statement with {database}, {other} and {owner} to {recoverer} as their names."""
        names = {"database": database, "other": f"{self.prefix}_other"} | role_names(self.prefix)
        for placeholder, name in names.items():
            statement = statement.replace(f"{{{placeholder}}}", name)
        return statement.encode()


@pytest.fixture(scope="module")
def store(server: Server) -> Iterator[Store]:
    store = Store(server, "checkstore", "checkstore_source", "checkstore_destination")
    try:
        create(server, store.source, "source", store.prefix)
        create(server, store.destination, "destination", store.prefix)
        with server.connect() as connection:
            connection.execute(f"CREATE ROLE {store.prefix}_other".encode())
        yield store
    finally:
        server.drop(store.source)
        server.drop(store.destination)
        drop_roles(server, store.prefix)


@pytest.mark.parametrize("table_type", ["source", "destination"])
@pytest.mark.parametrize("arguments", [(), ("--roles", "checkstore")], ids=["found", "named"])
def test_what_init_slate_db_makes_with_roles_shows_no_difference(
    store: Store, table_type: TableType, arguments: tuple[str, ...]
) -> None:
    report = checked(store.server, store.name_of(table_type), *arguments)
    assert report["differences"] == []
    assert (report["kind"], report["roles"]) == (table_type, store.prefix)
    shown = check(store.server, store.name_of(table_type), *arguments)
    assert shown.returncode == ExitStatus.DONE
    assert shown.stdout.splitlines()[-1] == f'as the model of the roles "{store.prefix}" has it: no difference'


FUNCTION = "public.append_events(jsonb)"
NOTHING = "LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NULL; END'"
# A change of a source, and the sentences that tell of it; {owner} and so on stand for the names of the roles.
CHANGES: list[tuple[str, list[str]]] = [
    ("GRANT CONNECT ON DATABASE {database} TO PUBLIC", ["PUBLIC has CONNECT on database {database}"]),
    ("GRANT TEMPORARY ON DATABASE {database} TO {writer}", ['role "{writer}" has TEMPORARY on database {database}']),
    ("GRANT CREATE ON SCHEMA public TO {other}", ['role "{other}" has CREATE on schema public']),
    ("GRANT USAGE ON SCHEMA slate TO PUBLIC", ["PUBLIC has USAGE on schema slate"]),
    ("GRANT SELECT ON events TO PUBLIC", ["PUBLIC has SELECT on table public.events"]),
    ("GRANT SELECT (id, ts) ON events TO {writer}", [
        'role "{writer}" has SELECT ("id") on table public.events',
        'role "{writer}" has SELECT ("ts") on table public.events',
    ]),
    ("GRANT UPDATE, DELETE ON events TO {reader}", [
        'role "{reader}" has DELETE on table public.events',
        'role "{reader}" has UPDATE on table public.events',
    ]),
    ("GRANT SELECT ON events TO {reader} WITH GRANT OPTION", [
        'role "{reader}" may pass on SELECT on table public.events'
    ]),
    ("GRANT UPDATE ON id TO {writer}", ['role "{writer}" has UPDATE on table public.id']),
    ("GRANT INSERT ON slate.recovery_command TO {other}", [
        'role "{other}" has INSERT on table slate.recovery_command'
    ]),
    (f"GRANT EXECUTE ON FUNCTION {FUNCTION} TO PUBLIC", [f"PUBLIC has EXECUTE on function {FUNCTION}"]),
    ("GRANT EXECUTE ON FUNCTION dblink(text, text) TO {owner}", [
        'role "{owner}" has EXECUTE on function public.dblink(text,text)'
    ]),
    ("GRANT EXECUTE ON FUNCTION dblink_connect_u(text) TO {recoverer}", [
        'role "{recoverer}" has EXECUTE on function public.dblink_connect_u(text)'
    ]),
    ("GRANT EXECUTE ON FUNCTION slate.take_ids(bigint) TO {writer}", [
        'role "{writer}" has EXECUTE on function slate.take_ids(bigint)'
    ]),
    ("REVOKE SELECT ON events FROM {reader}", ['role "{reader}" lacks SELECT on table public.events']),
    ("REVOKE CONNECT ON DATABASE {database} FROM {writer}", ['role "{writer}" lacks CONNECT on database {database}']),
    ("REVOKE USAGE ON SCHEMA public FROM {replicator}", ['role "{replicator}" lacks USAGE on schema public']),
    (f"REVOKE EXECUTE ON FUNCTION {FUNCTION} FROM {{writer}}", [
        f'role "{{writer}}" lacks EXECUTE on function {FUNCTION}'
    ]),
    ("REVOKE EXECUTE ON FUNCTION dblink_exec(text, text) FROM {recoverer}", [
        'role "{recoverer}" lacks EXECUTE on function public.dblink_exec(text,text)'
    ]),
    ("REVOKE INSERT ON events FROM {owner}", ['role "{owner}" lacks INSERT on table public.events']),
    ("ALTER TABLE events OWNER TO {other}", ['table public.events belongs to role "{other}"']),
    ("ALTER TABLE slate.recovery OWNER TO postgres", ['table slate.recovery belongs to role "postgres"']),
    ("ALTER FUNCTION filter_sql_command() OWNER TO {other}", [
        'function public.filter_sql_command() belongs to role "{other}"'
    ]),
    ("ALTER SCHEMA slate OWNER TO {other}", ['schema slate belongs to role "{other}"']),
    ("ALTER SCHEMA public OWNER TO pg_database_owner", ['schema public belongs to role "pg_database_owner"']),
    (f"ALTER FUNCTION {FUNCTION} SECURITY INVOKER", [
        f"function {FUNCTION} runs with its caller's rights, instead of its owner's"
    ]),
    ("ALTER FUNCTION insert_events(text) SECURITY DEFINER", [
        "function public.insert_events(text) runs with its owner's rights, instead of its caller's"
    ]),
    (f"ALTER FUNCTION {FUNCTION} RESET search_path", [
        f"function {FUNCTION} has settings none, instead of search_path=pg_catalog, pg_temp"
    ]),
    ("ALTER FUNCTION slate.transaction_ts(bigint) SET search_path = public, pg_catalog", [
        "function slate.transaction_ts(bigint) has settings search_path=public, pg_catalog, "
        "instead of search_path=pg_catalog, pg_temp"
    ]),
    (f"CREATE OR REPLACE FUNCTION filter_sql_command() RETURNS trigger {NOTHING}", [
        "function public.filter_sql_command() has another text than this version's"
    ]),
    ("CREATE OR REPLACE FUNCTION append_events(events jsonb, OUT first_id bigint, OUT last_id bigint, "
     "OUT ts timestamptz) LANGUAGE plpgsql AS 'BEGIN END'", [
        f"function {FUNCTION} has another text than this version's"
    ]),
    ("DROP FUNCTION restore_events", ["function public.restore_events is missing"]),
    ("CREATE FUNCTION append_events(text) RETURNS integer LANGUAGE sql AS 'SELECT 1'", [
        "function public.append_events(text) is none of this version's",
    ]),
    ("CREATE FUNCTION slate.more() RETURNS integer LANGUAGE sql AS 'SELECT 1'", [
        "function slate.more() is none of this version's"
    ]),
    ("CREATE FUNCTION public.more() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", [
        "function public.more() runs with its owner's rights, and does not pin its search_path"
    ]),
    ("ALTER TABLE events DISABLE TRIGGER check_sql_command", [
        "trigger check_sql_command on public.events is disabled"
    ]),
    ("ALTER TABLE events ENABLE TRIGGER check_sql_command", [
        "trigger check_sql_command on public.events is not enabled for replicas"
    ]),
    ("ALTER TABLE events DISABLE TRIGGER notify_insert", ["trigger notify_insert on public.events is disabled"]),
    ("DROP TRIGGER check_sql_command ON events", ["trigger check_sql_command on public.events is missing"]),
    ("DROP TRIGGER check_sql_command ON events; CREATE TRIGGER check_sql_command BEFORE UPDATE ON events "
     "FOR EACH STATEMENT EXECUTE FUNCTION filter_sql_command()", [
        "trigger check_sql_command on public.events is another than this version's: CREATE TRIGGER check_sql_command "
        "BEFORE UPDATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION public.filter_sql_command()"
    ]),
    ("DROP TRIGGER notify_insert ON events; CREATE TRIGGER notify_insert AFTER INSERT ON events "
     "FOR EACH ROW WHEN (NEW.id > 5) EXECUTE FUNCTION notify_event_insert()", [
        "trigger notify_insert on public.events is another than this version's: CREATE TRIGGER notify_insert AFTER "
        "INSERT ON public.events FOR EACH ROW WHEN ((new.id > 5)) EXECUTE FUNCTION public.notify_event_insert()"
    ]),
    ("CREATE TRIGGER mine BEFORE INSERT ON events FOR EACH ROW "
     "EXECUTE FUNCTION suppress_redundant_updates_trigger()", [
        "trigger mine on public.events is none of this version's"
    ]),
    ("CREATE RULE mine AS ON INSERT TO events DO INSTEAD NOTHING", [
        "rule mine on public.events is none of this version's"
    ]),
    ("ALTER TABLE events ENABLE ROW LEVEL SECURITY", [
        "row security on public.events hides rows, from the event store too"
    ]),
    ("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT EXECUTE ON FUNCTIONS TO PUBLIC", [
        "functions that role \"{owner}\" makes will be PUBLIC's"
    ]),
    ("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {other}", [
        'role "{other}" will have SELECT on tables that role "{owner}" makes in schema "public"'
    ]),
    ("ALTER ROLE {writer} LOGIN REPLICATION", ['role "{writer}" has LOGIN, REPLICATION']),
    ("ALTER ROLE {owner} SUPERUSER NOINHERIT", ['role "{owner}" has SUPERUSER, NOINHERIT']),
    ("GRANT pg_monitor TO {reader}", ['role "{reader}" is a member of "pg_monitor"']),
    ("GRANT {owner} TO {writer}", ['role "{writer}" is a member of "{owner}"']),
    ("REVOKE {owner} FROM {recoverer}", ['role "{recoverer}" does not have the rights of "{owner}"']),
    ("GRANT {owner} TO {recoverer} WITH ADMIN OPTION", ['role "{recoverer}" may give "{owner}" to others']),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentences"), CHANGES, ids=[change[:60] for change, _ in CHANGES])
def test_a_change_is_found_named_and_mended_by_the_command(store: Store, change: str, sentences: list[str]) -> None:
    server, database = store.server, store.source
    with server.connect(database) as connection:
        connection.execute(store.fill(change, database))
        differences = checked(server, database)["differences"]
        told = [difference["what"] for difference in differences]
        for difference in differences:
            connection.execute(difference["mend"].encode())
    assert told == [store.fill(sentence, database).decode() for sentence in sentences]
    assert checked(server, database)["differences"] == []


def ways(report: dict[str, Any], ability: str, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report["abilities"][ability]
    return [way for way in found if way["role"] == role]


def test_a_role_that_may_do_nothing_but_connect_gets_the_whole_report(server: Server, name: str) -> None:
    """Also where the schema of the events is closed to it, as in a database that was made with --roles."""
    role = f"{name}_passer_by"
    create_database(server, name, "source")
    with server.connect(name) as connection:
        connection.execute("REVOKE ALL ON SCHEMA public, slate FROM PUBLIC")
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'r'".encode())
    try:
        ended = check(server, name, PGUSER=role, PGPASSWORD="r")
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert ended.stdout.replace(f"seen as {role}", "seen as postgres") == check(server, name).stdout
    finally:
        with server.connect() as connection:
            connection.execute(f"DROP ROLE {role}".encode())


def test_it_says_by_which_groups_a_login_role_writes(store: Store) -> None:
    server, login = store.server, f"{store.prefix}_login_shop"
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {store.prefix}_shops IN ROLE {store.prefix}_writer".encode())
        connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'pw' IN ROLE {store.prefix}_shops".encode())
        connection.execute(f"CREATE ROLE {store.prefix}_login_nobody LOGIN PASSWORD 'pw'".encode())
    report = checked(server, store.source)
    assert ways(report, "write", login) == [
        {
            "role": login,
            "by": "append_events",
            "holder": f"{store.prefix}_writer",
            "through": [f"{store.prefix}_shops", f"{store.prefix}_writer"],
            "steps": [],
            "elsewhere": [],
        }
    ]
    for ability in ("read", "rewrite", "restore", "replicate", "everything"):
        assert ways(report, ability, login) == []
    assert len(ways(report, "listen", login)) == 1
    assert [
        one for ability in report["abilities"] for one in ways(report, ability, f"{store.prefix}_login_nobody")
    ] == []
    line = f"  {login}: append_events (member of {store.prefix}_shops, which is one of {store.prefix}_writer)"
    assert line in check(server, store.source).stdout.splitlines()
    # Who only may connect sees the same.
    seen = check(server, store.source, PGUSER=login, PGPASSWORD="pw")
    assert seen.returncode == ExitStatus.DONE, seen.stderr
    assert line in seen.stdout.splitlines()


def test_a_recoverer_restores_and_rewrites_and_nobody_else_does(store: Store) -> None:
    login = f"{store.prefix}_login_rescue"
    with store.server.connect() as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN IN ROLE {store.prefix}_recoverer".encode())
    report = checked(store.server, store.source)
    assert [way["by"] for way in ways(report, "restore", login)] == ["restore_events", "slate-recover --method copy"]
    assert "owns table public.events" in [way["by"] for way in ways(report, "rewrite", login)]
    superusers = set(report["superusers"])
    assert {way["role"] for way in report["abilities"]["restore"]} - superusers == {login}


def test_a_database_that_lets_a_role_in_only_after_steps_elsewhere_says_so(store: Store) -> None:
    server, login = store.server, f"{store.prefix}_login_idle"
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN NOINHERIT PASSWORD 'pw'".encode())
        connection.execute(f"GRANT {store.prefix}_owner TO {login}".encode())
        if server.version >= 16:
            connection.execute(f"GRANT {store.prefix}_owner TO {login} WITH INHERIT FALSE".encode())
    (way,) = ways(checked(server, store.source), "listen", login)
    with server.connect(user=login, password="pw") as connection:
        for step in way["elsewhere"]:
            connection.execute(step.encode())
    with server.connect() as superuser:
        try:
            with server.connect(store.source, user=login, password="pw") as connection:
                assert connection.execute("SELECT current_user").fetchone() == (login,)
        finally:
            superuser.execute(f"REVOKE CONNECT ON DATABASE {store.source} FROM {login}".encode())
            superuser.execute(f"DROP ROLE {login}".encode())


@pytest.mark.parametrize("table_type", ["source", "destination"])
def test_without_roles_no_model_is_in_force_and_the_status_is_0(
    server: Server, name: str, table_type: TableType
) -> None:
    create_database(server, name, table_type)
    report = checked(server, name)
    assert (report["kind"], report["roles"], report["differences"]) == (table_type, None, [])
    shown = check(server, name).stdout.splitlines()
    assert shown[-1] == "no model is in force: this database was not made with --roles"


def test_the_originals_database_is_told_as_what_it_is(server: Server, name: str) -> None:
    create_original(server, name)
    login = f"{name}_login"
    with server.connect(name) as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN".encode())
        try:
            connection.execute(f"GRANT SELECT, UPDATE ON id TO {login}".encode())
            connection.execute(f"GRANT INSERT, DELETE ON events TO {login}".encode())
            report = checked(server, name)
            assert (report["kind"], report["code"]) == ("source", "its functions are the original's")
            by = {ability: [way["by"] for way in ways(report, ability, login)] for ability in report["abilities"]}
            assert by["write"] == ["insert_events", "INSERT on public.events"]
            assert by["read"] == by["restore"] == []
            assert by["rewrite"] == ["UPDATE on public.id"]
            # Its trigger does not fire for replicas.
            if server.version >= 15:
                connection.execute(f"GRANT SET ON PARAMETER session_replication_role TO {login}".encode())
                by_then = [way["by"] for way in ways(checked(server, name), "rewrite", login)]
                assert by_then == ["DELETE on public.events, which nothing refuses", "UPDATE on public.id"]
                connection.execute(f"SET SESSION AUTHORIZATION {login}".encode())
                connection.execute("SET session_replication_role = replica")
                connection.execute("DELETE FROM events")
                connection.execute("RESET SESSION AUTHORIZATION")
        finally:
            connection.execute(f"DROP OWNED BY {login}".encode())
            connection.execute(f"DROP ROLE {login}".encode())


def test_a_database_that_is_no_event_store_is_told_as_such(server: Server, name: str) -> None:
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    report = checked(server, name)
    assert (report["kind"], report["roles"], report["differences"]) == ("other", None, [])
    assert report["abilities"]["everything"]


def test_a_check_writes_nothing(store: Store) -> None:
    with store.server.without_autovacuum(), store.server.connect(store.source) as connection:
        before = connection.execute(
            "SELECT pg_current_xact_id_if_assigned(), txid_snapshot_xmax(txid_current_snapshot())"
        )
        first = before.fetchone()
        checked(store.server, store.source)
        after = connection.execute(
            "SELECT pg_current_xact_id_if_assigned(), txid_snapshot_xmax(txid_current_snapshot())"
        )
        assert after.fetchone() == first
