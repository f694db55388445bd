"""Whatever is wrong with the server ends the command with 1, in a sentence of its own, and what may pass is retried."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.embedded import SUPERUSER, Cluster, find_binaries, free_port, system_user
from init_slate_db.core.errors import ExitStatus
from tests import servers
from tests.commands import run, start
from tests.conftest import VERSIONS
from tests.proxy import Proxy, error_response
from tests.servers import Server

DESTINATION = ("-n", "events", "-t", "destination")
SOURCE = ("-n", "events", "-t", "source")
TRYING_AGAIN = "Trying again for up to"


def failure(arguments: Sequence[str], environment: dict[str, str]) -> list[str]:
    """What the command says when it fails as it should: the lines of its error, from the first on."""
    failed = run(arguments, environment)
    assert failed.returncode == ExitStatus.FAILED, failed.stderr
    assert failed.stdout == ""
    assert "Traceback" not in failed.stderr
    lines = failed.stderr.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("error: "))
    return lines[first:]


def begin(arguments: Sequence[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    """Starts the command, and returns when it has told that it tries again."""
    process = start(arguments, environment)
    assert process.stderr
    for line in process.stderr:
        if TRYING_AGAIN in line:
            return process
    raise AssertionError(f"the command ended with {process.wait()}, and did not try again")


def check_it_succeeds(process: "subprocess.Popen[str]", server: Server, name: str = "events") -> None:
    output, errors = process.communicate(timeout=60)
    assert process.returncode == ExitStatus.DONE, errors
    assert output.endswith(f"@127.0.0.1:{server.port}/{name}\n")


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda version: f"pg{version}")
def own(request: pytest.FixtureRequest, server_directory: Path) -> Iterator[Server]:
    """A server for this module alone: few connections, and rules in pg_hba.conf for some users."""
    server = servers.start(
        server_directory / f"{request.param}-faults",
        request.param,
        "max_connections = 8\nsuperuser_reserved_connections = 1\n",
    )
    rules = server.cluster.data / "pg_hba.conf"
    new = "host all trusted 127.0.0.1/32 trust\nhost all rejected 127.0.0.1/32 reject\n"
    rules.write_text(new + rules.read_text(encoding="utf-8"), encoding="utf-8")
    try:
        server.cluster.stop()
        server.cluster.start()
        yield server
    finally:
        server.cluster.stop("immediate")


@pytest.fixture
def free(own: Server) -> Iterator[None]:
    """The name events is free before the test and after it."""
    own.drop("events")
    yield
    own.drop("events")


@contextmanager
def role(server: Server, name: str, attributes: str) -> Iterator[dict[str, str]]:
    """A role, and an environment in which libpq is that role."""
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'pw' {attributes}".encode())
    try:
        yield server.environment(PGUSER=name, PGPASSWORD="pw")
    finally:
        server.drop("events")
        with server.connect() as connection:
            connection.execute(f"DROP ROLE {name}".encode())


# No server, or none yet.


def test_no_server_is_told_after_retries() -> None:
    port = str(free_port())
    failed = run([*DESTINATION, "--connect-timeout", "1000"], {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "me"})
    assert failed.returncode == ExitStatus.FAILED
    assert failed.stderr.splitlines() == [
        f"127.0.0.1:{port}: Connection refused. {TRYING_AGAIN} 1 s.",
        f"error: No PostgreSQL server answers at 127.0.0.1:{port}.",
        "  Connection refused",
        "  Start it, or check the host and the port (where none is given: PGHOST, PGPORT).",
    ]


def test_no_socket_is_no_server(tmp_path: Path) -> None:
    lines = failure([*DESTINATION, "--connect-timeout", "300"], {"PGHOST": str(tmp_path), "PGUSER": "me"})
    assert lines[0] == f"error: No PostgreSQL server answers at socket {tmp_path}, port 5432."


def test_a_server_that_starts_meanwhile_is_reached(own: Server, free: None) -> None:
    own.cluster.stop()
    port = own.port
    process = begin([*DESTINATION, "--connect-timeout", "60000"], own.environment())
    own.cluster.start()
    assert own.port == port
    check_it_succeeds(process, own)


def test_a_server_that_is_starting_up_is_waited_for(server: Server, name: str) -> None:
    starting = error_response("57P03", "the database system is starting up")
    with Proxy(server, lambda number: starting if number <= 3 else None) as proxy:
        process = begin(["-n", name, "-t", "destination"], server.environment(PGPORT=proxy.port))
        output, errors = process.communicate(timeout=60)
        assert process.returncode == ExitStatus.DONE, errors
        assert proxy.connections > 3
        assert output.endswith(f":{proxy.port}/{name}\n")
    assert name in server.databases()


def test_a_server_that_never_gets_up_is_told_in_its_own_words(server: Server) -> None:
    starting = error_response("57P03", "the database system is starting up")
    with Proxy(server, lambda number: starting) as proxy:
        lines = failure([*DESTINATION, "--connect-timeout", "1000"], server.environment(PGPORT=proxy.port))
        assert lines[:2] == [
            f"error: No PostgreSQL server answers at 127.0.0.1:{proxy.port}.",
            "  FATAL:  the database system is starting up",
        ]
        assert proxy.connections > 1


def test_a_server_that_keeps_silent_is_told_within_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        environment = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "me"}
        lines = failure([*DESTINATION, "--connect-timeout", "1000"], environment)
    assert lines[0] == f"error: The server at 127.0.0.1:{port} does not answer in time."
    assert lines[-1] == "  Check host, port and firewall, or wait longer: --connect-timeout."


def test_what_is_no_postgresql_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        def answer() -> None:
            with other.accept()[0] as client:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        environment = {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "me"}
        lines = failure([*DESTINATION, "--connect-timeout", "1000"], environment)
        thread.join()
    assert lines[0] == f"error: The server at 127.0.0.1:{port} refuses the connection."


def test_a_host_without_an_address_is_told_after_retries() -> None:
    failed = run([*DESTINATION, "--host", "nosuch.invalid", "--connect-timeout", "1000"], {"PGUSER": "me"})
    assert failed.returncode == ExitStatus.FAILED
    assert failed.stderr.count(TRYING_AGAIN) == 1
    assert "error: The host of nosuch.invalid:5432 has no address." in failed.stderr
    assert failed.stderr.endswith("  Check its spelling and the name server.\n")


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_a_host_that_can_be_no_host_is_told(host: str) -> None:
    lines = failure([*DESTINATION, "--host", host, "--connect-timeout", "500"], {"PGUSER": "me"})
    assert lines[0] == f"error: The host of {host}:5432 has no address."


# The server refuses us.


def test_a_wrong_password_is_told_and_not_retried(server: Server) -> None:
    before = len(server.cluster.log.read_text(encoding="utf-8"))
    failed = run(DESTINATION, server.environment(PGPASSWORD="wrong"))
    assert failed.returncode == ExitStatus.FAILED
    place = f"127.0.0.1:{server.port}"
    assert failed.stderr.splitlines() == [
        f'error: The server at {place} does not accept the password of user "{SUPERUSER}".',
        f'  FATAL:  password authentication failed for user "{SUPERUSER}"',
        "  Or there is no such user: PostgreSQL answers both alike. Check PGUSER, PGPASSWORD and .pgpass.",
    ]
    log = server.cluster.log.read_text(encoding="utf-8")[before:]
    assert log.count("password authentication failed") == 1


def test_a_missing_password_is_told_and_not_asked_for(server: Server) -> None:
    environment = {key: value for key, value in server.environment().items() if key != "PGPASSWORD"}
    for arguments in (DESTINATION, (*DESTINATION, "--no-input")):
        lines = failure(arguments, environment | {"HOME": os.devnull})
        place = f"127.0.0.1:{server.port}"
        assert lines[0] == f'error: The server at {place} asks for a password of user "{SUPERUSER}", and none is given.'
        assert lines[-1] == "  Put it into .pgpass or PGPASSWORD."


def test_an_unknown_user_is_told_where_the_server_tells(own: Server) -> None:
    lines = failure(DESTINATION, own.environment(PGUSER="trusted"))
    assert lines == [
        f'error: The server at 127.0.0.1:{own.port} knows no user "trusted".',
        '  FATAL:  role "trusted" does not exist',
        "  Name another one: --user or PGUSER.",
    ]


def test_an_unknown_user_under_scram_is_told_as_postgresql_tells_it(server: Server) -> None:
    lines = failure(DESTINATION, server.environment(PGUSER="nobody_here"))
    assert lines[0].endswith('does not accept the password of user "nobody_here".')
    assert "Or there is no such user" in lines[-1]


def test_a_refusal_of_any_other_kind_is_told_in_the_servers_words(own: Server) -> None:
    lines = failure(DESTINATION, own.environment(PGUSER="rejected"))
    assert lines[0] == f"error: The server at 127.0.0.1:{own.port} refuses the connection."
    assert "pg_hba.conf rejects connection" in lines[1]


def test_encryption_that_the_server_lacks_is_told(own: Server) -> None:
    lines = failure(DESTINATION, own.environment(PGSSLMODE="require"))
    assert lines[0] == f"error: The server at 127.0.0.1:{own.port} refuses the connection."
    assert "server does not support SSL, but SSL was required" in lines[1]


@pytest.mark.parametrize("database", ["nosuch", "role", "a timeout", "password authentication failed"])
def test_a_database_of_the_dsn_that_is_missing_is_told(server: Server, database: str) -> None:
    lines = failure([*DESTINATION, "--dsn", f"dbname='{database}'"], server.environment())
    assert lines == [
        f"error: The server at 127.0.0.1:{server.port} has no such database.",
        f'  FATAL:  database "{database}" does not exist',
        "  Name another one in the DSN.",
    ]


def test_without_a_database_postgres_template1_will_do(own: Server, free: None) -> None:
    with own.connect("template1") as connection:
        connection.execute("ALTER DATABASE postgres RENAME TO other")
    try:
        created = run(DESTINATION, own.environment())
    finally:
        with own.connect("template1") as connection:
            connection.execute("ALTER DATABASE other RENAME TO postgres")
    assert created.returncode == ExitStatus.DONE, created.stderr
    assert "events" in own.databases()


# The server cannot do it.


def test_no_right_to_create_databases_is_told(server: Server, name: str) -> None:
    before = server.databases()
    with role(server, f"{name}_role", "NOCREATEDB") as environment:
        lines = failure(["-n", name, "-t", "destination"], environment)
    assert lines == [
        f'error: Role "{name}_role" may not create databases.',
        f'  Use another role, or have a superuser run: ALTER ROLE "{name}_role" CREATEDB',
    ]
    assert server.databases() == before


def test_a_server_that_is_too_old_is_told(server: Server) -> None:
    ours = f"server_version\0{server.version}.".encode()
    with Proxy(server, rewrite=lambda data: data.replace(ours, b"server_version\x0013.")) as proxy:
        lines = failure(SOURCE, server.environment(PGPORT=proxy.port))
    assert lines[0].startswith("error: The server is PostgreSQL 13.")
    assert lines[0].endswith("; 14 is the oldest that will do.")
    assert lines[-1] == "  Upgrade it, or name another server."
    assert "events" not in server.databases()


def test_the_proxy_alone_stands_in_no_ones_way(server: Server, name: str) -> None:
    with Proxy(server) as proxy:
        created = run(["-n", name, "-t", "source"], server.environment(PGPORT=proxy.port))
    assert created.returncode == ExitStatus.DONE, created.stderr


def test_a_role_that_only_reads_is_told(server: Server, name: str) -> None:
    with role(server, f"{name}_role", "SUPERUSER") as environment:
        with server.connect() as connection:
            connection.execute(f"ALTER ROLE {name}_role SET default_transaction_read_only = on".encode())
        lines = failure(["-n", name, "-t", "source"], environment)
    assert lines == [
        "error: The server is read-only.",
        "  default_transaction_read_only is on.",
        "  Name the primary, or make it writable.",
    ]


@pytest.fixture
def standby(own: Server, server_directory: Path) -> Iterator[Server]:
    """A standby that follows the module's own server."""
    directory = server_directory / f"{own.version}-standby"
    directory.mkdir()
    user = system_user()
    if user:
        os.chown(directory, user.pw_uid, user.pw_gid)
    cluster = Cluster(directory, own.cluster.installed_binaries)
    conninfo = f"host=127.0.0.1 port={own.port} user={SUPERUSER} password='{own.password}'"
    copied = cluster._run(
        cluster.binaries / "pg_basebackup", "-d", conninfo, "-D", str(cluster.data), "-R", "-c", "fast"
    )
    assert copied.returncode == 0, copied.stderr
    shutil.copy(own.cluster.pgpass, cluster.pgpass)
    (directory / "port").write_text(f"{free_port()}\n", encoding="utf-8")
    try:
        cluster.start()
        yield Server(own.version, cluster)
    finally:
        cluster.stop("immediate")
        shutil.rmtree(directory)


def test_a_standby_is_told_by_itself_or_among_several_hosts(own: Server, standby: Server) -> None:
    assert failure(SOURCE, standby.environment()) == [
        "error: The server is read-only.",
        "  It is a standby, which follows another server.",
        "  Name the primary, or make it writable.",
    ]
    port = standby.port
    lines = failure(SOURCE, standby.environment(PGHOST="127.0.0.1,127.0.0.1", PGPORT=f"{port},{port}"))
    assert lines[0] == f"error: None of the servers at 127.0.0.1,127.0.0.1:{port},{port} can be written to."
    assert lines[-1] == "  Name the primary, not a standby."
    # The standby stands first, and the primary is found behind it.
    environment = standby.environment(PGHOST="127.0.0.1,127.0.0.1", PGPORT=f"{port},{own.port}")
    checked = run([*SOURCE, "--check"], environment)
    assert checked.returncode == ExitStatus.DONE, checked.stdout + checked.stderr


def test_a_server_without_dblink_is_told_with_debians_package(server_directory: Path) -> None:
    directory = server_directory / "no-dblink"
    installed = find_binaries().parent
    package = installed.parent
    copy = directory / package.name / installed.name
    shutil.copytree(installed, copy, copy_function=link_or_copy)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, directory / libraries.name, copy_function=link_or_copy)
    (control,) = copy.rglob("dblink.control")
    control.unlink()
    cluster = Cluster(directory / "cluster", copy / "bin")
    cluster.ensure_running(servers.SETTINGS)
    server = Server(18, cluster)
    try:
        assert failure(SOURCE, server.environment()) == [
            "error: The extension dblink, which restore_events needs, is not installed on the server.",
            "  Install PostgreSQL's contrib package there. On Debian: apt install postgresql-contrib"
            " (for 18: postgresql-18)",
        ]
        assert "events" not in server.databases()
        # A destination needs no dblink.
        created = run(DESTINATION, server.environment())
        assert created.returncode == ExitStatus.DONE, created.stderr
    finally:
        cluster.stop("immediate")


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


# No connection left.


@pytest.fixture
def crowd(own: Server) -> Iterator[ExitStack]:
    """As many connections as the server has. Closed by the test, or after it."""
    with ExitStack() as stack:
        while True:
            try:
                connection = own.connect()
            except psycopg.OperationalError as error:
                assert "too many clients" in str(error)
                break
            stack.callback(connection.close)
        yield stack


def test_no_connection_left_is_told_after_retries(own: Server, crowd: ExitStack) -> None:
    failed = run([*DESTINATION, "--connect-timeout", "1000"], own.environment())
    assert failed.returncode == ExitStatus.FAILED
    assert failed.stderr.splitlines() == [
        f"127.0.0.1:{own.port}: FATAL:  sorry, too many clients already. {TRYING_AGAIN} 1 s.",
        f"error: The server at 127.0.0.1:{own.port} has no connection left.",
        "  FATAL:  sorry, too many clients already",
        "  Close some, raise max_connections, or wait longer: --connect-timeout.",
    ]


def test_a_connection_that_becomes_free_is_taken(own: Server, crowd: ExitStack) -> None:
    process = begin([*DESTINATION, "--connect-timeout", "60000"], own.environment())
    crowd.close()
    check_it_succeeds(process, own)
    own.drop("events")


def test_the_last_connections_are_kept_for_superusers_and_that_is_told(own: Server) -> None:
    with role(own, "ordinary", "CREATEDB") as environment, ExitStack() as stack:
        while True:
            try:
                connection = own.connect(user="ordinary", password="pw")
            except psycopg.OperationalError:
                break
            stack.callback(connection.close)
        lines = failure([*DESTINATION, "--connect-timeout", "500"], environment)
    assert lines[0] == f"error: The server at 127.0.0.1:{own.port} has no connection left."
    assert "remaining connection slots are reserved" in lines[1]


def test_a_role_at_its_limit_is_told_and_nothing_is_left(server: Server, name: str) -> None:
    # One connection is enough to look and to create, not to fill.
    before = server.databases()
    with role(server, f"{name}_role", "CREATEDB CONNECTION LIMIT 1") as environment:
        lines = failure(["-n", name, "-t", "destination", "--connect-timeout", "1000"], environment)
        assert lines[0] == f"error: The server at 127.0.0.1:{server.port} has no connection left."
        assert f'too many connections for role "{name}_role"' in lines[1]
        assert server.databases() == before


def test_a_role_below_its_limit_again_succeeds(server: Server, name: str) -> None:
    with role(server, f"{name}_role", "CREATEDB CONNECTION LIMIT 2") as environment:
        with server.connect(user=f"{name}_role", password="pw"):
            process = begin(["-n", name, "-t", "destination", "--connect-timeout", "60000"], environment)
        check_it_succeeds(process, server, name)
        server.drop(name)


def test_a_taken_name_is_told_before_anything_else_is_done(server: Server, name: str) -> None:
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    before = len(server.cluster.log.read_text(encoding="utf-8"))
    lines = failure(["-n", name, "-t", "source"], server.environment())
    assert lines[0] == f'error: Database "{name}" exists already.'
    log = server.cluster.log.read_text(encoding="utf-8")
    assert "CREATE DATABASE" not in log[before:]


def test_two_verbose_shows_the_traceback_that_is_not_shown_else() -> None:
    environment = {"PGHOST": "127.0.0.1", "PGPORT": str(free_port()), "PGUSER": "me"}
    failed = run([*DESTINATION, "--connect-timeout", "200", "-vv"], environment)
    assert failed.returncode == ExitStatus.FAILED
    assert "Traceback (most recent call last):" in failed.stderr
