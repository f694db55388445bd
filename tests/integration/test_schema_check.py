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
