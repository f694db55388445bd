"""``slate-schema release create``: versions of an API side by side, each wholly there or not at all."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import releases
from tests.releases import CREATE_SCHEMA, EXECUTOR, FILES, GET, OWNER, SEED_FILES, USAGE, WEB, Project
from tests.servers import Server, wait_for
from tests.terminal import terminal

NEW_TYPE = "CREATE TYPE simple_object AS (id integer, name text, changed boolean);\n"
NEW_GET = GET.replace("'one'", "'two', true")
NEW_FILES = {
    "20_types/20_simple_object_input_type.sql": NEW_TYPE,
    "30_stored_procedures/20_get_object.sql": NEW_GET,
}


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    with releases.project(server, name, tmp_path / "50_proj_api") as made:
        yield made


@pytest.fixture(params=["by the article's file", "by the template"])
def released(request: pytest.FixtureRequest, project: Project) -> Project:
    """Versions 1.0.0 and 1.1.0, and a role that may call them."""
    if request.param == "by the article's file":
        releases.make_roles(project.server)
        files = SEED_FILES
    else:
        releases.make_web(project.server)
        files = FILES
    project.create("1.0.0", files=files)
    project.create("1.1.0", files=NEW_FILES)
    with project.session() as session:
        session.execute(f"GRANT {USAGE}, {EXECUTOR} TO {WEB}".encode())
    return project


def test_two_clients_see_each_its_own_version(released: Project) -> None:
    with released.session() as old, released.session() as new:
        old.execute("SET search_path TO proj_api_v1_0_0, public")
        new.execute("SET search_path TO proj_api_v1_1_0, public")
        query = "SELECT row_to_json(get_object(7))::text, set_object(get_object(7))"
        assert old.execute(query).fetchone() == ('{"id":7,"name":"one"}', "one")
        assert new.execute(query).fetchone() == ('{"id":7,"name":"two","changed":true}', "two")
        assert old.execute(query).fetchone() == ('{"id":7,"name":"one"}', "one")


def test_switching_back_touches_nothing(released: Project) -> None:
    before = released.state()
    with released.session() as session:
        for version in ("1_1_0", "1_0_0"):
            session.execute(f"SET search_path TO proj_api_v{version}, public".encode())
            session.execute("SELECT get_object(1)")
    assert released.state() == before


def test_who_is_of_the_executors_may_call_and_another_may_not(released: Project) -> None:
    web = {"user": WEB, "password": "web"}
    assert released.value("SELECT proj_api_v1_1_0.set_object(NULL) IS NULL", **web) is False
    with released.session() as session:
        session.execute(f"REVOKE {EXECUTOR} FROM {WEB}".encode())
    with released.session(**web) as session, pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
        session.execute("SELECT proj_api_v1_1_0.get_object(1)")
    assert "permission denied for function get_object" in str(refused.value)


def test_the_schema_and_all_in_it_belong_to_the_owner_role(released: Project) -> None:
    owners = (
        "SELECT array_agg(DISTINCT pg_get_userbyid(o)::text) FROM (SELECT nspowner AS o FROM pg_namespace"
        " WHERE nspname ~ '^proj_api' UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace::regnamespace::text ~"
        " '^proj_api' UNION ALL SELECT typowner FROM pg_type WHERE typnamespace::regnamespace::text ~ '^proj_api') AS o"
    )
    assert released.value(owners) == [OWNER]


def test_the_defaults_hold_for_functions_that_are_added_later(released: Project) -> None:
    with released.session() as session:
        session.execute(f"SET ROLE {OWNER}".encode())
        session.execute("CREATE FUNCTION proj_api_v1_1_0.later() RETURNS integer LANGUAGE sql AS 'SELECT 3'")
        session.execute("RESET ROLE")
        session.execute("CREATE ROLE release_stranger LOGIN PASSWORD 'x'")
    try:
        web = {"user": WEB, "password": "web"}
        assert released.value("SELECT proj_api_v1_1_0.later()", **web) == 3
        with (
            released.session(user="release_stranger", password="x") as session,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            session.execute("SELECT proj_api_v1_1_0.later()")
    finally:
        with released.session() as session:
            session.execute("DROP ROLE release_stranger")


def test_the_template_gives_public_nothing_even_later(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    with project.session() as session:
        session.execute(f"SET ROLE {OWNER}".encode())
        session.execute("CREATE FUNCTION proj_api_v1_0_0.later() RETURNS integer LANGUAGE sql AS 'SELECT 3'")
    callers = "SELECT proacl::text FROM pg_proc WHERE proname = 'later'"
    assert project.value(callers) == f"{{{OWNER}=X/{OWNER},{EXECUTOR}=X/{OWNER}}}"


def test_public_keeps_its_right_where_it_is_to(project: Project) -> None:
    releases.make_roles(project.server)
    project.create("1.0.0", "--keep-public", files=SEED_FILES)
    assert "=X/" in project.value("SELECT proacl::text FROM pg_proc WHERE proname = 'get_object'").split(",")[0]


def test_a_version_that_exists_is_refused(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    before = project.state()
    error = project.refused(ExitStatus.REFUSED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert error.startswith("error: Schema proj_api_v1_0_0 exists.\n")
    assert project.state() == before


def test_a_dry_run_prints_the_script_and_leaves_nothing(project: Project) -> None:
    releases.write_files(project.folder, FILES)
    before = project.state()
    script = project.done("create", str(project.folder), "--version", "1.0.0", "--dry-run")
    assert project.state() == before
    assert project.value(f"SELECT count(*) FROM pg_roles WHERE rolname ~ '^{releases.BASE}'") == 0
    with project.session() as session:
        # The script is complete: what it makes is the release.
        session.execute(f"BEGIN; {script} COMMIT".encode())
        assert session.execute("SELECT (proj_api_v1_0_0.get_object(1)).name").fetchone() == ("one",)


def test_a_dry_run_tells_what_would_fail(project: Project) -> None:
    releases.write_files(project.folder, FILES | {"40_more/10_wrong.sql": "SELECT 1;\n\nSELECT nothing_there();\n"})
    error = project.refused(ExitStatus.FAILED, "create", str(project.folder), "--version", "1.0.0", "--dry-run")
    assert error.startswith("error: 40_more/10_wrong.sql, line 3: function nothing_there() does not exist")


def test_an_error_in_file_17_of_30_names_file_line_and_text_and_leaves_nothing(project: Project) -> None:
    files = {f"{number:02}_f.sql": f"CREATE FUNCTION f{number}() RETURNS integer\nLANGUAGE sql\nAS 'SELECT {number}';\n"
             for number in range(1, 31)}  # fmt: skip
    files["17_f.sql"] = (
        "-- two lines\n" * 2
        + "CREATE FUNCTION f17() RETURNS integer LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1 +;\nEND $$;\n"
    )
    releases.write_files(project.folder, files)
    before = project.state()
    error = project.refused(ExitStatus.FAILED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    first, second, *_ = error.splitlines()
    assert first == "error: 17_f.sql, line 5: syntax error at end of input (SQLSTATE 42601)."
    assert second == "  RETURN 1 +;"
    assert project.state() == before
    assert project.value(f"SELECT count(*) FROM pg_roles WHERE rolname ~ '^{releases.BASE}'") == 0


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SELECT 1;\n\n  CREATE TABLE t (a nothing);\n", 3, 'type "nothing" does not exist'),
        ("SELECT 1;\nCREATE TABLE t ();\n\nCREATE TABLE t ();\n", 4, 'relation "t" already exists'),
        ("DO $$\nBEGIN\n\n  RAISE 'no';\nEND $$;\n", 4, "no"),
    ],
    ids=["with a position", "without one", "in a block"],
)
def test_the_line_of_an_error_is_told(project: Project, text: str, line: int, words: str) -> None:
    releases.write_files(project.folder, {"10_a.sql": text})
    error = project.refused(ExitStatus.FAILED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert error.startswith(f"error: 10_a.sql, line {line}: ")
    assert words in error.splitlines()[0]


def test_what_is_checked_at_the_end_is_told_before_anything_stays(project: Project) -> None:
    text = "CREATE TABLE t (a integer UNIQUE DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO t VALUES (1), (1);\n"
    releases.write_files(project.folder, {"10_a.sql": text})
    error = project.refused(ExitStatus.FAILED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert error.startswith("error: At the end of all files: duplicate key value violates unique constraint")


ELSEWHERE = {
    "function": ("CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "function public.f()"),
    "procedure": ("CREATE PROCEDURE public.p() LANGUAGE sql AS 'SELECT 1'", "procedure public.p()"),
    "aggregate": (
        "CREATE AGGREGATE public.a(integer) (SFUNC = int4pl, STYPE = integer)",
        "aggregate public.a(integer)",
    ),
    "type": ("CREATE TYPE public.c AS (a integer)", "type public.c"),
    "enum": ("CREATE TYPE public.e AS ENUM ('a')", "type public.e"),
    "domain": ("CREATE DOMAIN public.d AS integer", "type public.d"),
    "table": ("CREATE TABLE public.t (a integer)", "table public.t"),
    "view": ("CREATE VIEW public.w AS SELECT 1 AS a", "view public.w"),
    "sequence": ("CREATE SEQUENCE public.s", "sequence public.s"),
    "schema": ("CREATE SCHEMA other", "schema other"),
    "cast": ("CREATE CAST (point AS text) WITH INOUT", "cast (pg_catalog.point AS pg_catalog.text)"),
    "operator": (
        "CREATE OPERATOR public.=== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq)",
        "operator public.===(integer,integer)",
    ),
    "trigger": (
        "CREATE TRIGGER t BEFORE UPDATE ON public.kept FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger t on public.kept",
    ),
    "index": ("CREATE INDEX i ON public.kept (a)", "index public.i"),
    "column": ("ALTER TABLE public.kept ADD COLUMN b integer", "table column public.kept.b"),
    "replaced function": (
        "CREATE OR REPLACE FUNCTION public.old() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
        "function public.old()",
    ),
    "replaced view": ("CREATE OR REPLACE VIEW public.shown AS SELECT 2 AS a", 'rule "_RETURN" on public.shown'),
    "in a block that fails and goes on": (
        "DO $$ BEGIN BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN"
        " CREATE TABLE public.in_block (a integer); END; END $$",
        "table public.in_block",
    ),
    "extension": ("CREATE EXTENSION dblink SCHEMA public", "extension dblink"),
}


def test_what_would_land_elsewhere_is_refused_by_name(project: Project) -> None:
    with project.session() as session:
        session.execute("CREATE FUNCTION public.old() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        session.execute("CREATE TABLE public.kept (a integer)")
        session.execute("CREATE VIEW public.shown AS SELECT 1 AS a")
    before = project.state()
    # The extension brings dozens of functions, which would hide the others.
    kinds = [kind for kind in ELSEWHERE if kind != "extension"]
    for chosen in (kinds, ["extension"]):
        statements = "".join(f"{ELSEWHERE[kind][0]};\n" for kind in chosen)
        releases.write_files(project.folder, FILES | {"40_more/10_x.sql": f"RESET ROLE;\n{statements}"})
        error = project.refused(ExitStatus.REFUSED, "create", str(project.folder), "--version", "1.0.0", "--yes")
        first, *named = error.splitlines()
        assert first == "error: What the files make does not all land in schema proj_api_v1_0_0:"
        assert {ELSEWHERE[kind][1] for kind in chosen} <= {line.strip() for line in named}
    assert project.state() == before


def test_what_others_make_meanwhile_is_not_taken_for_the_releases(project: Project) -> None:
    releases.write_files(project.folder, FILES | {"40_more/10_wait.sql": "SELECT pg_advisory_xact_lock(4711);\n"})
    ended: list[str] = []
    with project.session() as other:
        other.execute("SELECT pg_advisory_lock(4711)")
        worker = threading.Thread(target=lambda: ended.append(project.create("1.0.0")))
        worker.start()
        waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 4711"
        wait_for(lambda: other.execute(waiting).rowcount, "the release to wait")
        other.execute("CREATE FUNCTION public.by_another() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        other.execute("SELECT pg_advisory_unlock(4711)")
        worker.join()
    assert "has schema proj_api_v1_0_0" in ended[0]


def test_grants_on_what_lies_elsewhere_are_no_objects_of_the_release(project: Project) -> None:
    with project.session() as session:
        session.execute("CREATE TABLE public.kept (a integer)")
        session.execute("CREATE FUNCTION public.old() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    grants = (
        f"RESET ROLE; GRANT USAGE ON SCHEMA public TO {OWNER}; GRANT SELECT (a) ON public.kept TO {OWNER};"
        f" GRANT EXECUTE ON FUNCTION public.old() TO {OWNER};"
    )
    project.create("1.0.0", files=FILES | {"40_more/10_grants.sql": grants})


def test_a_second_run_at_the_same_time_is_refused(project: Project) -> None:
    releases.write_files(project.folder, FILES)
    with project.session() as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('slate.release', 0))")
        error = project.refused(ExitStatus.REFUSED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert error.startswith("error: Another run works on the releases of this database.\n")


def test_without_a_terminal_it_wants_to_be_told_yes(project: Project) -> None:
    releases.write_files(project.folder, FILES)
    before = project.state()
    error = project.refused(ExitStatus.REFUSED, "create", str(project.folder), "--version", "1.0.0")
    assert error.startswith("error: Nothing was changed: nobody can be asked to agree to the plan here.\n")
    assert project.state() == before


def test_on_a_terminal_it_shows_the_plan_and_asks(project: Project) -> None:
    releases.write_files(project.folder, FILES)
    words = ["create", str(project.folder), "--version", "1.0.0", "-d", project.database]
    with terminal(words, project.server.environment(), releases.COMMAND) as shown:
        shown.answer("Go on?", b"y\r")
        assert shown.end() == ExitStatus.DONE
        assert "create schema proj_api_v1_0_0" in shown.screen()
    assert project.value("SELECT count(*) FROM slate.release") == 1


def test_a_version_whose_schema_others_dropped_is_not_created_anew(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    with project.session() as session:
        session.execute("DROP SCHEMA proj_api_v1_0_0 CASCADE")
    error = project.refused(ExitStatus.REFUSED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert error.startswith("error: Release proj_api_v1_0_0 was dropped by others.\n")
    assert "slate-schema release restore proj_api_v1_0_0 brings it back" in error


def test_a_line_that_fails_is_shown_without_its_password(project: Project) -> None:
    files = FILES | {"40_more/10_role.sql": "CREATE ROLE pg_x PASSWORD $$geheim$$;\n"}
    releases.write_files(project.folder, files)
    error = project.refused(ExitStatus.FAILED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert "CREATE ROLE pg_x PASSWORD $$******$$;" in error
    assert "geheim" not in error


def test_who_is_no_superuser_can_release(project: Project) -> None:
    with project.session() as session:
        session.execute("CREATE ROLE releaser LOGIN CREATEROLE PASSWORD 'r'")
        session.execute(f"GRANT CREATE ON DATABASE {project.database} TO releaser".encode())
    try:
        releases.write_files(project.folder, FILES)
        for version in ("1.0.0", "1.1.0"):
            ended = project.run(
                "create", str(project.folder), "--version", version, "--yes", PGUSER="releaser", PGPASSWORD="r"
            )
            assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert project.value("SELECT (proj_api_v1_1_0.get_object(1)).name") == "one"
    finally:
        project.server.drop(project.database)
        releases.drop_roles(project.server, "releaser")


def test_a_second_role_releases_with_the_rights_that_it_is_told_to_have_granted(project: Project) -> None:
    project.create("1.0.0", files=FILES)
    with project.session() as session:
        session.execute("CREATE ROLE releaser LOGIN CREATEROLE PASSWORD 'r'")
        session.execute(f"GRANT CREATE ON DATABASE {project.database} TO releaser".encode())
        session.execute(f"GRANT {OWNER} TO releaser; REVOKE USAGE ON SCHEMA slate FROM PUBLIC".encode())
    who = {"PGUSER": "releaser", "PGPASSWORD": "r"}
    words = ["create", str(project.folder), "--version", "1.1.0", "--yes"]
    try:
        ended = project.run(*words, **who)
        assert ended.returncode == ExitStatus.FAILED
        granting = ended.stderr[ended.stderr.rindex("GRANT USAGE") :].strip()
        with project.session() as session:
            session.execute(granting.encode())
        ended = project.run(*words, **who)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        ended = project.run("list", **who)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert "no sample" not in ended.stderr
    finally:
        project.server.drop(project.database)
        releases.drop_roles(project.server, "releaser")


def test_who_lacks_a_right_is_told_which(project: Project) -> None:
    with project.session() as session:
        session.execute("CREATE ROLE releaser LOGIN PASSWORD 'r'")
    try:
        releases.write_files(project.folder, FILES)
        ended = project.run(
            "create", str(project.folder), "--version", "1.0.0", "--yes", PGUSER="releaser", PGPASSWORD="r"
        )
        assert ended.returncode == ExitStatus.FAILED
        assert 'no  role "releaser" may not create a schema' in ended.stderr
        roles = f"{OWNER}, {USAGE}, {EXECUTOR}"
        assert f'no  role "releaser" may not create the roles {roles}' in ended.stderr
        assert "GRANT CREATE ON DATABASE" in ended.stderr
    finally:
        releases.drop_roles(project.server, "releaser")


def test_the_articles_file_without_its_roles_is_told_with_its_line(project: Project) -> None:
    releases.write_files(project.folder, SEED_FILES)
    error = project.refused(ExitStatus.FAILED, "create", str(project.folder), "--version", "1.0.0", "--yes")
    assert error.startswith(f'error: 00_create_schema.sql, line 4: role "{OWNER}" does not exist')


def test_the_databases_path_is_set_by_the_articles_file_to_the_version(server: Server, tmp_path: Path) -> None:
    with releases.project(server, "prod_proj_db", tmp_path / "50_proj_api") as project:
        releases.make_roles(server)
        project.create("1.0.0", files=SEED_FILES)
        assert project.value("SHOW search_path") == "proj_api_v1_0_0, public"


def test_another_file_creates_the_schema_than_is_named(project: Project) -> None:
    releases.write_files(project.folder, {"00_create_schema.sql": CREATE_SCHEMA})
    error = project.refused(
        ExitStatus.REFUSED, "create", str(project.folder), "--version", "1.0.0", "--schema", "other", "--yes"
    )
    assert error.startswith('error: 00_create_schema.sql does not create schema "other".\n')
