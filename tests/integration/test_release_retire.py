"""``slate-schema release retire`` and ``restore``: what nobody needs goes, and comes back as it was."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import releases
from tests.releases import FILES, SEED_FILES, WEB, Project
from tests.servers import Server, wait_for
from versioning.releases import contents

MORE = {
    "20_types/30_more.sql": "CREATE TYPE colour AS ENUM ('red', 'green');\n"
    "CREATE DOMAIN amount AS numeric(10, 2) DEFAULT 0 CHECK (VALUE >= 0);\n"
    "COMMENT ON TYPE colour IS 'Of proj_api.';\nCREATE TABLE list (id integer PRIMARY KEY, c colour DEFAULT 'red');\n"
    "CREATE VIEW reds AS SELECT id FROM list WHERE c = 'red';\nGRANT SELECT ON reds TO proj_api_usage;\n",
    "30_stored_procedures/30_more.sql": "CREATE AGGREGATE total(amount) (SFUNC = numeric_add, STYPE = numeric);\n"
    "CREATE PROCEDURE clean(INOUT a amount) LANGUAGE plpgsql AS 'BEGIN a := 1; END';\n",
}
UNCOUNTED = ("--calls-not-counted", "--yes")


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    with releases.project(server, name, tmp_path / "50_proj_api") as made:
        releases.make_roles(server)
        yield made


def held(project: Project, schema: str = "proj_api_v1_0_0") -> Any:
    """All that the schema holds."""
    with project.session() as session:
        session.execute("SET search_path = pg_catalog")
        return contents.read(session, schema)


def exists(project: Project, schema: str = "proj_api_v1_0_0") -> bool:
    return bool(project.value(f"SELECT to_regnamespace('{schema}') IS NOT NULL"))


@pytest.mark.parametrize("files", [FILES | MORE, SEED_FILES | MORE], ids=["template", "the article's file"])
def test_a_retired_release_comes_back_as_it_was(project: Project, files: dict[str, str]) -> None:
    project.create("1.0.0", files=files)
    before = held(project)
    assert len(before.routines) == 4
    told = project.done("retire", "1.0.0", *UNCOUNTED)
    assert told == "proj_api_v1_0_0 is retired. slate-schema release restore proj_api_v1_0_0 brings it back.\n"
    assert not exists(project)
    error = project.refused(ExitStatus.REFUSED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert "was retired" in error
    project.done("restore", "1.0.0", "--yes")
    assert held(project) == before
    assert project.refused(ExitStatus.REFUSED, "restore", "1.0.0", "--yes").startswith(
        "error: proj_api_v1_0_0 is there.\n"
    )


def test_functions_that_were_changed_since_come_back_as_they_were(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    with project.session() as session:
        session.execute("SET search_path TO proj_api_v1_0_0, public")
        session.execute("CREATE FUNCTION added(o simple_object) RETURNS text LANGUAGE sql AS 'SELECT ''it''''s'''")
        session.execute("CREATE OR REPLACE FUNCTION get_object(id integer) RETURNS simple_object"
                        " LANGUAGE sql AS 'SELECT NULL::proj_api_v1_0_0.simple_object'")  # fmt: skip
        session.execute(f"GRANT EXECUTE ON FUNCTION get_object TO {WEB} WITH GRANT OPTION".encode())
        session.execute("COMMENT ON FUNCTION added IS 'later'")
        session.execute("DROP FUNCTION set_object")
    before = held(project)
    project.done("retire", "1.0.0", *UNCOUNTED)
    project.done("restore", "1.0.0", "--yes")
    assert held(project) == before
    assert sorted(before.routines) == ["added(\x01.simple_object)", "get_object(integer)"]


def test_what_no_script_brings_back_is_not_retired(project: Project) -> None:
    project.create("1.0.0", files=FILES | MORE)
    with project.session() as session:
        session.execute("INSERT INTO proj_api_v1_0_0.list VALUES (1)")
    error = project.refused(ExitStatus.REFUSED, "retire", "1.0.0", *UNCOUNTED)
    assert error.startswith("error: Table proj_api_v1_0_0.list has rows, which would be lost with the schema.\n")
    with project.session() as session:
        session.execute("TRUNCATE proj_api_v1_0_0.list")
        session.execute("ALTER TABLE proj_api_v1_0_0.list ADD COLUMN later integer")
    before = project.state()
    error = project.refused(ExitStatus.REFUSED, "retire", "1.0.0", *UNCOUNTED)
    assert error.startswith(
        "error: What created proj_api_v1_0_0 does not make it as it is now. It differs in:\n  table list"
    )
    assert project.state() == before


def test_who_needs_it_is_told_by_name_and_it_stays(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    with project.session() as session:
        for statement in (
            "CREATE VIEW public.objects AS SELECT (proj_api_v1_0_0.get_object(1)).name",
            "CREATE TABLE public.kept (id integer, o proj_api_v1_0_0.simple_object)",
            "CREATE FUNCTION public.calls() RETURNS text LANGUAGE plpgsql AS"
            " 'BEGIN RETURN proj_api_v1_0_0.get_object(1); END'",
            f"ALTER ROLE {WEB} SET search_path TO proj_api_v1_0_0",
            f"ALTER DATABASE {project.database} SET search_path TO proj_api_v1_0_0, public",
        ):
            session.execute(statement.encode())
    error = project.refused(ExitStatus.REFUSED, "retire", "1.0.0", *UNCOUNTED)
    first, *named = error.splitlines()
    assert first == "error: proj_api_v1_0_0 cannot be retired: it is still needed:"
    assert named[:-1] == [
        "  table column public.kept.o",
        "  view public.objects",
        "  the database: search_path = proj_api_v1_0_0, public",
        f'  role "{WEB}" in every database: search_path = proj_api_v1_0_0',
        "  function public.calls(), whose body names it",
    ]
    assert exists(project)


def test_whose_calls_are_not_counted_for_long_enough_stays(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    error = project.refused(ExitStatus.REFUSED, "retire", "1.0.0", "--yes")
    assert error.startswith(
        "error: proj_api_v1_0_0 cannot be retired: its calls are not counted: track_functions is none.\n"
    )
    project.server.set(track_functions="all")
    try:
        project.done("list")
        error = project.refused(ExitStatus.REFUSED, "retire", "1.0.0", "--yes")
        assert "its calls are counted only since" in error
        grow_older(project, days=20)
        project.server.set(track_functions="pl")
        project.done("list")
        grow_older(project, days=20)
        error = project.refused(ExitStatus.REFUSED, "retire", "1.0.0", "--yes")
        assert "calls of 1 functions in SQL or C are not counted: track_functions is pl, not all" in error
    finally:
        project.server.set(track_functions="none")
    assert exists(project)


def grow_older(project: Project, days: int) -> None:
    """Has all samples be taken that many days before."""
    with project.session() as session:
        session.execute(
            f"UPDATE slate.release_calls SET first_at = first_at - interval '{days} days',"
            f" last_at = last_at - interval '{days} days'".encode()
        )


def test_who_was_called_is_told_and_stays_until_it_was_not_for_long_enough(project: Project) -> None:
    project.server.set(track_functions="all")
    try:
        project.create("1.0.0", files=FILES)
        grow_older(project, days=20)
        with project.session() as client:
            for _ in range(3):
                client.execute("SELECT proj_api_v1_0_0.get_object(1)")
        seen = "SELECT count(*) FROM pg_stat_user_functions WHERE schemaname = 'proj_api_v1_0_0'"
        wait_for(lambda: project.value(seen), "the statistics of the calls")
        error = project.refused(ExitStatus.REFUSED, "retire", "1.0.0", "--yes")
        first, called, *_ = error.splitlines()
        assert first.startswith("error: proj_api_v1_0_0 cannot be retired: it was called since ")
        assert called == "  get_object(id integer): 3 calls"
        # What was seen stands against it, whoever says that calls are not counted.
        project.refused(ExitStatus.REFUSED, "retire", "1.0.0", *UNCOUNTED)
        grow_older(project, days=20)
        project.done("retire", "1.0.0", "--unused-for", "2w", "--yes")
        assert not exists(project)
    finally:
        project.server.set(track_functions="none")


def test_a_dry_run_tries_the_archive_and_changes_nothing(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    before = project.state()
    told = project.done("retire", "1.0.0", "--calls-not-counted", "--dry-run")
    assert told.endswith("Its archive was tried. Nothing was changed: --dry-run.\n")
    assert project.state() == before


def test_what_the_ledger_does_not_know_is_not_retired(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    with project.session() as session:
        session.execute("CREATE SCHEMA proj_api_v0_9_0")
    error = project.refused(ExitStatus.REFUSED, "retire", "0.9.0", *UNCOUNTED)
    assert error.startswith("error: The ledger does not know proj_api_v0_9_0,")
    assert exists(project, "proj_api_v0_9_0")


def test_a_restored_release_does_not_take_the_databases_path(server: Server, tmp_path: Path) -> None:
    with releases.project(server, "staging_proj_db", tmp_path / "50_proj_api") as project:
        releases.make_roles(server)
        project.create("1.0.0", files=SEED_FILES)
        project.create("1.1.0")
        project.done("retire", "1.0.0", *UNCOUNTED)
        assert project.value("SHOW search_path") == "proj_api_v1_1_0, public"
        project.done("restore", "1.0.0", "--yes")
        assert project.value("SHOW search_path") == "proj_api_v1_1_0, public"
        state = {
            one["schema"]: one["state"] for one in json.loads(project.done("list", "--format", "json"))["releases"]
        }
        assert state == {"proj_api_v1_0_0": "live", "proj_api_v1_1_0": "live"}
