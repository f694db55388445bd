"""Whatever stops slate-recover, at whichever step: one line says what stands, and its advice completes it."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.recovery import ONE_DIRECTION, Site, append, open_site
from tests.servers import Server, wait_for

RECOVERING = Path(__file__).with_name("recovering.py")
EVENTS = 2000
# With --replace: set aside, create, load, compare, open.
STEPS = range(1, 6)
METHODS = ("restore-events", "copy")

pytestmark = ONE_DIRECTION


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup, and a source with one event of its own that is to be replaced."""
    with open_site(server, backup_server, name, tmp_path, EVENTS) as site:
        site.make_source()
        append(server, name)
        yield site


def start_with(fault: str, moment: str, step: int, site: Site, method: str) -> "subprocess.Popen[str]":
    """Starts a recovery that replaces the source, with the fault before or behind the step."""
    arguments = [fault, moment, str(step), *site.arguments, "--yes", "--replace", "--method", method]
    return subprocess.Popen(
        [sys.executable, str(RECOVERING), *arguments],
        env=site.server.environment(PYTHONPATH=str(Path(__file__).parents[2])),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop_with(fault: str, moment: str, step: int, site: Site, method: str) -> "tuple[int, list[str]]":
    """The exit status, and what was told on standard error."""
    process = start_with(fault, moment, step, site, method)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    wait_for(lambda: not sessions(site), "the sessions to end")
    return process.returncode, errors.splitlines()


def sessions(site: Site) -> int:
    with site.server.connect() as connection:
        return connection.execute("SELECT FROM pg_stat_activity WHERE application_name = 'slate-recover'").rowcount


def follow(advice: str, site: Site, method: str) -> None:
    """Does what the line advises, and makes sure that all is then as if nothing had happened."""
    more = ["--resume"] if "--resume" in advice else []
    if "is recovered and open" not in advice:
        ended = site.run("--replace", "--method", method, *more)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
    check(site)


def check(site: Site) -> None:
    """The source is the backup, the old one is set aside once, with its event, and writers go on."""
    assert site.same_events()
    assert append(site.server, site.name) == EVENTS + 1
    (aside,) = site.aside()
    with site.server.connect(aside) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("moment", ["before", "behind"])
@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_at_any_step_says_what_stands_and_how_to_go_on(site: Site, step: int, moment: str, method: str) -> None:
    status, lines = stop_with("interrupt", moment, step, site, method)
    assert status == ExitStatus.INTERRUPTED
    (told,) = [line for line in lines if line.startswith("warning: Interrupted: ")]
    assert told == lines[-1]
    if "nothing was changed" in told:
        assert site.aside() == []
    follow(told, site, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("step", STEPS)
def test_what_kill_9_leaves_behind_any_step_another_run_completes(site: Site, step: int, method: str) -> None:
    status, _ = stop_with("kill", "behind", step, site, method)
    assert status == -signal.SIGKILL
    if step == max(STEPS):
        check(site)
        return
    ended = site.run("--replace", "--method", method, "--resume")
    if ended.returncode == ExitStatus.REFUSED:
        assert "nothing to resume" in ended.stderr
        ended = site.run("--replace", "--method", method)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    check(site)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("step", [step for step in STEPS if step < max(STEPS)])
def test_a_server_that_ends_our_sessions_is_told_of_and_what_stands(site: Site, step: int, method: str) -> None:
    status, lines = stop_with("server", "behind", step, site, method)
    if status == ExitStatus.DONE:
        # Behind the first step none of them is needed any more.
        assert step == 1
        check(site)
        return
    assert status == ExitStatus.FAILED
    (told,) = [line for line in lines if line.startswith("warning: What stands: ")]
    assert any(line.startswith("error: The connection to the server was lost") for line in lines)
    follow(told, site, method)


def test_a_second_recovery_is_refused_while_one_is_at_work(site: Site) -> None:
    first = start_with("pause", "behind", 2, site, "copy")
    assert first.stdout and first.stdin
    assert first.stdout.readline() == "paused\n"
    for more in ([], ["--create"], ["--replace"], ["--resume"], ["--method", "copy", "--replace"]):
        second = site.run(*more)
        assert second.returncode == ExitStatus.REFUSED
        assert f"error: Another recovery of {site.place} is at work." in second.stderr
    first.stdin.write("\n")
    first.stdin.flush()
    _, errors = first.communicate(timeout=60)
    assert first.returncode == ExitStatus.DONE, errors
    check(site)


def test_an_interrupt_in_the_survey_changes_nothing(site: Site) -> None:
    with site.connect_backup() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        process = start_with("none", "before", 0, site, "copy")
        wait_for(lambda: waiting_for_lock(site), "the survey to wait")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == ExitStatus.INTERRUPTED
    assert errors.splitlines()[-1] == "warning: Interrupted: nothing was changed."
    assert site.aside() == []


def waiting_for_lock(site: Site) -> int:
    query = "SELECT FROM pg_stat_activity WHERE application_name = 'slate-recover' AND wait_event_type = 'Lock'"
    with site.backup_server.connect() as connection:
        return connection.execute(query).rowcount


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE events SET event = '0' WHERE id = 7", "has changed: its events 1 to 64 are not those copied before"),
        ("DELETE FROM events WHERE id = 7", "event 7 is missing"),
        ("TRUNCATE events", "it has no events"),
    ],
)
def test_resume_refuses_a_backup_that_has_changed(site: Site, change: str, sentence: str) -> None:
    leave_half_a_copy(site)
    with site.connect_backup() as backup:
        backup.execute(change.encode())
    ended = site.run("--resume")
    assert ended.returncode == ExitStatus.REFUSED
    assert sentence in ended.stderr


def test_resume_refuses_another_backup_though_it_has_the_same_events(site: Site) -> None:
    leave_half_a_copy(site)
    other = f"{site.backup}_other"
    with site.backup_server.connect() as connection:
        connection.execute(f"CREATE DATABASE {other} TEMPLATE {site.backup}".encode())
    try:
        more = Site(site.server, site.backup_server, site.name, other, site.folder)
        ended = more.run("--resume")
    finally:
        site.backup_server.drop(other)
    assert ended.returncode == ExitStatus.REFUSED
    assert "error: The unfinished recovery was begun from another backup." in ended.stderr


def test_resume_goes_up_to_the_event_that_it_began_with_though_the_backup_has_grown(site: Site) -> None:
    leave_half_a_copy(site)
    with site.connect_backup() as backup:
        backup.execute(f"INSERT INTO events SELECT {EVENTS} + i, now(), '1' FROM generate_series(1, 10) AS i".encode())
    ended = site.run("--resume")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert append(site.server, site.name) == EVENTS + 1


def leave_half_a_copy(site: Site) -> None:
    """A recovery by copy of which some ranges are stored."""
    blocked = "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'enough'; END $$"
    site.server.drop(site.name)
    site.make_source()
    with site.connect() as source:
        source.execute(blocked.encode())
        source.execute(
            f"""
            CREATE TRIGGER stop BEFORE INSERT ON events FOR EACH ROW
            WHEN (NEW.id > {EVENTS // 2}) EXECUTE FUNCTION stop()
        """.encode()
        )
        process = start_with("none", "before", 0, site, "copy")
        process.communicate(timeout=60)
        assert process.returncode == ExitStatus.FAILED
        assert source.execute("SELECT FROM slate.recovery_range").rowcount > 0
        source.execute("DROP TRIGGER stop ON events")


@pytest.mark.parametrize("seed", range(20))
def test_promote_killed_at_any_moment_leaves_a_backup_or_a_source(site: Site, seed: int) -> None:
    moment = random.Random(seed).uniform(0.2, 0.7)
    process = subprocess.Popen(
        [sys.executable, str(RECOVERING), "none", "before", "0", *site.arguments, "--yes", "--method", "promote"],
        env=site.server.environment(PYTHONPATH=str(Path(__file__).parents[2])),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with site.connect_backup() as backup:
        wait_for(
            lambda: (
                not backup.execute("SELECT FROM pg_stat_activity WHERE application_name = 'slate-recover'").rowcount
            ),
            "the killed session to end",
        )
        row = backup.execute("""
            SELECT to_regclass('public.id') IS NOT NULL, to_regproc('public.insert_events') IS NOT NULL,
                   to_regnamespace('slate') IS NOT NULL,
                   EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'events'::regclass AND tgname = 'check_sql_command')
        """).fetchone()
    assert row in {(True,) * 4, (False,) * 4}
    again = site.run("--method", "promote")
    if row == (True,) * 4:
        assert again.returncode == ExitStatus.REFUSED
        assert "it is a source already" in again.stderr
    else:
        assert again.returncode == ExitStatus.DONE, again.stderr
    assert append(site.backup_server, site.backup) == EVENTS + 1
