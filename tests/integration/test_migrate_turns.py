"""``slate-schema migrate`` beside others: two runs at once, sessions that hold locks, servers still at work."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.migrations import COMMAND, Nodes
from tests.servers import wait_for

AT_WORK = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '{}%' AND state = 'active'"
)


@contextmanager
def started(nodes: Nodes, *more: str) -> "Iterator[subprocess.Popen[str]]":
    """A run that goes on beside the test, ended at the end of the block at the latest."""
    process = commands.start(nodes.arguments("migrate", "--yes", *more), nodes.server.environment(), COMMAND)
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """Reads what the run logs up to the line with the words."""
    assert process.stderr
    read = ""
    for line in process.stderr:
        read += line
        if words in line:
            return line
    raise AssertionError(f"it never said {words}: {read}")


def pid_of(nodes: Nodes, beginning: str, number: int = 0) -> int:
    """The server process that runs a query that begins so."""

    def look() -> Any:
        rows = nodes.ask(AT_WORK.format(beginning), number)
        return rows and rows[0][0]

    return int(wait_for(look, beginning))


@contextmanager
def holding(nodes: Nodes, command: str) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
    """A transaction of another session that has run the command."""
    with nodes.server.connect(nodes.names[0]) as connection, connection.transaction():
        connection.execute(command.encode())
        yield connection


def test_of_two_runs_one_applies_and_the_other_leaves_with_who_is_at_work(three_nodes: Nodes) -> None:
    three_nodes.write(p1_0_0_direct="SELECT pg_advisory_lock(1); CREATE TABLE t (n int)")
    with three_nodes.server.connect(three_nodes.names[0]) as blocker:
        blocker.execute("SELECT pg_advisory_lock(1)")
        with started(three_nodes, "--lock-timeout", "60000") as one:
            pid_of(three_nodes, "SELECT pg_advisory_lock")
            code, _, log = three_nodes.migrate("--wait", "0")
            assert code == ExitStatus.FAILED
            assert f"Another run is at work on {three_nodes.place()}: pid " in log
            assert "role postgres at 127.0.0.1, slate-schema, since " in log
            # Named in another order, and not all of them: the same nodes all the same.
            other = Nodes(three_nodes.server, three_nodes.names[:0:-1], three_nodes.folder)
            assert f"Another run is at work on {three_nodes.place(1)}" in other.migrate("--wait", "0")[2]
            with started(three_nodes) as two:
                read_until(two, "Another run is at work")
                blocker.execute("SELECT pg_advisory_unlock(1)")
                told, log = one.communicate()
                assert (one.returncode, told) == (ExitStatus.DONE, "Applied 1 patch.\n"), log
                told, log = two.communicate()
                assert (two.returncode, told) == (ExitStatus.DONE, "Nothing is to be applied.\n"), log


def test_a_run_that_waits_is_not_in_the_way_of_an_index_that_is_built(one_node: Nodes) -> None:
    one_node.write(
        p1_0_0_direct="CREATE TABLE t (n int)",
        p2_0_0_concurrent="SELECT pg_advisory_lock(1); CREATE INDEX CONCURRENTLY i ON t (n)",
    )
    assert one_node.migrate("--one")[0] == ExitStatus.DONE
    with one_node.server.connect(one_node.names[0]) as blocker:
        blocker.execute("SELECT pg_advisory_lock(1)")
        with started(one_node, "--lock-timeout", "60000") as one, started_behind(one_node) as two:
            blocker.execute("SELECT pg_advisory_unlock(1)")
            told, log = one.communicate()
            assert (one.returncode, told) == (ExitStatus.DONE, "Applied 1 patch.\n"), log
            two.communicate()
            assert two.returncode == ExitStatus.DONE
    assert one_node.ask("SELECT indisvalid FROM pg_index WHERE indrelid = 't'::regclass") == [(True,)]


@contextmanager
def started_behind(nodes: Nodes) -> "Iterator[subprocess.Popen[str]]":
    """A second run, which waits for the first one."""
    pid_of(nodes, "SELECT pg_advisory_lock")
    with started(nodes) as process:
        read_until(process, "Another run is at work")
        yield process


@pytest.mark.parametrize(
    ("patch", "ending", "words"),
    [("SELECT 1", ExitStatus.DONE, "Applied 1 patch."), ("SELECT 1 / 0", ExitStatus.FAILED, "division by zero")],
)
def test_a_turn_that_is_lost_at_the_end_hides_nothing(
    one_node: Nodes, patch: str, ending: ExitStatus, words: str
) -> None:
    holder = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    one_node.write(p1_0_0_std=f"SELECT pg_terminate_backend(pid, 10000) FROM ({holder} AND {here}) AS h; {patch}")
    status, said, told = one_node.migrate()
    assert status == ending, told
    assert words in said + told


def test_a_lock_that_is_not_had_is_told_with_who_is_in_the_way(one_node: Nodes) -> None:
    one_node.do("CREATE TABLE t (n int)")
    one_node.write(p1_0_0_std="CREATE TABLE u (n int)", p1_1_0_std="ALTER TABLE t ADD m int")
    with holding(one_node, "SELECT FROM t") as blocker:
        code, _, log = one_node.migrate("--lock-timeout", "200", "--lock-tries", "2")
        assert code == ExitStatus.FAILED
        assert f"No lock was had on {one_node.place()} to apply patches 1-0-0 to 1-1-0: 2 tries of 200 ms." in log
        assert f"In the way: pid {blocker.info.backend_pid}, role postgres at 127.0.0.1, idle in transaction" in log
    assert not one_node.has("u")


def test_a_lock_that_is_had_at_a_later_try_lets_the_patch_go_on(one_node: Nodes) -> None:
    one_node.do("CREATE TABLE t (n int)")
    one_node.write(p1_0_0_direct="ALTER TABLE t ADD m int")
    with one_node.server.connect(one_node.names[0]) as blocker:
        blocker.autocommit = False
        blocker.execute("SELECT FROM t")
        with started(one_node, "--lock-timeout", "100", "--lock-tries", "1000") as run:
            line = read_until(run, "no lock to apply patch 1-0-0 at try 1; trying again.")
            assert f"In the way: pid {blocker.info.backend_pid}" in line
            blocker.rollback()
            told, log = run.communicate()
            assert (run.returncode, told) == (ExitStatus.DONE, "Applied 1 patch.\n"), log


def test_an_index_whose_build_outlives_its_command_is_waited_for_and_not_built_twice(one_node: Nodes) -> None:
    one_node.do("CREATE TABLE t (n int)")
    one_node.write(p1_0_0_concurrent="CREATE INDEX CONCURRENTLY i ON t (n)")
    with holding(one_node, "INSERT INTO t VALUES (1)") as holder:
        with started(one_node) as run:
            pid = pid_of(one_node, "CREATE INDEX CONCURRENTLY")
            line = read_until(run, " has run for ")
            assert line.startswith(f"{one_node.place()}: statement 1 of 1 of 1-0-0 has run for ")
            assert ": waiting for writers before build, " in line
            assert f", waits for process {holder.info.backend_pid}." in line
            run.send_signal(signal.SIGKILL)
        code, _, log = one_node.migrate("--wait", "1")
        assert code == ExitStatus.FAILED
        assert "A statement of patch 1-0-0 that an interrupted run began still runs on" in log
        assert f"Process {pid}: CREATE INDEX CONCURRENTLY i ON t (n)" in log
    code, _, log = one_node.migrate()
    assert code == ExitStatus.DONE, log
    assert "what was begun is done" in log
    assert one_node.ask("SELECT indisvalid FROM pg_index WHERE indrelid = 't'::regclass") == [(True,)]


def test_ctrl_c_in_a_patch_leaves_nothing_of_it(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="CREATE TABLE t (n int); SELECT pg_sleep(600)")
    with started(one_node) as run:
        pid_of(one_node, "CREATE TABLE t")
        run.send_signal(signal.SIGINT)
        _, log = run.communicate()
        assert run.returncode == ExitStatus.INTERRUPTED, log
        assert "Interrupted. The ledgers tell how far it got, and the same command goes on there." in log
    assert not one_node.has("t")
    assert one_node.ledger() == []


def test_a_killed_command_does_not_leave_its_transaction_behind(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="CREATE TABLE t (n int); SELECT pg_sleep(600)")
    with started(one_node) as run:
        pid_of(one_node, "CREATE TABLE t")
        run.send_signal(signal.SIGKILL)
    wait_for(lambda: not one_node.ask(AT_WORK.format("CREATE TABLE t")), "the end of the transaction")
    one_node.write(p1_0_0_std="CREATE TABLE t (n int)")
    assert one_node.migrate()[0] == ExitStatus.DONE


def test_ctrl_c_while_an_index_is_built_leaves_no_invalid_one(one_node: Nodes) -> None:
    one_node.do("CREATE TABLE t (n int)")
    one_node.write(p1_0_0_concurrent="CREATE INDEX CONCURRENTLY i ON t (n)")
    # A snapshot that an index waits for to go, and dropping one does not.
    with holding(one_node, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"), started(one_node) as run:
        pid_of(one_node, "CREATE INDEX CONCURRENTLY")
        wait_for(lambda: one_node.has("i"), "the index")
        run.send_signal(signal.SIGINT)
        told, log = run.communicate()
        assert run.returncode == ExitStatus.INTERRUPTED, log
        assert told == f"Patch 1-0-0 concurrent:\n  {one_node.place()}: interrupted\n"
        assert not one_node.has("i")
    assert "half done: 1-0-0 concurrent, 0 of 1 statements\n" in one_node.run("status")[1]
    assert one_node.migrate()[1] == "Applied 1 patch.\n"
