"""``slate-schema release activate`` and ``rollback``: which version new sessions find first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import releases
from tests.releases import FILES, WEB, Project
from tests.servers import Server

CLIENT = {"user": WEB, "password": "web"}


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    with releases.project(server, name, tmp_path / "50_proj_api") as made:
        releases.make_web(server)
        made.create("1.0.0", files=FILES)
        made.create("1.1.0")
        yield made


def path(project: Project, **client: str) -> str:
    found = project.value("SHOW search_path", **client)
    assert isinstance(found, str)
    return found


def test_a_role_is_led_from_version_to_version_and_back_again(project: Project) -> None:
    told = project.done("activate", "1.0.0", "--role", WEB, "--yes")
    assert told.startswith(f'The search_path of role "{WEB}" is proj_api_v1_0_0, public.')
    assert path(project, **CLIENT) == "proj_api_v1_0_0, public"
    project.done("activate", "proj_api_v1_1_0", "--role", WEB, "--yes")
    assert path(project, **CLIENT) == "proj_api_v1_1_0, public"
    assert path(project) == '"$user", public'
    project.done("rollback", "--role", WEB, "--yes")
    assert path(project, **CLIENT) == "proj_api_v1_0_0, public"
    project.done("rollback", "--role", WEB, "--yes")
    assert path(project, **CLIENT) == '"$user", public'
    error = project.refused(ExitStatus.REFUSED, "rollback", "--role", WEB, "--yes")
    assert error.startswith(f'error: No activation for role "{WEB}" is left to be rolled back.\n')


def test_the_version_takes_the_place_of_another_one_in_the_databases_path(project: Project) -> None:
    with project.session() as session:
        session.execute('CREATE SCHEMA "Odd, one"')
        session.execute(
            f'ALTER DATABASE {project.database} SET search_path TO "Odd, one", proj_api_v1_0_0, "$user"'.encode()
        )
    project.done("activate", "1.1.0", "--yes")
    assert path(project) == '"Odd, one", proj_api_v1_1_0, "$user"'
    project.done("rollback", "--database", "--yes")
    assert path(project) == '"Odd, one", proj_api_v1_0_0, "$user"'


def test_the_issues_own_words_mean_the_database(project: Project) -> None:
    project.done("activate", "1.1.0", "--yes", "--database")
    assert path(project) == "proj_api_v1_1_0, public"
    faults = project.refused(ExitStatus.BAD_OPTIONS, "activate", "1.1.0", "--role", WEB, "--database")
    assert "--database: needs a name where there is --role" in faults


def test_a_path_that_somebody_else_has_changed_is_not_rolled_back(project: Project) -> None:
    project.done("activate", "1.1.0", "--role", WEB, "--yes")
    with project.session() as session:
        session.execute(f"ALTER ROLE {WEB} IN DATABASE {project.database} SET search_path TO public".encode())
    error = project.refused(ExitStatus.REFUSED, "rollback", "--role", WEB, "--yes")
    assert error.startswith(f'error: The search_path of role "{WEB}" is public, not proj_api_v1_1_0, public:')
    assert path(project, **CLIENT) == "public"


def test_a_dry_run_changes_nothing(project: Project) -> None:
    before = project.state()
    told = project.done("activate", "1.1.0", "--role", WEB, "--dry-run")
    assert f'1  set the search_path of role "{WEB}" to proj_api_v1_1_0, public' in told
    assert project.state() == before


def test_names_that_hide_others_and_calls_into_another_version_are_warned_of(project: Project) -> None:
    project.create(
        "2.0.0",
        files={
            "40_more/10_a.sql": "CREATE FUNCTION lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1';\n"
            "CREATE FUNCTION get_old() RETURNS text LANGUAGE plpgsql AS"
            " 'BEGIN RETURN (proj_api_v1_0_0.get_object(1)).name; END';\n"
        },
    )
    with project.session() as session:
        session.execute("CREATE FUNCTION public.get_object(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        session.execute(f"ALTER ROLE {WEB} IN DATABASE {project.database} SET search_path TO public".encode())
    told = project.run("activate", "2.0.0", "--yes").stderr
    assert "look out: function lower(text) of proj_api_v2_0_0 is hidden by that of pg_catalog" in told
    assert "look out: function get_object(integer) of public is hidden by that of proj_api_v2_0_0" in told
    assert "look out: function proj_api_v2_0_0.get_old() goes into schema proj_api_v1_0_0" in told
    assert f'look out: role "{WEB}" keeps its own: public' in told
    assert path(project) == "proj_api_v2_0_0, public"


def test_a_release_that_is_not_there_is_told_with_those_that_are(project: Project) -> None:
    error = project.refused(ExitStatus.REFUSED, "activate", "3.0.0", "--yes")
    assert error.splitlines() == [
        "error: There is no release 3.0.0.",
        "  Releases of this database: proj_api_v1_0_0, proj_api_v1_1_0.",
    ]
    with project.session() as session:
        session.execute("CREATE SCHEMA other_v1_0_0")
    error = project.refused(ExitStatus.REFUSED, "activate", "1.0.0", "--yes")
    assert error.startswith("error: Several releases are 1.0.0: other_v1_0_0, proj_api_v1_0_0.\n")
    project.done("activate", "1.0.0", "--schema", "proj_api", "--yes")


def test_who_may_not_set_the_path_is_told_who_may(project: Project) -> None:
    with project.session() as session:
        session.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA slate TO {WEB}".encode())
        session.execute(f"GRANT DELETE ON slate.release_calls TO {WEB}".encode())
    ended = project.run("activate", "1.0.0", "--yes", PGUSER=WEB, PGPASSWORD="web")
    assert ended.returncode == ExitStatus.FAILED
    assert "error: Your role may not set the search_path of the database." in ended.stderr
    assert path(project) == '"$user", public'
