"""What ``slate-schema snapshot``, ``history``, ``show``, ``diff`` and ``prune`` tell, to people and to programs."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.pov import revision
from tests.pov_cases import CASES
from tests.servers import Server
from tests.snapshots import CHANGED_F, COMMAND, Database, F, database
from tests.terminal import terminal

_DIFFERENT = ExitStatus.DIFFERENT


@pytest.fixture
def store(server: Server, name: str) -> Iterator[Database]:
    with database(server, name) as prepared:
        yield prepared


def test_a_snapshot_tells_its_number_and_revision(store: Database) -> None:
    store.do(F)
    said = store.said("snapshot", "--note", "before release 7")
    ((revision, note),) = store.rows("SELECT revisionid, note FROM pov.snapshot")
    assert said == f"Snapshot 1: 1 object, revision {revision[:12]}.\n"
    assert note == "before release 7"


def test_nothing_new_is_said_to_be_nothing_new(store: Database) -> None:
    first = store.told("snapshot")
    assert (first["snapshot"], first["stored"]) == (1, True)
    again = store.run("snapshot", "--note", "why")
    assert again.returncode == ExitStatus.DONE
    assert again.stdout.startswith("Nothing has changed since snapshot 1, revision ")
    assert again.stderr == "warning: The note was not stored: no snapshot was taken.\n"
    assert store.told("snapshot") == first | {"stored": False}


def test_a_snapshot_says_which_one_it_equals(store: Database) -> None:
    store.said("snapshot")
    store.do(F)
    store.said("snapshot")
    store.do("DROP FUNCTION f(integer)")
    assert re.search(r"revision [0-9a-f]{12}, the same as snapshot 1\.$", store.said("snapshot"))


def test_history_of_a_database_without_snapshots_says_how_to_take_one(store: Database) -> None:
    assert store.said("history").endswith("has no snapshot yet: slate-schema snapshot takes one.\n")
    assert store.told("history")["snapshots"] == []


def test_history_marks_the_last_and_tells_what_each_is(store: Database) -> None:
    store.said("snapshot", "--note", "empty")
    store.do(F)
    store.said("rollback", "1", "--yes")
    lines = store.said("history").splitlines()
    assert [line[:3] for line in lines[1:4]] == ["  1", "  2", "* 3"]
    assert lines[1].endswith("  empty")
    assert lines[2].endswith("  before the rollback to 1")
    assert lines[3].endswith("  rollback to 1")
    assert lines[4] == "Live: as snapshot 3"
    told = store.told("history")
    assert (told["active"], told["live_differs"]) == (3, 0)
    assert [(one["number"], one["same_as"], one["rollback_to"]) for one in told["snapshots"]] == [
        (1, None, None),
        (2, None, None),
        (3, 1, 1),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", told["snapshots"][0]["taken"])


def test_history_tells_that_live_has_moved_on(store: Database) -> None:
    store.said("snapshot")
    store.do(F)
    assert store.said("history").splitlines()[-1] == "Live: 1 object not as in snapshot 1: slate-schema diff 1"


def test_a_note_that_only_claims_a_rollback_is_not_believed(store: Database) -> None:
    store.said("snapshot")
    store.do(F)
    store.said("snapshot", "--note", "rollback to 1")
    assert store.told("history")["snapshots"][1]["rollback_to"] is None


def test_show_lists_the_objects_by_kind_and_one_in_full(store: Database) -> None:
    store.do("CREATE TABLE t (a integer)", F, 'CREATE VIEW "two\nlines" AS SELECT f(a) FROM t')
    store.do("COMMENT ON FUNCTION f(integer) IS 'doubles nothing'")
    store.said("snapshot", "--note", "why")
    lines = store.said("show", "1").splitlines()
    assert re.fullmatch(r"Snapshot 1, taken [-0-9]+ [:0-9]+ UTC by postgres: why", lines[0])
    assert re.fullmatch(r"  2 objects, revision [0-9a-f]{64}", lines[1])
    assert lines[2:] == ["", "function (1)", "  public.f(integer)", "", "view (1)", '  public."two\\nlines"']
    full = store.said("show", "1", "--object", "f(int")
    assert full.startswith("-- function public.f(integer)\nCREATE OR REPLACE FUNCTION public.f(integer)\n")
    assert full.endswith("-- owner: postgres\nCOMMENT ON FUNCTION public.f(integer) IS 'doubles nothing';\n")
    assert [one["kind"] for one in store.told("show", "1")["objects"]] == ["function", "view"]


def test_what_is_not_there_is_said_so(store: Database) -> None:
    missing = store.refused("show", "4", status=ExitStatus.FAILED)
    assert "has no snapshot 4.\n  It has none at all.\n  slate-schema snapshot takes one." in missing
    store.said("snapshot")
    for verb in (["show", "4"], ["diff", "4"], ["diff", "1", "4"], ["rollback", "4", "--yes"]):
        assert "has no snapshot 4.\n  The newest is 1." in store.refused(*verb, status=ExitStatus.FAILED)
    assert 'no object with "nothing"' in store.refused("show", "1", "--object", "nothing", status=ExitStatus.FAILED)


def test_diff_tells_what_changed_since_and_the_commands_that_lead_there(store: Database) -> None:
    store.do("CREATE TABLE t (a integer)", F, "CREATE VIEW gone AS SELECT 1 AS a")
    store.said("snapshot")
    store.do(CHANGED_F, "DROP VIEW gone", "CREATE VIEW fresh AS SELECT a FROM t")
    said = store.said("diff", "1", status=_DIFFERENT)
    first, _, *lines = said.splitlines()
    assert first == "From snapshot 1 to the live state: 1 added, 1 changed, 1 removed"
    objects = [line for line in lines if re.match(r"[-+~] (function|view) ", line)]
    assert objects == ["~ function public.f(integer)", "+ view public.fresh", "- view public.gone"]
    assert "    -AS $function$SELECT $1$function$;" in lines
    assert "    +AS $function$SELECT $1 + 1$function$;" in lines
    titles = [line for line in lines if line.startswith("-- ") and "owner" not in line]
    assert titles == [
        "-- 1  replace function public.f(integer)",
        "-- 2  create view public.fresh",
        "-- 3  drop view public.gone",
    ]
    assert lines[-1] == "DROP VIEW public.gone;"
    assert store.run("diff", "1").stderr == ""


def test_diff_without_difference_says_so_with_status_0(store: Database) -> None:
    store.do(F)
    store.said("snapshot")
    assert store.said("diff", "1") == "From snapshot 1 to the live state: no difference\n"
    assert store.said("diff", "1", "1") == "From snapshot 1 to snapshot 1: no difference\n"
    told = store.told("diff", "1")
    assert (told["from"], told["to"], told["different"], told["objects"], told["commands"]) == (1, None, False, [], [])


def test_diff_shows_owner_grants_and_comments_too(store: Database) -> None:
    store.do(F)
    store.said("snapshot")
    store.do("REVOKE EXECUTE ON FUNCTION f(integer) FROM PUBLIC", "COMMENT ON FUNCTION f(integer) IS 'new'")
    said = store.said("diff", "1", status=_DIFFERENT)
    assert "\n    +COMMENT ON FUNCTION public.f(integer) IS 'new';\n" in said
    assert "\n    +GRANT EXECUTE ON ROUTINE public.f(integer) TO postgres;\n" in said
    assert "\nREVOKE ALL ON ROUTINE public.f(integer) FROM " in said


def plan_between(store: Database, before: str, after: str) -> list[tuple[Any, ...]]:
    return store.rows(f"SELECT * FROM pov.plan_between({before}, {after}) ORDER BY step")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_commands_between_two_snapshots_lead_there_and_back(store: Database, case: str) -> None:
    store.do("CREATE TABLE t (a integer)")
    # What is no part of snapshots has to be there beforehand.
    for part in (part for part in case.split(";") if part.lstrip().startswith(("CREATE SCHEMA", "CREATE DOMAIN"))):
        store.do(part)
        case = case.replace(part, "")
    revisions = {"1": revision(store.connection)}
    store.do(F + ";" + case)
    revisions["2"] = revision(store.connection)
    store.do("SET check_function_bodies = off")
    for before, after in (("2", "1"), ("1", "2")):
        store.do(*(command for *_, command in plan_between(store, before, after)))
        assert revision(store.connection) == revisions[after]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_plan_between_states_is_the_plan_of_a_rollback(store: Database, case: str) -> None:
    store.do("CREATE TABLE t (a integer)", F + ";" + case)
    revision(store.connection)
    store.do("DROP FUNCTION f(integer) CASCADE", F.replace("integer LANGUAGE", "bigint LANGUAGE"))
    plan = store.rows("SELECT * FROM pov.plan(1) ORDER BY step")
    assert plan
    assert plan_between(store, "NULL", "1") == plan
    # From where it is stored it is the same as from where it is live.
    revision(store.connection)
    assert plan_between(store, "2", "1") == plan


def test_grants_between_stored_snapshots_name_whom_they_take_from(server: Server, store: Database) -> None:
    role = f'odd TO "role {store.name}'
    quoted = '"' + role.replace('"', '""') + '"'
    store.do(f"CREATE ROLE {quoted}")
    try:
        store.do(F)
        store.said("snapshot")
        store.do(f"GRANT EXECUTE ON FUNCTION f(integer) TO {quoted} WITH GRANT OPTION")
        store.said("snapshot")
        told = store.told("diff", "2", "1", status=_DIFFERENT)
        head, names = told["commands"][0]["command"].split(" FROM ")
        assert head == "REVOKE ALL ON ROUTINE public.f(integer)"
        assert {quoted, "postgres", "PUBLIC"} == set(names.removesuffix(" CASCADE").split(", "))
        store.do(*(one["command"] for one in told["commands"]))
        assert store.said("diff", "1").endswith("no difference\n")
    finally:
        store.do(f"DROP OWNED BY {quoted}", f"DROP ROLE {quoted}")


def screen(arguments: list[str], environment: dict[str, str]) -> str:
    """Standard output of a run whose standard output is a terminal."""
    end, command_end = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=command_end, stderr=subprocess.PIPE
    ):
        os.close(command_end)
        received = b""
        while True:
            try:
                received += os.read(end, 65536)
            except OSError:
                # How Linux tells that the other end is closed.
                break
    os.close(end)
    return received.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("arguments", [["diff", "1"], ["rollback", "1", "--dry-run"], ["history"]], ids=" ".join)
def test_a_terminal_gets_colours_a_pipe_and_no_color_do_not(store: Database, arguments: list[str]) -> None:
    store.do(F, "CREATE VIEW gone AS SELECT 1 AS a")
    store.said("snapshot")
    store.do(CHANGED_F, "DROP VIEW gone")
    plain = store.run(*arguments, FORCE_COLOR="1").stdout
    assert "\x1b" not in plain
    environment = store.environment(TERM="xterm-256color")
    coloured = screen(arguments, environment)
    assert "\x1b[3" in coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain
    assert screen(arguments, environment | {"NO_COLOR": "1"}) == plain


def test_a_removed_view_is_red_and_an_added_one_green(store: Database) -> None:
    store.do("CREATE VIEW gone AS SELECT 1 AS a")
    store.said("snapshot")
    store.do("DROP VIEW gone", "CREATE VIEW fresh AS SELECT 1 AS a")
    coloured = screen(["diff", "1"], store.environment(TERM="xterm-256color"))
    assert "\x1b[31m- view public.gone\x1b[0m" in coloured
    assert "\x1b[32m+ view public.fresh\x1b[0m" in coloured
    assert "\x1b[31mDROP VIEW public.gone;\x1b[0m" in coloured


def test_what_a_terminal_would_act_on_reaches_a_pipe_alone(store: Database) -> None:
    store.do("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$SELECT 'a\x1b]0;title\x07'$$")
    store.said("snapshot")
    assert "\x1b]0;title\x07" in store.said("show", "1", "--object", "f()")
    shown = screen(["show", "1", "--object", "f()"], store.environment(TERM="xterm-256color"))
    assert "'a\\x1b]0;title\\x07'" in shown


def test_prune_keeps_the_newest_and_frees_what_no_other_holds(store: Database) -> None:
    for text in ("1", "2", "3"):
        store.do(f"CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT {text}'")
        store.said("snapshot", "--note", f"note {text}")
    store.said("rollback", "1", "--yes")
    before = store.state()
    dry = store.said("prune", "--keep", "2", "--dry-run")
    assert re.fullmatch(
        r"Plan\n  1  remove snapshot 1, [-0-9]+ [:0-9]+ UTC  note 1\n"
        r"  2  remove snapshot 2, [-0-9]+ [:0-9]+ UTC  note 2\nNothing was done: --dry-run\.\n",
        dry,
    )
    assert store.state() == before
    said = store.said("prune", "--keep", "2", "--yes")
    # Snapshot 4 holds what 1 held.
    assert said == "Removed 2 snapshots, with 1 revision and 1 object that no other one has.\n"
    assert store.rows("SELECT snapshotid FROM pov.snapshot ORDER BY 1") == [(3,), (4,)]
    store.said("rollback", "3", "--yes")
    assert store.rows("SELECT f()") == [(3,)]
    store.said("rollback", "4", "--yes")
    assert store.rows("SELECT f()") == [(1,)]


def test_prune_goes_by_age_and_never_takes_the_last(store: Database) -> None:
    for text in ("1", "2", "3"):
        store.do(f"CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT {text}'")
        store.said("snapshot")
    store.do("UPDATE pov.snapshot SET taken = taken - interval '10 days' * (4 - snapshotid)")
    assert store.told("prune", "--older-than", "15d", "--keep", "2", "--dry-run")["snapshots"] == [1]
    assert store.told("prune", "--older-than", "15d", "--dry-run")["snapshots"] == [1, 2]
    assert store.told("prune", "--older-than", "1h", "--yes") == {
        "place": f"127.0.0.1:{store.server.port}/{store.name}",
        "dry_run": False,
        "snapshots": [1, 2],
        "revisions": 2,
        "objects": 2,
    }
    assert store.said("prune", "--older-than", "1h", "--yes") == "There is nothing to remove.\n"
    with pytest.raises(psycopg.Error, match="Snapshot 3 is the active one; nothing was removed") as caught:
        store.do("SELECT pov.prune(ARRAY[3])")
    assert caught.value.sqlstate == "SL082"
    with pytest.raises(psycopg.Error, match="Which snapshots are to stay is not said") as caught:
        store.do("SELECT pov.prunable()")
    assert caught.value.sqlstate == "SL081"


def test_prune_asks_first(store: Database) -> None:
    store.said("snapshot")
    store.do(F)
    store.said("snapshot")
    assert "nobody can be asked" in store.refused("prune", "--keep", "1")
    with terminal(["prune", "--keep", "1"], store.environment(), COMMAND) as window:
        window.answer("Go on?", b"y")
        assert window.end() is ExitStatus.DONE
        assert window.output() == "Removed 1 snapshot, with 1 revision and 0 objects that no other one has.\n"


def test_options_stand_before_the_verb_as_well_as_behind(store: Database) -> None:
    bare = {"PATH": os.environ["PATH"]}
    server = store.server
    dsn = f"host=127.0.0.1 port={server.port} user=postgres password={server.password} dbname={store.name}"
    for arguments in (["--dsn", dsn, "snapshot"], ["snapshot", "--dsn", dsn], ["--dsn", dsn, "diff", "1"]):
        ended = commands.run(arguments, bare, COMMAND)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert server.password not in ended.stdout + ended.stderr
    behind = commands.run(["history", "--format", "json", "-d", store.name], server.environment(), COMMAND)
    assert json.loads(behind.stdout)["active"] == 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["show"], "N: is needed: the number of a snapshot; slate-schema history shows them"),
        (["diff", "one"], 'N: "one" is not a whole number from 1 to 2147483647'),
        (["diff", "1", "0"], 'M: "0" is not a whole number from 1 to 2147483647'),
        (["rollback", "1", "2"], 'arguments: "2" is one too many'),
        (["rollback", "1", "--lock-timeout", "0"], '--lock-timeout: "0" is not a whole number'),
        (["prune"], "--keep: or --older-than is needed: which snapshots are to stay"),
        (["prune", "--older-than", "30"], '--older-than: "30" is no age, such as 12h, 30d or 8w'),
        (["snapshot", "--note"], "--note: needs a value"),
        (["history", "--format", "xml"], '--format: "xml" is not one of text, json'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_faults_of_the_options_are_told_before_anything_is_connected_to(arguments: list[str], fault: str) -> None:
    ended = commands.run([*arguments, "--host", "127.0.0.1", "--port", "1"], {"PATH": os.environ["PATH"]}, COMMAND)
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    assert fault in ended.stderr
