"""The command creates a database completely: by every way to name the server, on every kind of cluster."""

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from init_slate_db.core.creation.plan import WORKING_NAME
from init_slate_db.core.creation.survey import lock_key
from init_slate_db.core.embedded import SUPERUSER, Cluster, free_port
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.sql_files import TableType
from tests import servers, slate
from tests.commands import run
from tests.conftest import VERSIONS
from tests.servers import Server

# Every object that we or an extension of ours could have put there, by kind and name.
ESSENTIALS = """
SELECT 'relation', c.relkind::text, c.oid::regclass::text FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'slate')
UNION ALL SELECT 'routine', p.prokind::text, p.oid::regprocedure::text FROM pg_proc AS p
  JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'slate')
UNION ALL SELECT 'trigger', t.tgenabled::text, pg_get_triggerdef(t.oid) FROM pg_trigger AS t WHERE NOT t.tgisinternal
UNION ALL SELECT 'schema', '', n.nspname::text FROM pg_namespace AS n WHERE n.nspname !~ '^pg_'
UNION ALL SELECT 'extension', '', e.extname::text FROM pg_extension AS e
"""


def essentials(server: Server, database: str) -> set[Any]:
    with server.connect(database) as connection:
        return set(connection.execute(ESSENTIALS))


def default_dsn(server: Server, name: str, user: str = SUPERUSER) -> str:
    return f"postgresql://{user}@127.0.0.1:{server.port}/{name}"


def check_created(server: Server, name: str, arguments: list[str], environment: dict[str, str]) -> None:
    """Runs the command for a destination, and checks that it is there."""
    created = run(["-n", name, "-t", "destination", *arguments], environment)
    assert created.returncode == ExitStatus.DONE, created.stderr
    assert created.stdout == f"{default_dsn(server, name)}\n"
    with server.connect(name) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


@contextmanager
def role_with(server: Server, role: str, attributes: str) -> Iterator[dict[str, str]]:
    """A role, and an environment in which libpq is that role; the databases that it owns end with it."""
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw' {attributes}".encode())
        try:
            yield server.environment(PGUSER=role, PGPASSWORD="pw")
        finally:
            owned = connection.execute("SELECT datname FROM pg_database WHERE datdba = %s::regrole", (role,))
            for (database,) in owned.fetchall():
                server.drop(database)
            connection.execute(f"DROP ROLE {role}".encode())


@pytest.mark.parametrize("table_type", ["source", "destination"])
def test_what_is_created_is_what_the_sql_files_say(server: Server, name: str, table_type: TableType) -> None:
    created = run(["-n", name, "-t", table_type], server.environment())
    assert created.returncode == ExitStatus.DONE, created.stderr
    model = f"{name}_model"
    slate.create_database(server, model, table_type)
    try:
        found = essentials(server, name)
        assert found == essentials(server, model)
        assert ("relation", "r", "events") in found
    finally:
        server.drop(model)


def test_standard_output_is_the_dsn_without_a_password_and_it_leads_there(server: Server, name: str) -> None:
    created = run(["-n", name, "-t", "source"], server.environment())
    assert created.stdout == f"{default_dsn(server, name)}\n"
    assert created.stderr.splitlines()[-1] == f'Created source database "{name}".'
    with psycopg.connect(created.stdout.strip(), password=server.password) as connection:
        assert connection.execute("SELECT insert_events($$($1[1], $2, '{}')$$)").fetchone() == (1,)


def test_quiet_leaves_the_dsn_alone(server: Server, name: str) -> None:
    created = run(["-n", name, "-t", "destination", "-q"], server.environment())
    assert created.returncode == ExitStatus.DONE
    assert created.stdout == f"{default_dsn(server, name)}\n"
    assert created.stderr == ""


def test_verbose_tells_every_step(server: Server, name: str) -> None:
    created = run(["-n", name, "-t", "destination", "-v"], server.environment())
    plan = run(["-n", name, "-t", "destination", "--dry-run"], {}).stdout.splitlines()
    steps = [line[6:] for line in plan[plan.index("Plan") + 1 : -1]]
    assert [line for line in created.stderr.splitlines() if line in steps] == steps


def test_a_name_is_kept_with_its_upper_case(server: Server, name: str) -> None:
    upper = f"{name}_Events_AB"
    try:
        check_created(server, upper, [], server.environment())
        assert upper in server.databases()
        assert upper.lower() not in server.databases()
    finally:
        server.drop(upper)


def test_a_name_of_63_bytes_is_kept_whole(server: Server, name: str) -> None:
    longest = name.ljust(63, "x")
    try:
        check_created(server, longest, [], server.environment())
        assert longest in server.databases()
    finally:
        server.drop(longest)


def test_the_database_is_utf8_of_the_clusters_locale(server: Server, name: str) -> None:
    check_created(server, name, [], server.environment())
    locale = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = %s"
    with server.connect() as connection:
        ours = connection.execute(locale, (name,)).fetchone()
        assert ours == connection.execute(locale, ("template0",)).fetchone()
        assert ours and ours[0] == "UTF8"


def test_a_role_that_may_create_databases_creates_a_destination(server: Server, name: str) -> None:
    role = f"{name}_role"
    with role_with(server, role, "CREATEDB") as environment:
        created = run(["-n", name, "-t", "destination"], environment)
        assert created.returncode == ExitStatus.DONE, created.stderr
        assert created.stdout == f"{default_dsn(server, name, role)}\n"
        with server.connect(name, user=role, password="pw") as connection:
            connection.execute("INSERT INTO events (id, ts, event) VALUES (1, now(), '{}')")


def test_a_source_is_refused_to_a_role_that_may_not_create_dblink(server: Server, name: str) -> None:
    before = server.databases()
    role = f"{name}_role"
    with role_with(server, role, "CREATEDB") as environment:
        refused = run(["-n", name, "-t", "source"], environment)
    assert refused.returncode == ExitStatus.FAILED
    assert refused.stdout == ""
    assert refused.stderr.splitlines() == [
        f'error: Role "{role}" may not create the extension dblink, which restore_events needs.',
        "  PostgreSQL lets a superuser alone create it.",
        "  Use a superuser for a source database. A destination needs none.",
    ]
    assert server.databases() == before


@pytest.mark.parametrize("form", ["uri", "key=value"])
def test_a_dsn_names_the_server(server: Server, name: str, form: str) -> None:
    dsn = {
        "uri": f"postgresql://{SUPERUSER}:{quote(server.password)}@127.0.0.1:{server.port}/template1",
        "key=value": f"host=127.0.0.1 port={server.port} user={SUPERUSER} password='{server.password}' dbname=postgres",
    }[form]
    check_created(server, name, ["--dsn", dsn], bare(server))


def test_single_options_override_the_dsn(server: Server, name: str) -> None:
    dsn = f"host=nosuch.invalid port=1 user=nobody password='{server.password}'"
    arguments = ["--dsn", dsn, "--host", "127.0.0.1", "--port", str(server.port), "--user", SUPERUSER]
    check_created(server, name, arguments, bare(server))


def test_options_name_the_server(server: Server, name: str) -> None:
    arguments = ["--host", "127.0.0.1", "--port", str(server.port), "--user", SUPERUSER, "--password", server.password]
    check_created(server, name, arguments, bare(server))


def test_a_service_file_names_the_server(server: Server, name: str, tmp_path: Path) -> None:
    services = tmp_path / "services.conf"
    services.write_text(
        f"[primary]\nhost=127.0.0.1\nport={server.port}\nuser={SUPERUSER}\npassword={server.password}\n",
        encoding="utf-8",
    )
    check_created(server, name, ["--dsn", "service=primary"], bare(server) | {"PGSERVICEFILE": str(services)})


def test_a_pgpass_in_the_home_folder_has_the_password(server: Server, name: str, tmp_path: Path) -> None:
    pgpass = tmp_path / ".pgpass"
    pgpass.write_text(f"127.0.0.1:{server.port}:*:{SUPERUSER}:{server.password}\n", encoding="utf-8")
    pgpass.chmod(0o600)
    environment = {key: value for key, value in server.environment().items() if key != "PGPASSWORD"}
    check_created(server, name, [], environment | {"HOME": str(tmp_path)})


def test_of_several_hosts_a_dead_first_one_is_passed_over(server: Server, name: str) -> None:
    dsn = f"postgresql://{SUPERUSER}@127.0.0.1:{free_port()},127.0.0.1:{server.port}/postgres"
    check_created(server, name, ["--dsn", dsn], bare(server) | {"PGPASSWORD": server.password})


def test_of_several_hosts_the_writable_one_is_taken(
    server: Server, name: str, clusters: dict[tuple[int, str], Server]
) -> None:
    other = clusters[server.version, "backup"]
    with other.connect() as connection:
        connection.execute("CREATE ROLE failover SUPERUSER LOGIN PASSWORD 'pw'")
        connection.execute("ALTER ROLE failover SET default_transaction_read_only = on")
    try:
        with role_with(server, "failover", "SUPERUSER"):
            dsn = f"host=127.0.0.1,127.0.0.1 port={other.port},{server.port} user=failover password=pw"
            created = run(["-n", name, "-t", "source", "--dsn", dsn], bare(server))
            assert created.returncode == ExitStatus.DONE, created.stderr
            assert created.stdout == f"{default_dsn(server, name, 'failover')}\n"
            assert name in server.databases()
            assert name not in other.databases()
    finally:
        with other.connect() as connection:
            connection.execute("DROP ROLE failover")


def test_a_socket_folder_names_the_server(server_directory: Path) -> None:
    directory = server_directory / "by-socket"
    server = servers.start(directory, VERSIONS[-1], f"unix_socket_directories = '{directory}'\n")
    try:
        created = run(["-n", "events", "-t", "source"], server.environment(PGHOST=str(directory)))
        assert created.returncode == ExitStatus.DONE, created.stderr
        folder = quote(str(directory), safe="")
        assert created.stdout == f"postgresql://{SUPERUSER}@{folder}:{server.port}/events\n"
        with psycopg.connect(created.stdout.strip(), password=server.password) as connection:
            assert connection.execute("SELECT count(*) FROM id").fetchone() == (1,)
    finally:
        server.cluster.stop("immediate")


@dataclass(frozen=True)
class ForeignCluster(Cluster):
    """A cluster made with initdb's options as given, and with locales of its own where locales names a folder."""

    initdb_options: tuple[str, ...] = ()
    locales: Path | None = None

    def _run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        words = list(command)
        if Path(words[0]).name == "initdb":
            words[words.index("-E") :] = self.initdb_options
        if self.locales:
            words[:0] = ["env", f"LOCPATH={self.locales}"]
        return super()._run(*words)


def latin1_locale(directory: Path) -> Path | None:
    """A folder with a locale de_DE of encoding LATIN1, or None on a machine that cannot make one."""
    directory.mkdir()
    if shutil.which("localedef") is None:
        return None
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(directory / "de_DE")], capture_output=True, check=False
    )
    return directory if made.returncode == 0 else None


@pytest.fixture(params=itertools.product(VERSIONS, ["SQL_ASCII", "LATIN1"]), ids=lambda kind: f"pg{kind[0]}-{kind[1]}")
def foreign(request: pytest.FixtureRequest, server_directory: Path) -> Iterator[tuple[Server, str]]:
    """A server of each version whose default is not UTF8, and its encoding."""
    version, encoding = request.param
    locales = latin1_locale(server_directory / f"{version}-locales") if encoding == "LATIN1" else None
    options = ("-E", encoding, "--locale", "de_DE" if locales else "C")
    cluster = ForeignCluster(server_directory / f"{version}-{encoding}", servers.binaries()[version], options, locales)
    cluster.ensure_running(servers.SETTINGS)
    try:
        yield Server(version, cluster), encoding
    finally:
        cluster.stop("immediate")


def test_on_a_cluster_of_another_encoding_all_is_as_on_utf8(foreign: tuple[Server, str]) -> None:
    server, encoding = foreign
    with server.connect("template1") as connection:
        assert connection.info.parameter_status("server_encoding") == encoding
        leftover = f"{WORKING_NAME}{'2' * 16}"
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(leftover)))
    # Also with a client whose own encoding is another one.
    for table_type, changes in (("source", {}), ("destination", {"PGCLIENTENCODING": "LATIN1"})):
        created = run(["-n", table_type, "-t", table_type], server.environment(**changes))
        assert created.returncode == ExitStatus.DONE, created.stderr
        assert created.stdout == f"{default_dsn(server, table_type)}\n"
        check_text_is_validated(server, table_type)
    refused = run(["-n", "source", "-t", "source"], server.environment())
    assert 'error: Database "source" exists already.' in refused.stderr
    with server.connect(client_encoding="UTF8") as connection:
        names = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
    assert names == {"postgres", "template0", "template1", "source", "destination"}


def check_text_is_validated(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        assert connection.info.parameter_status("server_encoding") == "UTF8"
        connection.execute("INSERT INTO events (id, ts, event) VALUES (1, now(), %s)", ('{"a": "ß€語"}',))
        assert connection.execute("SELECT event->>'a' FROM events").fetchone() == ("ß€語",)
        # Bytes that are no UTF-8, past every check of the client.
        with pytest.raises(psycopg.errors.CharacterNotInRepertoire):
            connection.execute(rb"SELECT E'\xff\xfe'")


def test_what_template1_holds_does_not_come_along(server: Server, name: str) -> None:
    with server.connect("template1") as template:
        template.execute("CREATE TABLE events (other text)")
        template.execute("CREATE FUNCTION insert_events(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    try:
        created = run(["-n", name, "-t", "source"], server.environment())
    finally:
        with server.connect("template1") as template:
            template.execute("DROP TABLE events")
            template.execute("DROP FUNCTION insert_events(integer)")
    assert created.returncode == ExitStatus.DONE, created.stderr
    with server.connect(name) as connection:
        routines = connection.execute("SELECT oid::regprocedure::text FROM pg_proc WHERE proname = 'insert_events'")
        assert routines.fetchall() == [("insert_events(text)",)]


def test_a_taken_name_is_refused_and_its_database_untouched(server: Server, name: str) -> None:
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with server.connect(name) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 42 AS answer")
    before = server.databases()
    refused = run(["-n", name, "-t", "source"], server.environment())
    assert refused.returncode == ExitStatus.FAILED
    assert refused.stdout == ""
    assert refused.stderr.splitlines() == [
        f'error: Database "{name}" exists already.',
        "  An existing database is never touched.",
        "  Choose another name, or rename or drop that one yourself.",
    ]
    assert server.databases() == before
    with server.connect(name) as connection:
        assert connection.execute("SELECT answer FROM mine").fetchone() == (42,)
        assert connection.execute("SELECT to_regclass('events')").fetchone() == (None,)


def test_a_name_of_databases_that_are_not_complete_is_refused(server: Server) -> None:
    before = server.databases()
    refused = run(["-n", "slate_unfinished_0123456789abcdef", "-t", "destination"], server.environment())
    assert refused.returncode == ExitStatus.REFUSED
    assert refused.stderr.splitlines() == [
        'error: The name "slate_unfinished_0123456789abcdef" is reserved.',
        "  Databases that are not complete yet are called so, and the next run drops them.",
        "  Choose another name.",
    ]
    assert server.databases() == before


def psql(server: Server, script: str, database: str = "postgres") -> "subprocess.CompletedProcess[str]":
    """Runs a script with the psql of the server's version, as the script's head says."""
    return subprocess.run(
        [str(server.cluster.installed_binaries / "psql"), "-X", "-q", "-f", "-", database],
        env=server.environment(),
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("table_type", ["source", "destination"])
def test_the_script_gives_the_same_database(server: Server, name: str, table_type: TableType) -> None:
    before = server.databases()
    printed = run(["-n", name, "-t", table_type, "--sql"], {})
    assert printed.returncode == ExitStatus.DONE
    ran = psql(server, printed.stdout)
    assert ran.returncode == 0, ran.stderr
    assert server.databases() == before | {name}
    model = f"{name}_model"
    try:
        assert run(["-n", model, "-t", table_type], server.environment()).returncode == ExitStatus.DONE
        assert essentials(server, name) == essentials(server, model)
    finally:
        server.drop(model)


def test_a_script_that_an_error_stops_leaves_the_name_free_and_can_run_again(server: Server, name: str) -> None:
    before = server.databases()
    script = run(["-n", name, "-t", "source", "--sql"], {}).stdout
    stopped = psql(server, script.replace("\nCOMMIT;", "\nSELECT 1 / 0;\nCOMMIT;"))
    assert stopped.returncode == 3
    assert "division by zero" in stopped.stderr
    assert name not in server.databases()
    again = psql(server, script)
    assert again.returncode == 0, again.stderr
    assert server.databases() == before | {name}


def test_a_script_for_a_taken_name_leaves_that_database_alone(server: Server, name: str) -> None:
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    stopped = psql(server, run(["-n", name, "-t", "source", "--sql"], {}).stdout)
    assert stopped.returncode == 3
    assert f'database "{name}" already exists' in stopped.stderr
    with server.connect(name) as connection:
        assert connection.execute("SELECT to_regclass('events')").fetchone() == (None,)
    # What the script left is what any later run drops.
    check_created(server, f"{name}_next", [], server.environment())
    server.drop(f"{name}_next")
    assert not [database for database in server.databases() if database.startswith(WORKING_NAME)]


def test_what_a_dead_run_left_is_dropped_and_told(server: Server, name: str) -> None:
    before = server.databases()
    leftover = f"{WORKING_NAME}{'0123456789abcdef'}"
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(leftover)))
    created = run(["-n", name, "-t", "destination"], server.environment())
    assert created.returncode == ExitStatus.DONE
    assert f"Dropped {leftover}, which an interrupted run had left." in created.stderr
    assert server.databases() == before | {name}


@pytest.mark.parametrize("number", ["ffffffffffffffff", "0000000000000001", "8000000000000000", "7fffffffffffffff"])
def test_what_a_living_run_holds_is_not_dropped(server: Server, name: str, number: str) -> None:
    held = WORKING_NAME + number
    with server.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (lock_key(held),))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(held)))
        try:
            check_created(server, name, [], server.environment())
            assert held in server.databases()
        finally:
            server.drop(held)


@pytest.mark.parametrize("other", ["slate_unfinished_", "slate_unfinished_0123456789abcde", "slate_unfinished_mine"])
def test_a_database_of_a_similar_name_is_not_dropped(server: Server, name: str, other: str) -> None:
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(other)))
    try:
        check_created(server, name, [], server.environment())
        assert other in server.databases()
    finally:
        server.drop(other)


def test_what_another_role_left_stays(server: Server, name: str) -> None:
    leftover = f"{WORKING_NAME}{'0' * 16}"
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(leftover)))
    try:
        with role_with(server, f"{name}_role", "CREATEDB") as environment:
            created = run(["-n", name, "-t", "destination"], environment)
            assert created.returncode == ExitStatus.DONE, created.stderr
            assert leftover not in created.stderr
        assert leftover in server.databases()
    finally:
        server.drop(leftover)


def test_a_leftover_in_use_is_told_of_and_stands_in_no_ones_way(clusters: dict[tuple[int, str], Server]) -> None:
    # On one version: the run waits ten seconds for the session to end.
    server = clusters[VERSIONS[-1], "source"]
    leftover = f"{WORKING_NAME}{'1' * 16}"
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(leftover)))
    try:
        with server.connect(leftover):
            created = run(["-n", "events", "-t", "destination"], server.environment())
        assert created.returncode == ExitStatus.DONE, created.stderr
        assert f"warning: {leftover}, which an interrupted run has left, stays: " in created.stderr
        assert {"events", leftover} <= server.databases()
    finally:
        server.drop(leftover)
        server.drop("events")


def bare(server: Server) -> dict[str, str]:
    """An environment that says nothing of any server."""
    return {key: value for key, value in server.environment().items() if not key.startswith("PG")}
