"""A password, given in whichever way, is used as it is and shown nowhere."""

import os
import pty
import select
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql

from init_slate_db.core.embedded import free_port
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import ConnectionOptions
from tests.commands import COMMAND, run
from tests.servers import Server, wait_for

# What no output may hold. Each password has it within, between characters that something or other may trip over.
SECRET = "s3cr3t"
PASSWORDS = {
    "quotes-and-signs": f"""it's "{SECRET}" 50%40 \\ @host:5432/x?a=b&c#d $1 {{}}""",
    "spaces-at-its-ends": f"  {SECRET} ",
    "not-ascii": f"ß{SECRET}€\\'",
}
WAYS = ("option", "uri", "key=value", "PGPASSWORD", "pgpass", "prompt")
CASES = [
    *((way, PASSWORDS["quotes-and-signs"]) for way in WAYS),
    # The other ways hand the password on as it is.
    *((way, PASSWORDS[kind]) for way in ("uri", "key=value", "pgpass") for kind in ("spaces-at-its-ends", "not-ascii")),
]
IN_THE_COMMAND_LINE = ("option", "uri", "key=value")


@dataclass(frozen=True)
class Given:
    """One way to give the password: arguments and environment that hold it, or the keys to type at the prompt."""

    arguments: list[str]
    environment: dict[str, str]
    typed: str | None = None


def give(way: str, server: Server, role: str, password: str, folder: Path) -> Given:
    """The role's password, given in one of the ways."""
    environment = server.environment(PGUSER=role, HOME=str(folder))
    del environment["PGPASSWORD"]
    escaped = password.replace("\\", "\\\\")
    match way:
        case "option":
            return Given([f"--password={password}"], environment)
        case "uri":
            uri = f"postgresql://{role}:{quote(password, safe='')}@127.0.0.1:{server.port}/postgres"
            return Given(["--dsn", uri], environment)
        case "key=value":
            single = escaped.replace("'", "\\'")
            return Given(["--dsn", f"host=127.0.0.1 password='{single}'"], environment)
        case "PGPASSWORD":
            return Given([], environment | {"PGPASSWORD": password})
        case "pgpass":
            pgpass = folder / ".pgpass"
            colons = escaped.replace(":", "\\:")
            pgpass.write_text(f"*:*:*:*:{colons}\n", encoding="utf-8")
            pgpass.chmod(0o600)
            return Given([], environment)
        case _:
            return Given([], environment, typed=password)


def run_given(given: Given, *arguments: str) -> str:
    """Runs the command to its success, on a terminal where something is to be typed. Returns all of its output."""
    words = [*given.arguments, *arguments]
    if given.typed is None:
        ended = run(words, given.environment)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        return ended.stdout + ended.stderr
    terminal, command_end = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words],
        env=given.environment | {"TERM": "dumb", "PROMPT_TOOLKIT_NO_CPR": "1"},
        stdin=command_end,
        stdout=command_end,
        stderr=command_end,
        start_new_session=True,
    )
    os.close(command_end)
    screen = b""

    def read() -> bytes:
        nonlocal screen
        while select.select([terminal], [], [], 0)[0]:
            try:
                screen += os.read(terminal, 65536)
            except OSError:
                # The command has ended, and all is read.
                break
        return screen

    def has_ended() -> bool:
        ended = process.poll() is not None
        read()
        return ended

    try:
        wait_for(lambda: b"Database Password:" in read(), "the prompt")
        os.write(terminal, given.typed.encode() + b"\r")
        wait_for(has_ended, "the command's end")
        assert process.returncode == ExitStatus.DONE, screen.decode()
        return screen.decode()
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


@pytest.fixture
def role(server: Server, name: str, password: str) -> Iterator[str]:
    """A superuser with the password, which the server was given as a SCRAM verifier, so that its log has it not."""
    role = f"{name}_role"
    with server.connect() as connection:
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        create = sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}")
        connection.execute(create.format(sql.Identifier(role), sql.Literal(verifier)))
        yield role
        server.drop(name)
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def given(server: Server, role: str, password: str, way: str, tmp_path: Path) -> Given:
    """The password of the role, given in the way of the test's parameters."""
    return give(way, server, role, password, tmp_path)


@pytest.mark.parametrize(("way", "password"), CASES, ids=lambda case: case if case in WAYS else "")
def test_a_password_is_used_and_shown_nowhere(server: Server, name: str, role: str, given: Given) -> None:
    before = server.cluster.log.stat().st_size
    shown = run_given(given, "-n", name, "-t", "destination", "-vv")
    assert f"postgresql://{role}@127.0.0.1:{server.port}/{name}" in shown
    assert SECRET not in shown
    with server.cluster.log.open("rb") as log:
        log.seek(before)
        logged = log.read().decode()
    assert "CREATE DATABASE" in logged
    assert SECRET not in logged


@pytest.mark.parametrize("password", [PASSWORDS["quotes-and-signs"]], ids=[""])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "prompt"])
def test_what_connects_to_nothing_or_only_looks_shows_none_either(name: str, given: Given) -> None:
    for mode in (["--check"], ["--dry-run"], ["--sql"], ["--check", "--dry-run", "--log-format", "json"]):
        assert SECRET not in run_given(given, "-n", name, "-t", "source", "-vv", *mode)


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("way", IN_THE_COMMAND_LINE)
def test_no_error_shows_it_not_even_with_a_traceback(server: Server, way: str, log_format: str, tmp_path: Path) -> None:
    password = PASSWORDS["quotes-and-signs"]
    arguments = ["-n", "events", "-t", "source", "-vv", "--log-format", log_format, "--connect-timeout", "300"]
    given = give(way, server, "postgres", password, tmp_path)
    # Refused by the server; by nobody there; with a fault in the options beside it.
    ends: dict[str, list[str]] = {
        "does not accept the password": [],
        "No PostgreSQL server answers": ["--port", str(free_port())],
        "The options are wrong": ["--table-type", "both"],
    }
    for sentence, more in ends.items():
        failed = run([*given.arguments, *arguments, *more], given.environment)
        assert sentence in failed.stderr
        assert SECRET not in failed.stdout + failed.stderr


@pytest.mark.parametrize("password", [PASSWORDS["quotes-and-signs"]], ids=[""])
@pytest.mark.parametrize("way", ["PGPASSWORD", "pgpass"])
def test_neither_the_process_list_nor_pg_stat_activity_shows_it(server: Server, name: str, given: Given) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE%' AND state = 'active'"
    with server.connect() as watcher, server.connect() as holder:
        with holder.transaction():
            # CREATE DATABASE waits for this lock; meanwhile we look around.
            holder.execute("LOCK TABLE pg_database IN EXCLUSIVE MODE")
            process = subprocess.Popen(
                [*COMMAND, "-n", name, "-t", "destination"],
                env=given.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                wait_for(lambda: watcher.execute(waiting).fetchone() == (1,), "CREATE DATABASE to wait")
                commands = [command_line(process.pid), *(command_line(pid) for pid in children(process.pid))]
                sessions = watcher.execute("SELECT a::text FROM pg_stat_activity AS a").fetchall()
            except BaseException:
                process.kill()
                process.wait()
                raise
        assert process.wait(timeout=60) == ExitStatus.DONE
    assert name in commands[0]
    assert not [command for command in commands if SECRET in command]
    assert not [session for (session,) in sessions if SECRET in session]


def children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task")
    return [int(child) for thread in threads.iterdir() for child in (thread / "children").read_text().split()]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")


def test_options_in_a_log_or_traceback_would_not_show_it() -> None:
    options = ConnectionOptions(user="me", password=SECRET, dsn=f"password={SECRET}")
    assert "me" in repr(options)
    assert SECRET not in repr(options)
