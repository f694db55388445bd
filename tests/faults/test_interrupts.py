"""Whatever stops a run, behind whichever step: the name is free, a rerun succeeds, nothing else was touched."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from init_slate_db.core.creation.plan import WORKING_NAME, make_plan
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.sql_files import TableType
from tests import servers
from tests.commands import run, start
from tests.conftest import VERSIONS
from tests.servers import Server, wait_for

INTERRUPTING = Path(__file__).with_name("interrupting.py")
STEPS: dict[TableType, int] = {kind: len(make_plan("x", kind).steps) for kind in ("source", "destination")}
BEFORE_THE_LAST = range(1, STEPS["destination"])
OF_A_SOURCE = [1, 2, STEPS["source"] // 2, STEPS["source"] - 1]


def run_until(
    fault: str, step: int, name: str, table_type: TableType, server: Server
) -> "subprocess.CompletedProcess[str]":
    """Runs the command, with the fault behind the step (counted from 1)."""
    arguments = [fault, str(step), "-n", name, "-t", table_type, "--connect-timeout", "5000"]
    return subprocess.run(
        [sys.executable, str(INTERRUPTING), *arguments],
        env=server.environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check_a_rerun_succeeds(server: Server, name: str, table_type: TableType, before: set[str]) -> None:
    """Also that the rerun leaves nothing but its own database."""
    assert name not in server.databases()
    again = run(["-n", name, "-t", table_type], server.environment())
    assert again.returncode == ExitStatus.DONE, again.stderr
    assert server.databases() == before | {name}


@pytest.mark.parametrize("step", BEFORE_THE_LAST)
def test_ctrl_c_behind_any_step_leaves_nothing(server: Server, name: str, step: int) -> None:
    before = server.databases()
    stopped = run_until("interrupt", step, name, "destination", server)
    assert stopped.returncode == ExitStatus.INTERRUPTED
    assert stopped.stderr.splitlines()[-1] == f'Nothing was left behind; the name "{name}" is free.'
    assert server.databases() == before
    check_a_rerun_succeeds(server, name, "destination", before)


@pytest.mark.parametrize("step", BEFORE_THE_LAST)
def test_an_error_from_the_server_behind_any_step_leaves_nothing(server: Server, name: str, step: int) -> None:
    before = server.databases()
    stopped = run_until("server", step, name, "destination", server)
    assert stopped.returncode == ExitStatus.FAILED
    assert "Traceback" not in stopped.stderr
    assert server.databases() == before
    check_a_rerun_succeeds(server, name, "destination", before)


@pytest.mark.parametrize("step", BEFORE_THE_LAST)
def test_what_kill_9_leaves_behind_any_step_the_next_run_drops(server: Server, name: str, step: int) -> None:
    before = server.databases()
    stopped = run_until("kill", step, name, "destination", server)
    assert stopped.returncode == -signal.SIGKILL
    (left,) = server.databases() - before
    assert left.startswith(WORKING_NAME)
    wait_for(lambda: not _sessions(server), "the server to see that the client is gone")
    check_a_rerun_succeeds(server, name, "destination", before)


@pytest.mark.parametrize("fault", ["interrupt", "kill", "server"])
@pytest.mark.parametrize("step", OF_A_SOURCE)
def test_a_source_is_as_safe(server: Server, name: str, step: int, fault: str) -> None:
    before = server.databases()
    stopped = run_until(fault, step, name, "source", server)
    assert stopped.returncode != ExitStatus.DONE
    wait_for(lambda: not _sessions(server), "the server to see that the client is gone")
    check_a_rerun_succeeds(server, name, "source", before)


@pytest.mark.parametrize("fault", ["interrupt", "kill", "server"])
def test_behind_the_last_step_the_database_is_complete(server: Server, name: str, fault: str) -> None:
    before = server.databases()
    run_until(fault, STEPS["destination"], name, "destination", server)
    assert server.databases() == before | {name}
    with server.connect(name) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_while_the_server_works_is_heard_at_once(server: Server, name: str, number: signal.Signals) -> None:
    before = server.databases()
    with server.connect() as holder:
        with holder.transaction():
            # CREATE DATABASE waits for this lock as long as the test likes; readers do not.
            holder.execute("LOCK TABLE pg_database IN EXCLUSIVE MODE")
            process = start(["-n", name, "-t", "destination"], server.environment())
            wait_for(lambda: _waits(server, "CREATE DATABASE"), "the command to wait for the lock")
            process.send_signal(number)
            wait_for(lambda: _waits(server, "DROP DATABASE"), "the command to undo what it did")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == ExitStatus.INTERRUPTED, errors
        assert "Traceback" not in errors
    assert server.databases() == before


@pytest.mark.parametrize("version", VERSIONS)
def test_a_crash_of_the_server_leaves_the_name_free(server_directory: Path, version: int, name: str) -> None:
    server = servers.start(server_directory / f"{version}-crash", version)
    try:
        before = server.databases()
        process = subprocess.Popen(
            [sys.executable, str(INTERRUPTING), "pause", "5", "-n", name, "-t", "source", "--connect-timeout", "30000"],
            env=server.environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "paused\n"
        server.kill()
        server.restart()
        _, errors = process.communicate("go on\n", timeout=60)
        assert process.returncode == ExitStatus.FAILED
        assert "The connection to the server was lost" in errors
        assert "Traceback" not in errors
        check_a_rerun_succeeds(server, name, "source", before)
    finally:
        server.cluster.stop("immediate")


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_runs_for_one_name_one_succeeds(server: Server, name: str, attempt: int) -> None:
    before = server.databases()
    runs = [start(["-n", name, "-t", "source"], server.environment()) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in runs]
    assert sorted(process.returncode for process in runs) == [ExitStatus.DONE, ExitStatus.FAILED], outputs
    (loser,) = (output for process, output in zip(runs, outputs, strict=True) if process.returncode)
    assert f'Database "{name}" exists already.' in loser[1]
    assert server.databases() == before | {name}


def test_the_database_of_a_living_run_is_left_alone(server: Server, name: str) -> None:
    process = subprocess.Popen(
        [sys.executable, str(INTERRUPTING), "pause", "2", "-n", name, "-t", "destination"],
        env=server.environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "paused\n"
    other = f"{name}_other"
    try:
        assert run(["-n", other, "-t", "destination"], server.environment()).returncode == ExitStatus.DONE
        _, errors = process.communicate("go on\n", timeout=60)
        assert process.returncode == ExitStatus.DONE, errors
        assert {name, other} <= server.databases()
    finally:
        server.drop(other)


def _sessions(server: Server) -> int:
    with server.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'init-slate-db'"
        ).fetchone()
    assert row
    return int(row[0])


def _waits(server: Server, statement: str) -> bool:
    """Whether a session waits for a lock with a statement that begins so."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s", (f"{statement}%",)
        ).fetchone()
    return row is not None and row[0] != 0
