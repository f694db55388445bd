"""Whatever stops slate-schema rollback in its middle: everything is as before, and the same command succeeds then."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.embedded import free_port
from init_slate_db.core.errors import ExitStatus
from tests import commands, servers
from tests.conftest import VERSIONS
from tests.servers import Server, wait_for
from tests.snapshots import CHANGED_F, COMMAND, Database, F, database

ROLLBACK = ("rollback", "1", "--yes", "--lock-timeout", "60000", "--attempts", "1")
# A rollback takes the constraint of a away before it waits for b.
HELD = "SELECT * FROM b"
_SESSIONS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slate-schema'
"""


@pytest.fixture
def changed(server: Server, name: str) -> Iterator[Database]:
    with database(server, name) as store:
        change(store)
        yield store


def change(store: Database) -> None:
    """Takes snapshot 1, and changes objects of three kinds."""
    store.do("CREATE TABLE a (a integer)", "CREATE TABLE b (b integer)", F)
    store.said("snapshot")
    store.do(
        "ALTER TABLE a ADD CHECK (f(a) > 0)",
        "ALTER TABLE b ADD CHECK (f(b) > 0)",
        CHANGED_F,
        "CREATE VIEW v AS TABLE a",
    )
    assert "drop constraint a_a_check" in store.run("rollback", "1").stderr


def check_the_same_command_succeeds(store: Database, before: list[tuple[object, ...]]) -> None:
    wait_for(lambda: not store.rows(_SESSIONS), "the end of slate-schema's sessions")
    assert store.state() == before
    ended = store.run(*ROLLBACK)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert store.said("diff", "1").endswith("no difference\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_in_the_middle_changes_nothing(changed: Database, number: signal.Signals) -> None:
    before = changed.state()
    with changed.held(HELD):
        process = changed.start(*ROLLBACK)
        changed.wait_until_one_waits()
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == ExitStatus.INTERRUPTED
        assert errors.splitlines()[-1] == "warning: Interrupted: nothing was changed."
        assert "Traceback" not in errors
    check_the_same_command_succeeds(changed, before)


def test_a_signal_at_the_commit_does_not_claim_what_nobody_knows(changed: Database) -> None:
    # The commit waits for this lock, as it might for a synchronous standby.
    changed.do("""
        CREATE FUNCTION pov.late() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$
    """)
    changed.do("""
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON pov.snapshot DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION pov.late()
    """)
    before = changed.state()
    with changed.held("SELECT pg_advisory_xact_lock(1)"):
        process = changed.start(*ROLLBACK)
        changed.wait_until_one_waits()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == ExitStatus.INTERRUPTED
        last = "warning: Interrupted: all of it was done, or nothing; slate-schema history tells."
        assert errors.splitlines()[-1] == last
    check_the_same_command_succeeds(changed, before)


def test_an_administrator_who_ends_its_session_changes_nothing(changed: Database) -> None:
    before = changed.state()
    with changed.held(HELD):
        process = changed.start(*ROLLBACK)
        changed.wait_until_one_waits()
        changed.rows(_SESSIONS.replace("pid", "pg_terminate_backend(pid)", 1))
        _, errors = process.communicate(timeout=30)
        assert process.returncode == ExitStatus.FAILED
        assert "error: The connection to the server was lost when it was to go back to a snapshot." in errors
        assert "Traceback" not in errors
    check_the_same_command_succeeds(changed, before)


def test_kill_9_changes_nothing(changed: Database) -> None:
    before = changed.state()
    with changed.held(HELD):
        process = changed.start(*ROLLBACK)
        changed.wait_until_one_waits()
        process.kill()
        process.communicate(timeout=30)
    check_the_same_command_succeeds(changed, before)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_crash_of_the_server_changes_nothing(server_directory: Path, version: int) -> None:
    server, name = servers.start(server_directory / f"{version}-rollback-crash", version), "crashed"
    try:
        with database(server, name) as store:
            change(store)
            before = store.state()
            with pytest.raises(psycopg.OperationalError), store.held(HELD):
                process = store.start(*ROLLBACK)
                store.wait_until_one_waits()
                server.kill()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == ExitStatus.FAILED
        assert "Traceback" not in errors
        server.restart()
        with server.connect(name) as connection:
            check_the_same_command_succeeds(Database(server, name, connection), before)
    finally:
        server.cluster.stop("immediate")


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return commands.run([*arguments, "--connect-timeout", "1000"], environment, COMMAND)


@pytest.mark.parametrize(
    "verb", ["snapshot", "history", "show 1", "diff 1", "rollback 1 --yes", "rollback 1 --dry-run", "prune --keep 1"]
)
def test_a_wrong_password_and_a_stopped_server_are_told(server: Server, verb: str) -> None:
    wrong = run(server.environment(PGPASSWORD="no such"), *verb.split())
    assert wrong.returncode == ExitStatus.FAILED
    assert 'does not accept the password of user "postgres"' in wrong.stderr
    assert "no such" not in wrong.stderr.replace("there is no such user", "")
    stopped = run(server.environment(PGPORT=str(free_port())), *verb.split())
    assert stopped.returncode == ExitStatus.FAILED
    assert "No PostgreSQL server answers at 127.0.0.1:" in stopped.stderr
    assert "Traceback" not in wrong.stderr + stopped.stderr
