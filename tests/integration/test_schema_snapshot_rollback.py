"""``slate-schema rollback``: told beforehand, agreed to, and done wholly or not at all, whoever is in the way."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from init_slate_db.core.addresses import address_of
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import ConnectionOptions
from tests.servers import Server, wait_for
from tests.snapshots import CHANGED_F, COMMAND, Database, F, database
from tests.terminal import terminal
from versioning.snapshots import rollback
from versioning.snapshots.options import RollbackOptions
from versioning.snapshots.store import opened

TABLE = "CREATE TABLE t (a integer)"
CONSTRAINT = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)"


@pytest.fixture
def store(server: Server, name: str) -> Iterator[Database]:
    with database(server, name) as prepared:
        yield prepared


@pytest.fixture
def changed(store: Database) -> Database:
    """Snapshot 1 has f and no constraint; live, f is another and table t has the constraint."""
    store.do(TABLE, F)
    store.said("snapshot")
    store.do(CHANGED_F, CONSTRAINT)
    return store


@pytest.fixture
def role(server: Server, store: Database) -> Iterator[str]:
    """A role that may do nothing in particular, with the password "role"."""
    role = f"role_of_{store.name}"
    store.do(f"CREATE ROLE {role} LOGIN PASSWORD 'role'")
    yield role
    store.do(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def next_line(process: "subprocess.Popen[str]", beginning: str) -> str:
    """The next line of its standard error that begins so."""
    assert process.stderr
    for line in iter(process.stderr.readline, ""):
        if line.startswith(beginning):
            return line
    raise AssertionError(f"it never said {beginning}")


def results(database: Database) -> list[tuple[int]]:
    return database.rows("SELECT f(1)")


def test_what_a_table_loses_that_the_snapshot_does_not_know_is_marked_and_warned_of(store: Database) -> None:
    store.do(F)
    store.said("snapshot")
    store.do(TABLE, CONSTRAINT)
    ended = store.run("rollback", "1", "--yes")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert "  1  drop constraint c ON public.t -- the table is younger than the snapshot\n" in ended.stderr
    assert "warning: Table public.t is younger than snapshot 1, and loses constraint c ON public.t\n" in ended.stderr


def test_ctrl_c_behind_the_commit_does_not_say_that_nothing_was_changed(
    changed: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes while the connection is closed."""
    for name, value in changed.environment().items():
        monkeypatch.setenv(name, value)

    @contextmanager
    def interrupted(*arguments: Any) -> Iterator[Any]:
        with opened(*arguments) as reached:
            yield reached
            raise KeyboardInterrupt

    monkeypatch.setattr(rollback, "opened", interrupted)
    target = address_of(ConnectionOptions(), changed.name)
    with pytest.raises(KeyboardInterrupt):
        rollback.rollback(RollbackOptions(target, "text", 1, 2000, 1, yes=True, dry_run=False))
    assert caplog.messages[-1] == "Interrupted: all of it was done, or nothing; slate-schema history tells."
    assert results(changed) == [(1,)]


def test_a_dry_run_prints_the_exact_commands_and_changes_nothing(changed: Database) -> None:
    before = changed.state()
    plan = changed.rows("SELECT command FROM pov.plan(1) ORDER BY step")
    said = changed.said("rollback", "1", "--dry-run")
    first, *lines, last = said.splitlines()
    assert first == f"-- Back to snapshot 1 of 127.0.0.1:{changed.server.port}/{changed.name}: 2 commands"
    assert last == "-- Nothing was done: --dry-run."
    assert [line for line in lines if line.startswith("-- ")] == [
        "-- 1  drop constraint c ON public.t",
        "-- 2  replace function public.f(integer)",
    ]
    # One semicolon each, whether PostgreSQL gave it one or not.
    statements = "\n".join(line for line in lines if not line.startswith("-- "))
    assert statements == "\n".join(f"{command.rstrip()};" for (command,) in plan)
    assert changed.state() == before
    told = changed.told("rollback", "1", "--dry-run")
    assert told["dry_run"] is True
    assert [one["command"] for one in told["commands"]] == [command for (command,) in plan]
    assert told["refusals"] == []


def test_what_a_dry_run_prints_psql_could_run(changed: Database) -> None:
    changed.do(changed.said("rollback", "1", "--dry-run"))
    assert changed.said("diff", "1").endswith("no difference\n")


def test_the_result_tells_where_it_is_now_and_how_to_undo_it(changed: Database) -> None:
    ended = changed.run("rollback", "1", "--yes")
    assert ended.returncode == ExitStatus.DONE
    ((revision,),) = changed.rows("SELECT revisionid FROM pov.snapshot WHERE snapshotid = 1")
    assert ended.stdout == (
        f"Back at snapshot 1: what is live has its revision, {revision[:12]}. This is snapshot 3.\n"
        "What was live before is snapshot 2: slate-schema rollback 2 undoes this.\n"
    )
    survey, which, *told = ended.stderr.splitlines()
    place = re.escape(f"127.0.0.1:{changed.server.port}/{changed.name}")
    assert re.fullmatch(rf"  ok  snapshot 1, taken [-0-9]+ [:0-9]+ UTC by postgres, of {place}", which)
    assert [survey, *told] == [
        "Survey",
        "  ok  nothing stands against going back to it",
        "Plan",
        "  1  drop constraint c ON public.t",
        "  2  replace function public.f(integer)",
    ]
    assert results(changed) == [(1,)]
    told = changed.told("rollback", "2", "--yes")
    assert (told["rollback_to"], told["snapshot"], told["before"], told["dry_run"]) == (2, 4, 3, False)
    assert results(changed) == [(2,)]


def test_a_snapshot_that_is_live_already_needs_nothing(store: Database) -> None:
    store.do(F)
    store.said("snapshot")
    before = store.state()
    assert re.fullmatch(
        r"What is live is as in snapshot 1 already, revision [0-9a-f]{12}: nothing was done\.\n",
        store.said("rollback", "1"),
    )
    assert store.told("rollback", "1")["snapshot"] is None
    assert store.said("rollback", "1", "--dry-run") == "What is live is as in snapshot 1 already.\n"
    assert store.state() == before


def test_without_a_terminal_it_needs_yes(changed: Database) -> None:
    said = changed.refused("rollback", "1")
    assert "Plan\n  1  drop constraint c ON public.t\n" in said
    assert "nobody can be asked to agree" in said
    assert "Add --yes" in said


@pytest.mark.parametrize(("key", "status"), [(b"y", ExitStatus.DONE), (b"n", ExitStatus.REFUSED)], ids=["yes", "no"])
def test_on_a_terminal_it_shows_the_plan_and_asks(changed: Database, key: bytes, status: ExitStatus) -> None:
    with terminal(["rollback", "1"], changed.environment(), COMMAND) as window:
        window.answer("Go on?", key)
        assert window.end() is status
        assert "1  drop constraint c ON public.t" in window.screen()
    assert results(changed) == [(1 if key == b"y" else 2,)]


def test_what_changes_while_the_question_stands_is_not_overridden(changed: Database) -> None:
    with terminal(["rollback", "1"], changed.environment(), COMMAND) as window:
        wait_for(lambda: "Go on?" in window.screen(), "the question")
        changed.do("CREATE VIEW urgent AS SELECT 1 AS a")
        before = changed.state()
        window.answer("Go on?", b"y")
        assert window.end() is ExitStatus.REFUSED
        assert "what is live has changed since the plan was made" in window.screen()
    assert changed.state() == before


def test_what_stands_against_it_is_named(store: Database) -> None:
    store.do(TABLE, F, "CREATE INDEX by_f ON t (f(a))", "CREATE VIEW v AS SELECT a FROM t")
    store.said("snapshot")
    store.do(CHANGED_F, "DROP VIEW v")
    expected = "index public.by_f: uses what would change, and is no part of a snapshot"
    for arguments in (["rollback", "1", "--yes"], ["rollback", "1", "--dry-run"], ["rollback", "1", "--yes", "-q"]):
        said = store.refused(*arguments)
        assert "error: Going back to snapshot 1 is refused; nothing was changed." in said
        assert f"\n  {expected}\n" in said
    dry = store.run("rollback", "1", "--dry-run", "--format", "json")
    assert dry.returncode == ExitStatus.REFUSED
    told = json.loads(dry.stdout)
    assert {"identity": "index public.by_f", "reason": expected.partition(": ")[2]} in told["refusals"]
    assert "replace function public.f(integer)" in store.run("rollback", "1", "--dry-run").stdout


def test_what_makes_a_command_fail_is_told_and_nothing_is_changed(store: Database) -> None:
    store.do(TABLE, F, CONSTRAINT)
    store.said("snapshot")
    store.do(CHANGED_F, "ALTER TABLE t DROP CONSTRAINT c", "INSERT INTO t VALUES (-1)")
    said = store.refused("rollback", "1", "--yes", status=ExitStatus.FAILED)
    assert re.search(r"error: Cannot create constraint c ON public\.t: .* is violated by some row; nothing was", said)


@pytest.mark.parametrize("verb", ["snapshot", "history", "show 1", "diff 1", "rollback 1 --yes", "prune --keep 1"])
def test_a_role_without_rights_reads_which_it_lacks(store: Database, role: str, verb: str) -> None:
    store.said("snapshot")
    said = store.refused(*verb.split(), "--user", role, "--password", "role", status=ExitStatus.FAILED)
    assert f'error: Role "{role}" may not do this with the snapshots of ' in said
    assert "\n  It lacks: USAGE on schema pov, SELECT on pov.object, " in said
    assert "Have the owner of schema pov grant that" in said


def test_a_role_that_may_read_reads_and_no_more(changed: Database, role: str) -> None:
    changed.do(f"GRANT USAGE ON SCHEMA pov TO {role}", f"GRANT SELECT ON ALL TABLES IN SCHEMA pov TO {role}")
    as_role = ("--user", role, "--password", "role")
    assert "* 1" in changed.said("history", *as_role)
    assert "public.f(integer)" in changed.said("show", "1", *as_role)
    assert "~ function public.f(integer)" in changed.said("diff", "1", *as_role, status=ExitStatus.DIFFERENT)
    lacking = (
        "\n  It lacks: INSERT on pov.object, INSERT on pov.revision, INSERT on pov.revision_object, INSERT on pov.s"
    )
    assert lacking in changed.refused("snapshot", *as_role, status=ExitStatus.FAILED)
    assert lacking in changed.refused("rollback", "1", "--yes", *as_role, status=ExitStatus.FAILED)
    deletes = changed.refused("prune", "--keep", "1", "--yes", *as_role, status=ExitStatus.FAILED)
    assert "\n  It lacks: DELETE on pov.object, DELETE on pov.revision, DELETE on pov.snapshot\n" in deletes
    assert changed.told("prune", "--keep", "1", "--dry-run", *as_role)["snapshots"] == []


def test_where_functions_are_not_everybodys_a_reader_needs_them_too(changed: Database, role: str) -> None:
    """As in a database that was made with --roles."""
    changed.do("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pov FROM PUBLIC")
    changed.do(f"GRANT USAGE ON SCHEMA pov TO {role}", f"GRANT SELECT ON ALL TABLES IN SCHEMA pov TO {role}")
    as_role = ("--user", role, "--password", "role")
    for verb in (["history"], ["diff", "1"]):
        said = changed.refused(*verb, *as_role, status=ExitStatus.FAILED)
        assert "\n  It lacks: EXECUTE on all functions in schema pov\n" in said
    changed.do(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pov TO {role}")
    assert "* 1" in changed.said("history", *as_role)
    assert "~ function public.f(integer)" in changed.said("diff", "1", *as_role, status=ExitStatus.DIFFERENT)


def test_a_role_that_does_not_own_it_all_gets_the_whole_list(changed: Database, role: str) -> None:
    changed.do(f"GRANT USAGE ON SCHEMA pov TO {role}", f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA pov TO {role}")
    as_role = ("--user", role, "--password", "role")
    for arguments in (["rollback", "1", "--dry-run"], ["rollback", "1", "--yes"]):
        said = changed.refused(*arguments, *as_role)
        for name in ("constraint c ON public.t", "function public.f(integer)"):
            assert f'\n  {name}: role "{role}" must own it, or be a member of role "postgres"\n' in said


def test_a_lock_of_another_session_is_waited_for_again_and_again_then_told(changed: Database) -> None:
    with changed.held("SELECT * FROM t") as other:
        arguments = ("rollback", "1", "--yes", "--lock-timeout", "500", "--attempts", "2")
        said = changed.refused(*arguments, status=ExitStatus.FAILED)
        holder = (
            rf"In the way: session {other.info.backend_pid} of role postgres at 127\.0\.0\.1, idle in transaction,"
            r" in its transaction since \d\d:\d\d:\d\d UTC\."
        )
        waited = r"Waited in vain for a lock, to drop constraint c ON public\.t; nothing was changed\."
        assert re.search(rf"\nAttempt 1 of 2: {waited} .*{holder} Trying again\.\n", said)
        assert re.search(rf"\nerror: {waited}\n  .*{holder}\n", said)
        assert "SELECT * FROM t" not in said
    assert changed.run(*arguments).returncode == ExitStatus.DONE
    assert results(changed) == [(1,)]


def test_others_get_on_between_two_attempts(changed: Database) -> None:
    with changed.held("SELECT * FROM t") as other:
        process = changed.start("rollback", "1", "--yes", "--lock-timeout", "200", "--attempts", "100")
        changed.wait_until_one_waits()
        # Whoever comes now queues behind the attempt, and no longer than that lasts.
        changed.do("SET lock_timeout = '20s'", "SELECT * FROM t")
        other.execute("SELECT 1")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitStatus.DONE, errors
    assert results(changed) == [(1,)]


def test_reading_waits_for_a_lock_no_longer_than_a_rollback_does(changed: Database) -> None:
    with changed.held("LOCK TABLE t IN ACCESS EXCLUSIVE MODE") as other:
        arguments = ("rollback", "1", "--dry-run", "--lock-timeout", "500", "--attempts", "2")
        ended = changed.run(*arguments)
        assert ended.returncode == ExitStatus.FAILED
        assert re.search(
            rf"\nerror: Waited in vain for a lock, to [a-z ]+\.\n  In the way: session {other.info.backend_pid} of",
            ended.stderr,
        )
    assert changed.run(*arguments).returncode == ExitStatus.DONE


@pytest.mark.parametrize("verb", ["rollback 1 --yes", "snapshot", "prune --keep 1 --yes"])
def test_whoever_comes_second_waits_and_is_told_who_is_at_work(changed: Database, verb: str) -> None:
    changed.said("snapshot")
    with changed.held("SELECT pov.take_turn()") as other:
        process = changed.start(*verb.split())
        line = next_line(process, "Attempt 1 of ")
        who = f"session {other.info.backend_pid} of role postgres at 127.0.0.1, idle in transaction, in its transaction"
        assert f'Another snapshot or rollback is at work in database "{changed.name}". In the way: {who} since ' in line
    _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitStatus.DONE, errors


def test_whose_turn_never_comes_is_refused(changed: Database) -> None:
    with changed.held("SELECT pov.take_turn()"):
        said = changed.refused("rollback", "1", "--yes", "--attempts", "2")
    assert "\nAttempt 1 of 2: Another snapshot or rollback is at work in database" in said
    assert f'\nerror: Another snapshot or rollback is at work in database "{changed.name}".\n  In the way: ' in said
    assert "\n  Wait until its transaction has ended." in said


def test_two_rollbacks_at_once_end_where_both_wanted_to(changed: Database) -> None:
    with changed.held("SELECT * FROM t"):
        processes = [changed.start("rollback", "1", "--yes", "--lock-timeout", "1000") for _ in range(2)]
        changed.wait_until_one_waits()
    said = []
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == ExitStatus.DONE, errors
        said.append(output)
    assert results(changed) == [(1,)]
    assert sorted(output.partition(" snapshot 1")[0] for output in said) == ["Back at", "What is live is as in"]
    assert changed.rows("SELECT count(*) FROM pov.snapshot") == [(3,)]


def test_a_rollback_does_not_override_what_another_did_while_it_waited(changed: Database) -> None:
    changed.said("snapshot")
    with changed.held("SELECT pov.take_turn()") as other:
        process = changed.start("rollback", "1", "--yes")
        next_line(process, "Attempt 1 of ")
        other.execute("CREATE VIEW urgent AS SELECT 1 AS a")
        other.execute("SELECT pov()")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitStatus.REFUSED
    assert "error: Nothing was changed: what is live has changed since the plan was made." in errors
    assert "Look at slate-schema rollback 1 --dry-run, then run the command again." in errors
    assert results(changed) == [(2,)]


def test_where_nothing_can_be_written_it_can_be_read(changed: Database) -> None:
    changed.do(f'ALTER DATABASE "{changed.name}" SET default_transaction_read_only = on')
    assert "* 1" in changed.said("history")
    assert "replace function public.f(integer)" in changed.said("rollback", "1", "--dry-run")
    for verb in (["snapshot"], ["rollback", "1", "--yes"], ["prune", "--keep", "1", "--yes"]):
        assert "can only be read from." in changed.refused(*verb, status=ExitStatus.FAILED)
