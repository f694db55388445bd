"""A source under recovery refuses writers until it is proven to be what the backup is."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests.recovery import Site, append, open_site, read_report, start, wait_for
from tests.servers import Server

METHODS = ("restore-events", "copy")
WRITERS = ("SELECT append_events('[{}]')", "SELECT insert_events($$($1[1], $2, '{}')$$)")
LOCK = 42


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup, and a new source."""
    with open_site(server, backup_server, name, tmp_path) as site:
        site.make_source()
        yield site


def add_trigger(site: Site, action: str) -> None:
    """Has a command of PL/pgSQL run for each event before the source stores it, as a user's own trigger may."""
    with site.connect() as connection:
        connection.execute(
            f"""
            CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {action} RETURN NEW; END $$;
            CREATE TRIGGER act BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION act()""".encode()
        )


def check_writers_are_refused(site: Site) -> None:
    with site.connect() as connection:
        for query in WRITERS:
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(query.encode())
            assert caught.value.sqlstate == "SL004"
            assert caught.value.diag.message_primary == "This source is being recovered and takes no events yet"


@contextmanager
def held_at_event(site: Site, number: int, *more: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Inside, a recovery has come to that event, and waits there. Afterwards it goes on."""
    add_trigger(site, f"IF NEW.id = {number} THEN PERFORM pg_advisory_xact_lock({LOCK}); END IF;")
    waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    with site.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        process = start([*site.arguments, "--yes", *more], site.server.environment(**environment))
        wait_for(lambda: holder.execute(waits).rowcount == 1, f"the recovery to come to event {number}")
        yield process


def test_a_limit_for_idle_sessions_does_not_end_a_recovery(site: Site) -> None:
    idle = """
        SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slate-recover'
        AND state = 'idle' AND state_change < clock_timestamp() - interval '1 s'
    """
    limit = "-c idle_session_timeout=300ms"
    with held_at_event(site, 50, "--method", "copy", PGOPTIONS=limit) as process, site.connect() as watcher:
        wait_for(lambda: watcher.execute(idle).rowcount, "the session with the lock of the run to be idle")
    told = process.communicate()
    assert process.returncode == ExitStatus.DONE, told
    assert site.same_events()


def test_the_server_ends_what_a_killed_command_had_it_do(site: Site) -> None:
    sessions = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slate-recover'"
    with held_at_event(site, 50, "--method", "restore-events") as process, site.connect() as watcher:
        process.kill()
        wait_for(lambda: not watcher.execute(sessions).rowcount, "the end of the killed command's sessions")
    process.communicate()


@pytest.mark.parametrize("method", METHODS)
def test_while_events_come_writers_are_refused_at_once(site: Site, method: str) -> None:
    with held_at_event(site, 60, "--method", method) as process:
        check_writers_are_refused(site)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitStatus.DONE, errors
    assert append(site.server, site.name) == 101


def test_a_second_recovery_of_the_same_source_is_refused(site: Site) -> None:
    with held_at_event(site, 60) as process:
        for more in ([], ["--replace"], ["--resume"]):
            ended = site.run(*more)
            assert ended.returncode == ExitStatus.REFUSED
            assert f"error: Another recovery of {site.place} is at work." in ended.stderr
    _, errors = process.communicate(timeout=60)
    assert process.returncode == ExitStatus.DONE, errors
    assert site.aside() == []


@pytest.mark.parametrize("method", METHODS)
def test_a_source_that_differs_is_told_and_stays_closed(site: Site, method: str) -> None:
    add_trigger(site, """IF NEW.id = 50 THEN NEW.event := '{"altered": true}'; END IF;""")
    report = site.folder / "report.json"
    ended = site.run("--method", method, "--report", str(report))
    assert ended.returncode == ExitStatus.DIFFERENT, ended.stderr
    assert ended.stdout.startswith(f"DIFFERENT: 100 events restored by {method}, 1 event differs from the backup\n")
    told = read_report(report)
    assert (told["verdict"], told["next_insert_id"]) == ("different", None)
    assert [(one["id"], one["kind"]) for one in told["diff"]["differences"]] == [(50, "changed")]
    assert f"{site.place} refuses writers as long as it differs." in told["notes"]
    check_writers_are_refused(site)


def test_a_source_that_differs_opens_when_it_was_put_right(site: Site) -> None:
    add_trigger(site, "IF NEW.id = 50 THEN NEW.ts := NEW.ts + interval '1 microsecond'; END IF;")
    for more in ([], ["--resume"]):
        ended = site.run(*more)
        assert ended.returncode == ExitStatus.DIFFERENT, ended.stderr
        check_writers_are_refused(site)
    with site.connect() as connection:
        connection.execute("""
            ALTER TABLE events DISABLE TRIGGER check_sql_command;
            UPDATE events SET ts = ts - interval '1 microsecond' WHERE id = 50;
            ALTER TABLE events ENABLE ALWAYS TRIGGER check_sql_command""")
    assert site.recover("--resume")["verdict"] == "identical"
    assert append(site.server, site.name) == 101


@pytest.mark.parametrize("method", METHODS)
def test_a_source_with_an_event_too_many_stays_closed(site: Site, method: str) -> None:
    add_trigger(site, "IF NEW.id = 50 THEN INSERT INTO public.events VALUES (101, NEW.ts, NEW.event); END IF;")
    ended = site.run("--method", method)
    assert ended.returncode == ExitStatus.FAILED
    said = {
        "restore-events": "(SQLSTATE SL03",
        "copy": "has 101 events, ids 1 to 101, instead of 1 to 100 (SQLSTATE SL042)",
    }
    assert said[method] in ended.stderr
    check_writers_are_refused(site)


def test_an_event_that_comes_after_the_load_keeps_the_source_closed(site: Site) -> None:
    with site.connect() as connection:
        connection.execute("""
            CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO public.events VALUES (101, now(), '{}'); RETURN NEW; END $$;
            CREATE TRIGGER act AFTER UPDATE OF next_id ON slate.recovery FOR EACH ROW EXECUTE FUNCTION act()""")
    ended = site.run()
    assert ended.returncode == ExitStatus.FAILED
    assert "The recovery of this source is not complete (SQLSTATE SL044)" in ended.stderr
    check_writers_are_refused(site)


def test_without_comparison_the_source_opens_and_the_report_says_so(site: Site) -> None:
    told = site.recover("--no-diff")
    assert (told["verdict"], told["diff"], told["next_insert_id"]) == ("not compared", None, 101)
    assert append(site.server, site.name) == 101
