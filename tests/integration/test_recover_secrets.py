"""The passwords of both sides, given in whichever way, are used as they are and shown nowhere."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import sql

from init_slate_db.core.errors import ExitStatus
from tests.recovery import ONE_DIRECTION, Site, address, open_site, run
from tests.servers import Server

# What no output may hold. The password has it within, between characters that something or other may trip over.
SECRET = "s3cr3t"
PASSWORD = f"""  it's a "{SECRET}" \\ 50%40 @host:1/x?a=b&c=d $1 {{}} """
WAYS = ("conninfo", "--from-password", "PGPASSWORD", "pgpass")

pytestmark = ONE_DIRECTION


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup of a hundred events, of the test's own."""
    with open_site(server, backup_server, name, tmp_path) as site:
        yield site


@pytest.fixture
def role(site: Site) -> Iterator[str]:
    """A superuser of both servers with the password, of which the servers were given verifiers alone."""
    role = f"{site.name}_role"
    for server in (site.server, site.backup_server):
        with server.connect() as connection:
            verifier = connection.pgconn.encrypt_password(PASSWORD.encode(), role.encode(), b"scram-sha-256").decode()
            create = sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}")
            connection.execute(create.format(sql.Identifier(role), sql.Literal(verifier)))
    yield role
    for server, database in ((site.server, site.name), (site.backup_server, site.backup)):
        server.drop(database)
        with server.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def give(way: str, site: Site, role: str) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment that hold the password, in one of the ways."""
    environment = site.server.environment(PGUSER=role, PGPASSWORD=PASSWORD, HOME=str(site.folder))
    plain = f"127.0.0.1:{site.backup_server.port}"
    if way == "conninfo":
        return ["--from", address(site.backup_server, site.backup, user=role, password=PASSWORD)], environment
    named = ["--from", plain, "--from-database", site.backup]
    if way == "--from-password":
        return [*named, "--from-user", role, f"--from-password={PASSWORD}", f"--password={PASSWORD}"], environment
    if way == "pgpass":
        del environment["PGPASSWORD"]
        pgpass = site.folder / ".pgpass"
        escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        pgpass.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
        pgpass.chmod(0o600)
    return named, environment


@contextmanager
def watched(*servers: Server) -> Iterator[list[str]]:
    """Collects whatever pg_stat_activity shows meanwhile."""
    seen: list[str] = []
    done = threading.Event()

    def watch(server: Server) -> None:
        with server.connect() as connection:
            while not done.wait(0.002):
                query = "SELECT a::text FROM pg_stat_activity AS a WHERE a.pid <> pg_backend_pid()"
                seen.extend(row for (row,) in connection.execute(query))

    threads = [threading.Thread(target=watch, args=(server,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("way", WAYS)
def test_a_password_is_used_and_shown_nowhere(site: Site, role: str, way: str, log_format: str) -> None:
    arguments, environment = give(way, site, role)
    report = site.folder / ("report.json" if log_format == "json" else "report.html")
    logs = [(server.cluster.log, server.cluster.log.stat().st_size) for server in (site.server, site.backup_server)]
    more = ["-d", site.name, "--create", "--yes", "-vv", "--log-format", log_format, "--report", str(report)]
    with watched(site.server, site.backup_server) as seen:
        ended = run([*arguments, *more], environment)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert site.same_events()
    assert any("slate-recover" in session for session in seen)
    assert not [session for session in seen if SECRET in session]
    assert SECRET not in ended.stdout + ended.stderr
    assert SECRET not in report.read_text(encoding="utf-8")
    for log, size in logs:
        with log.open(encoding="utf-8") as file:
            file.seek(size)
            logged = file.read()
        assert role in logged
        assert SECRET not in logged


@pytest.mark.parametrize("method", ["copy", "promote"])
def test_the_other_methods_show_it_nowhere_either(site: Site, role: str, method: str) -> None:
    arguments, environment = give("conninfo", site, role)
    more = [] if method == "promote" else ["--create"]
    logs = [(server.cluster.log, server.cluster.log.stat().st_size) for server in (site.server, site.backup_server)]
    ended = run([*arguments, "-d", site.name, "--yes", "-vv", "--method", method, *more], environment)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    for log, size in logs:
        with log.open(encoding="utf-8") as file:
            file.seek(size)
            assert SECRET not in file.read()


def test_no_error_shows_it_not_even_with_a_traceback(site: Site, role: str) -> None:
    site.make_source()
    wrong = PASSWORD + "!"
    good = address(site.backup_server, site.backup, user=role, password=PASSWORD)
    ends: dict[str, list[str]] = {
        "does not accept the password": [
            "--from", address(site.backup_server, site.backup, user=role, password=wrong)
        ],
        "The source's server does not reach the backup": ["--from", good, "--from-server-host", "127.0.0.1:1"],
        "is neither a postgresql:// URI nor a key=value string": ["--from", f"password={wrong}"],
        "The options are wrong": ["--from", good, "--method", "none"],
    }  # fmt: skip
    for sentence, arguments in ends.items():
        failed = run([*arguments, "-d", site.name, "--yes", "-vv"], site.server.environment())
        assert sentence in failed.stderr
        assert SECRET not in failed.stdout + failed.stderr
