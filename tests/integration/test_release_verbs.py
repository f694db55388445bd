"""``slate-schema release bootstrap``, ``list``, ``diff`` and ``test``."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import releases
from tests.releases import FILES, GET, WEB, Project, write_files
from tests.servers import Server

# What pgTAP's functions of these names give, for servers that do not have it.
TAP = """
CREATE FUNCTION plan(n integer) RETURNS text LANGUAGE sql AS 'SELECT ''1..'' || n';
CREATE FUNCTION ok(good boolean, name text) RETURNS text LANGUAGE sql AS
  'SELECT CASE WHEN good THEN '''' ELSE ''not '' END || ''ok 1 - '' || name';
"""


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    with releases.project(server, name, tmp_path / "50_proj_api") as made:
        yield made


def test_a_schema_is_made_anew_from_the_files_as_they_are(project: Project) -> None:
    write_files(project.folder, FILES)
    project.done("bootstrap", str(project.folder), "--yes")
    assert project.value("SELECT (proj_api.get_object(1)).name") == "one"
    write_files(project.folder, {"30_stored_procedures/20_get_object.sql": GET.replace("'one'", "'two'")})
    project.done("bootstrap", str(project.folder), "--yes")
    assert project.value("SELECT (proj_api.get_object(1)).name") == "two"
    assert project.value("SELECT to_regclass('slate.release') IS NULL")


def test_a_schema_that_cannot_be_made_anew_stays(project: Project) -> None:
    write_files(project.folder, FILES)
    project.done("bootstrap", str(project.folder), "--yes")
    before = project.state()
    write_files(project.folder, {"40_x.sql": "SELECT nothing_there()"})
    error = project.refused(ExitStatus.FAILED, "bootstrap", str(project.folder), "--yes")
    assert error.startswith("error: 40_x.sql, line 1: function nothing_there() does not exist")
    assert project.state() == before


def test_what_others_built_on_the_schema_is_told_and_goes_only_by_cascade(project: Project) -> None:
    write_files(project.folder, FILES)
    project.done("bootstrap", str(project.folder), "--yes")
    with project.session() as session:
        session.execute("CREATE VIEW public.objects AS SELECT (proj_api.get_object(1)).name")
        session.execute("CREATE VIEW public.names AS SELECT name FROM public.objects")
        session.execute("CREATE TABLE public.kept (id integer, o proj_api.simple_object)")
    error = project.refused(ExitStatus.REFUSED, "bootstrap", str(project.folder), "--yes")
    assert error.splitlines()[:4] == [
        "error: Others built on schema proj_api, and would go with it:",
        "  table column public.kept.o",
        "  view public.names",
        "  view public.objects",
    ]
    assert project.value("SELECT name FROM public.names") == "one"
    project.done("bootstrap", str(project.folder), "--yes", "--cascade")
    assert project.value("SELECT to_regclass('public.names') IS NULL")
    assert project.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.kept'::regclass AND attnum > 0"
                         " AND NOT attisdropped") == 1  # fmt: skip


def test_a_body_that_dynamic_sql_makes_is_looked_at_too(project: Project) -> None:
    text = """
    DO $$ BEGIN
      EXECUTE 'CREATE FUNCTION made() RETURNS text LANGUAGE sql AS ''SELECT ''''' || 'proj' || '_api.x''''''';
    END $$;
    """
    write_files(project.folder, FILES | {"40_x.sql": text})
    error = project.refused(ExitStatus.REFUSED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert error.splitlines()[:2] == [
        'error: Functions of the release still name the schema "proj_api":',
        "  40_x.sql, line 2: function proj_api_v1_0_0.made(): a string names proj_api",
    ]
    project.create("1.0.0", "--keep-strings")


def test_the_list_tells_what_there_is_and_who_may_call_it(project: Project) -> None:
    assert json.loads(project.done("list", "--format", "json"))["releases"] == []
    releases.make_web(project.server)
    project.create("1.9.0", files=FILES)
    project.create("1.10.0")
    project.done("activate", "1.10.0", "--role", WEB, "--yes")
    with project.session() as session:
        session.execute("CREATE SCHEMA other_v1_0_0")
    with project.session(user=WEB, password="web"):
        found = json.loads(project.done("list", "--format", "json"))["releases"]
    assert [one["schema"] for one in found] == ["other_v1_0_0", "proj_api_v1_9_0", "proj_api_v1_10_0"]
    assert [one["state"] for one in found] == ["not of this ledger", "live", "live"]
    assert found[1]["digest"] == found[2]["digest"]
    chosen = {
        key: found[2][key] for key in ("version", "functions", "execute", "schema_usage", "search_path_of", "sessions")
    }
    assert chosen == {
        "version": "1.10.0",
        "functions": 2,
        "execute": [releases.EXECUTOR],
        "schema_usage": [releases.EXECUTOR, releases.USAGE],
        "search_path_of": [f'role "{WEB}"'],
        "sessions": 1,
    }
    text = project.done("list", "--schema", "other")
    assert text.splitlines()[1] == "  other_v1_0_0  not of this ledger"


def test_who_may_not_write_the_ledger_still_gets_a_list(project: Project) -> None:
    releases.make_web(project.server)
    project.create("1.0.0", files=FILES)
    ended = project.run("list", PGUSER=WEB, PGPASSWORD="web")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert "proj_api_v1_0_0" in ended.stdout
    assert f'warning: Role "{WEB}" may not write to the ledger: no sample of the calls was taken.' in ended.stderr


OLD = """
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TYPE shape AS ENUM ('round', 'flat');
CREATE TYPE pair AS (a integer, b text);
CREATE FUNCTION same(a integer) RETURNS pair LANGUAGE sql AS 'SELECT NULL::proj_api.pair';
CREATE FUNCTION body(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION result() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION gone() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION renamed(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION more(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION wants(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION defaults(a integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT 1';
"""
NEW = """
CREATE TYPE colour AS ENUM ('red', 'blue', 'green');
CREATE TYPE shape AS ENUM ('round');
CREATE TYPE pair AS (a integer, b text);
CREATE FUNCTION same(a integer) RETURNS pair LANGUAGE sql AS 'SELECT NULL::proj_api.pair';
CREATE FUNCTION body(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION result() RETURNS bigint LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION come() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION renamed(b integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION more(a integer, b text DEFAULT '') RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION wants(a integer, b text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION defaults(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
"""


def test_the_differences_of_two_versions_are_told_and_which_break_callers(project: Project) -> None:
    project.create("1.0.0", files={"10_a.sql": OLD})
    assert project.done("diff", "1.0.0", "1.0.0").splitlines()[-1] == "  no difference"
    project.create("2.0.0", files={"10_a.sql": NEW})
    ended = project.run("diff", "1.0.0", "2.0.0", "--format", "json")
    assert ended.returncode == ExitStatus.DIFFERENT
    told = json.loads(ended.stdout)
    assert {one["name"]: (one["change"], one["breaking"]) for one in told["differences"]} == {
        "body": ("body", None),
        "come": ("added", None),
        "gone": ("removed", "it is gone"),
        "colour": ("signature", None),
        "shape": ("signature", "a value is gone, or stands elsewhere"),
        "result": ("signature", "its result is another"),
        "renamed": ("signature", "an argument has another name"),
        "more": ("signature", None),
        "wants": ("signature", "it wants more arguments"),
        "defaults": ("signature", "an argument has no default any more"),
    }
    assert (told["difference_count"], told["breaking_count"]) == (10, 6)
    text = project.run("diff", "1.0.0", "2.0.0").stdout.splitlines()
    assert "  removed  function gone: gone() → integer  BREAKS CALLERS: it is gone" in text
    assert text[-1] == "  10 differences, 6 breaking"


def test_tests_are_run_against_a_version_and_rolled_back(project: Project, tmp_path: Path) -> None:
    releases.make_web(project.server)
    project.create("1.0.0", files=FILES)
    with project.session() as session:
        session.execute(TAP)
    folder = write_files(
        tmp_path / "tests",
        {
            "10_good.sql": "BEGIN; SELECT plan(1); SELECT ok((proj_api.get_object(1)).name = 'one', 'name'); ROLLBACK;",
            "20_rows.sql": "CREATE TABLE public.left_over ();\nSELECT true;\n\n"
            "SELECT x FROM unnest(ARRAY[true, false]) x;",
            "30_error.sql": "SELECT 1;\nSELECT get_object();",
            "40_tap.sql": "SELECT plan(2);\nSELECT ok(false, 'wrong');",
            "50_good.sql": "SELECT to_regclass('public.left_over') IS NULL",
        },
    )
    before = project.state()
    ended = project.run("test", "1.0.0", str(folder))
    assert ended.returncode == ExitStatus.FAILED
    assert ended.stdout.splitlines() == [
        "ok  10_good.sql (1 checks)",
        "not ok  20_rows.sql (3 checks)",
        "    line 4: false",
        "not ok  30_error.sql (0 checks)",
        "    line 2: function get_object() does not exist (SQLSTATE 42883).",
        "not ok  40_tap.sql (1 checks)",
        "    line 2: not ok 1 - wrong",
        "    2 checks were planned, 1 ran",
        "ok  50_good.sql (1 checks)",
    ]
    assert "error: 3 of 5 files failed against proj_api_v1_0_0." in ended.stderr
    assert project.state() == before
    ended = project.run("test", "1.0.0", str(folder), "--role", WEB)
    assert "permission denied for schema proj_api_v1_0_0" in ended.stdout


@pytest.fixture
def tapped(clusters: dict[tuple[int, str], Server], tmp_path: Path) -> Iterator[Project]:
    """A project on Debian's PostgreSQL, for which there is a pgTAP."""
    if (15, "source") not in clusters:
        pytest.skip("PostgreSQL 15 is missing")
    with releases.project(clusters[15, "source"], "tapped", tmp_path / "50_proj_api") as made:
        is_there = made.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'pgtap'")
        assert is_there or not os.environ.get("CI"), "Debian's pgTAP is missing"
        if not is_there:
            pytest.skip("pgTAP is missing")
        yield made


def test_tests_in_the_words_of_pgtap_are_judged_by_what_it_reports(tapped: Project, tmp_path: Path) -> None:
    with tapped.session() as session:
        session.execute("CREATE SCHEMA tap CREATE TABLE tap.kept (); CREATE EXTENSION pgtap SCHEMA tap")
    tapped.create("1.0.0", files=FILES)
    has = "SELECT has_function('proj_api_v1_0_0', 'get_object', ARRAY['integer'], 'is there');"
    name = "SELECT is((proj_api.get_object(1)).name, '{}', 'its name');"
    folder = write_files(
        tmp_path / "tests",
        {
            "10_good.sql": f"BEGIN;\nSELECT plan(2);\n{has}\n{name.format('one')}\nSELECT * FROM finish();\nROLLBACK;",
            "20_wrong.sql": f"SELECT plan(2);\n{has}\n{name.format('two')}\nSELECT * FROM finish();",
            "30_short.sql": f"SELECT plan(2);\n{has}\nSELECT * FROM finish();",
            "40_open.sql": f"SELECT * FROM no_plan();\n{has}\nSELECT * FROM finish();",
        },
    )
    ended = tapped.run("test", "1.0.0", str(folder))
    assert ended.returncode == ExitStatus.FAILED
    told = ended.stdout.splitlines()
    assert [line for line in told if not line.startswith(" ")] == [
        "ok  10_good.sql (2 checks)",
        "not ok  20_wrong.sql (2 checks)",
        "not ok  30_short.sql (1 checks)",
        "ok  40_open.sql (1 checks)",
    ]
    assert "    line 3: not ok 2 - its name" in told[2]
    assert "    2 checks were planned, 1 ran" in told
