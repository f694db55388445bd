"""Through a pooler that shares sessions nothing is done, since its other clients would have what is set in them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from init_slate_db.core.embedded import free_port, system_user
from init_slate_db.core.errors import ExitStatus
from tests import commands, shells
from tests.recovery import make_backup
from tests.servers import Server, wait_for
from tests.slate import create_database

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
if not PGBOUNCER and os.environ.get("CI") != "true":
    pytest.skip("pgbouncer is not installed", allow_module_level=True)

# A client of the pooler, as libpq has it; the pooler lets everybody in.
CLIENT = {"host": "127.0.0.1", "user": "client", "password": "any"}
SETTINGS = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name' ORDER BY 1"


@contextmanager
def pooler(server: Server, database: str, folder: Path, mode: str) -> Iterator[dict[str, Any]]:
    """A pooler with one session in the database. Gives the parameters of a client."""
    assert PGBOUNCER
    port, file, log = free_port(), folder / f"{mode}.ini", folder / f"{mode}.log"
    log.touch()
    file.touch(mode=0o600)
    file.write_text(
        f"[databases]\n{database} = {make_conninfo(**server.parameters(database))}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {mode}\ndefault_pool_size = 1\nlogfile = {log}\n"
    )
    user = system_user()
    if user:
        for path in (file, log):
            os.chown(path, user.pw_uid, user.pw_gid)
    process = subprocess.Popen(
        [PGBOUNCER, "-q", file],
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    client = CLIENT | {"port": port, "dbname": database}
    try:
        wait_for(lambda: answers(client), "the pooler")
        yield client
    finally:
        process.terminate()
        process.wait()


def answers(client: dict[str, Any]) -> bool:
    try:
        psycopg.connect(**client).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """A backup of three events."""
    make_backup(server, "pooled", 3)
    yield "pooled"
    server.drop("pooled")


@pytest.fixture
def folder(server_directory: Path, name: str) -> Path:
    """One that the pooler's user gets into."""
    made = server_directory / name
    made.mkdir(mode=0o755, exist_ok=True)
    return made


def run(server: Server, module: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return commands.run(arguments, server.environment(**environment), (sys.executable, "-m", module))


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("init_slate_db", "-n new -t source --check --dsn {}"),
        ("recovery", "--from {} --dry-run --dsn {}"),
        ("recovery.diff", "{} {}"),
        ("replication", "status {}"),
        ("replication", "follow {} {} --once"),
        ("versioning", "history --dsn {}"),
        ("versioning", "check --dsn {}"),
    ],
)
def test_every_command_names_the_server_itself_and_leaves_the_session_as_it_was(
    server: Server, database: str, folder: Path, module: str, arguments: str
) -> None:
    with pooler(server, database, folder, "transaction") as client:
        ended = run(server, module, *(word.replace("{}", make_conninfo(**client)) for word in arguments.split()))
        assert ended.returncode == ExitStatus.REFUSED, ended.stderr
        assert f"127.0.0.1:{client['port']} is a pooler" in ended.stderr
        assert f"Name the server itself, 127.0.0.1:{server.port}." in ended.stderr
        with psycopg.connect(**client) as connection:
            assert connection.execute(SETTINGS).fetchall() == []


def test_completion_offers_nothing_there(server: Server, database: str, folder: Path, tmp_path: Path) -> None:
    def offered(port: object) -> list[str]:
        environment = server.environment(PATH=shells.PATH, PGPORT=str(port), PGDATABASE=database)
        return shells.offers("bash", f"slate-schema check -d {database[:-1]}", tmp_path, environment)

    with pooler(server, database, folder, "transaction") as client:
        assert (offered(server.port), offered(client["port"])) == ([database], [])
        with psycopg.connect(**client) as connection:
            assert connection.execute(SETTINGS).fetchall() == []


def test_clients_append_and_read_through_it(server: Server, name: str, folder: Path) -> None:
    create_database(server, name, "source")
    with pooler(server, name, folder, "transaction") as client:
        for first_id in (1, 2):
            with psycopg.connect(**client) as connection:
                assert connection.execute("SELECT first_id FROM append_events('[{}]')").fetchone() == (first_id,)
        with psycopg.connect(**client) as connection:
            assert connection.execute("SELECT id FROM events ORDER BY id").fetchall() == [(1,), (2,)]


def test_where_every_client_has_a_session_of_its_own_the_operator_can_say_so(
    server: Server, database: str, folder: Path
) -> None:
    with pooler(server, database, folder, "session") as client:
        sides = make_conninfo(**client), make_conninfo(**server.parameters(database))
        assert run(server, "recovery.diff", *sides).returncode == ExitStatus.REFUSED
        ended = run(server, "recovery.diff", *sides, "--jobs", "1", SLATE_SESSION_POOLER="1")
        assert ended.returncode == ExitStatus.DONE, ended.stderr
