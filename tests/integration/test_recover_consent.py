"""Nothing is changed without consent: a dry run writes nothing, and only a person's yes, or --yes, lets it go on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import terminal as terminals
from tests.recovery import COMMAND, ONE_DIRECTION, Site, append, open_site, run
from tests.servers import Server
from tests.terminal import Terminal

METHODS = ("restore-events", "copy")
# Row versions tell of every write to a catalog or table, even one that was taken back by another.
CATALOG = """
SELECT 'database', d.datname::text, d.oid::text, d.xmin::text, ''::text FROM pg_database AS d
UNION ALL SELECT 'role', r.rolname::text, r.oid::text, r.xmin::text, '' FROM pg_authid AS r
"""
CONTENTS = """
SELECT 'class', c.relname::text, c.oid::text, c.xmin::text, c.relfilenode::text
FROM pg_class AS c WHERE c.relnamespace IN ('public'::regnamespace, to_regnamespace('slate'))
UNION ALL SELECT 'event', e.id::text, e.ts::text, e.xmin::text, e.event::text FROM events AS e
"""

pytestmark = ONE_DIRECTION


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup of a hundred events, of the test's own."""
    with open_site(server, backup_server, name, tmp_path) as site:
        yield site


def state(site: Site) -> list[Any]:
    """All that a write to either server would change."""
    found: list[Any] = []
    places = ((site.server, "postgres"), (site.server, site.name), (site.backup_server, "postgres"))
    for server, database in (*places, (site.backup_server, site.backup)):
        if database in server.databases():
            with server.connect(database) as connection:
                query = CATALOG if database == "postgres" else CONTENTS
                found.append(sorted(connection.execute(query.encode()).fetchall()))
    return found


@pytest.mark.parametrize(
    ("there", "options"),
    [
        ("nothing", ["--create"]),
        ("new", []),
        ("new", ["--method", "copy"]),
        ("used", ["--replace"]),
        ("nothing", ["--method", "promote"]),
    ],
    ids=["create", "restore-events", "copy", "replace", "promote"],
)
def test_a_dry_run_tells_the_plan_and_writes_nothing(site: Site, there: str, options: list[str]) -> None:
    if there != "nothing":
        site.make_source()
    if there == "used":
        append(site.server, site.name)
    before = state(site)
    ended = run([*site.arguments, "--dry-run", *options], site.server.environment())
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert ended.stderr == ""
    assert "\nPlan\n  1  " in ended.stdout
    assert site.backup_place in ended.stdout
    assert ended.stdout.endswith("Nothing was done: --dry-run.\n")
    assert state(site) == before


def test_a_dry_run_writes_no_report(site: Site) -> None:
    report = site.folder / "report.json"
    ended = site.run("--create", "--dry-run", "--report", str(report))
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert not report.exists()


def test_a_dry_run_that_finds_a_fault_ends_with_it_and_tells_all_it_found(site: Site) -> None:
    ended = site.run("--dry-run")
    assert ended.returncode == ExitStatus.REFUSED
    assert f"no  there is no database {site.place}" in ended.stdout
    assert f"ok  backup {site.backup_place}: 100 events, ids 1 to 100" in ended.stdout
    assert f"error: There is no database {site.place}.\n  Add --create to have it made" in ended.stderr


@pytest.mark.parametrize("options", [["--create"], ["--replace"], ["--method", "promote"]], ids=" ".join)
def test_without_a_terminal_and_yes_nothing_is_changed(site: Site, options: list[str]) -> None:
    if options == ["--replace"]:
        site.make_source()
        append(site.server, site.name)
    before = state(site)
    ended = run([*site.arguments, *options], site.server.environment())
    assert ended.returncode == ExitStatus.REFUSED
    sentence = "error: Nothing was changed: nobody can be asked to agree to the plan here."
    assert f"{sentence}\n  Add --yes to have it carried out" in ended.stderr
    assert ended.stdout == ""
    assert state(site) == before


@contextmanager
def terminal(site: Site, *more: str) -> Iterator[Terminal]:
    with terminals.terminal([*site.arguments, *more], site.server.environment(), COMMAND) as running:
        yield running


def test_on_a_terminal_yes_goes_on(site: Site) -> None:
    with terminal(site, "--create") as running:
        running.answer("Go on?", b"y")
        assert running.end() == ExitStatus.DONE, running.screen()
        before_the_question, _, _ = running.screen().partition("Go on?")
        assert "Plan" in before_the_question
    assert site.same_events()


@pytest.mark.parametrize(
    ("keys", "status"),
    [(b"n", ExitStatus.REFUSED), (b"\r", ExitStatus.REFUSED), (b"\x03", ExitStatus.INTERRUPTED)],
    ids=["n", "enter", "ctrl-c"],
)
def test_on_a_terminal_anything_but_yes_changes_nothing(site: Site, keys: bytes, status: ExitStatus) -> None:
    before = state(site)
    with terminal(site, "--create") as running:
        running.answer("Go on?", keys)
        assert running.end() == status, running.screen()
        _, _, told = running.screen().partition("Go on?")
        said = "Nothing was changed: you did not agree." if status == ExitStatus.REFUSED else "nothing was changed."
        assert said in told
    assert state(site) == before


def test_no_input_asks_nobody(site: Site) -> None:
    with terminal(site, "--create", "--no-input") as running:
        assert running.end() == ExitStatus.REFUSED
        assert "Go on?" not in running.screen()
    assert site.name not in site.server.databases()


@pytest.mark.parametrize("options", [[], ["-v"], ["-vv"], ["-q"]], ids=["", "-v", "-vv", "-q"])
def test_json_logs_are_one_object_a_line(site: Site, options: list[str]) -> None:
    ended = site.run("--create", "--log-format", "json", *options)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert ended.stdout.startswith("IDENTICAL: 100 events restored by restore-events")
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert all({"level", "message"} <= line.keys() for line in lines)
    expected = ["create", "restore_events", "compare", "open"]
    # With -v each object of the database is a step as well.
    steps = [line["step"] for line in lines if line.get("step") in expected]
    assert steps == ([] if options == ["-q"] else expected)


def test_an_error_among_json_logs_has_its_code_and_hint(site: Site) -> None:
    ended = site.run("--log-format", "json")
    assert ended.returncode == ExitStatus.REFUSED
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (lines[-1]["level"], lines[-1]["code"]) == ("ERROR", "target-missing")
    assert lines[-1]["hint"].startswith("Add --create")


@pytest.mark.parametrize("method", METHODS)
def test_quiet_says_the_result_alone(site: Site, method: str) -> None:
    ended = site.run("--create", "-q", "--method", method)
    assert ended.returncode == ExitStatus.DONE
    assert ended.stderr == ""
    assert ended.stdout.startswith(f"IDENTICAL: 100 events restored by {method}")


def test_the_report_is_a_page_too(site: Site) -> None:
    page = site.folder / "incident.html"
    assert site.run("--create", "--report", str(page)).returncode == ExitStatus.DONE
    assert "100 events restored by restore-events" in page.read_text(encoding="utf-8")
