"""What stands against a rollback is named, all of it, before anything is changed."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.pov import Connection, Project, plan, prepared, revision, roll_back, snapshot
from tests.servers import Server

F = "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'"
CHANGED_F = F.replace("CREATE", "CREATE OR REPLACE").replace("$1'", "$1 + 1'")


@pytest.fixture
def database(server: Server, name: str) -> Iterator[Connection]:
    with prepared(server, name) as connection:
        yield connection


def run(connection: Connection, *commands: str) -> None:
    for command in commands:
        connection.execute(command.encode())


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def refusals(connection: Connection, number: int) -> list[str]:
    """The lines of a refused rollback's detail; pov.refusals told them before, and nothing was changed."""
    told = [f"{identity}: {reason}" for identity, reason in rows(connection, f"SELECT * FROM pov.refusals({number})")]
    before = rows(connection, "SELECT objectid FROM pov.live() ORDER BY 1")
    with pytest.raises(psycopg.Error, match=f"Going back to snapshot {number} is refused; nothing was ch") as caught:
        roll_back(connection, number)
    assert caught.value.sqlstate == "SL072"
    assert rows(connection, "SELECT objectid FROM pov.live() ORDER BY 1") == before
    lines = (caught.value.diag.message_detail or "").split("\n")
    assert sorted(lines) == sorted(told)
    return sorted(lines)


@pytest.mark.parametrize(
    ("made", "gone", "named"),
    [
        (
            "CREATE SCHEMA s; CREATE FUNCTION s.g() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "DROP SCHEMA s CASCADE",
            'function s.g(): schema "s" is not there',
        ),
        (
            "CREATE VIEW v AS SELECT b FROM t",
            "DROP VIEW v; ALTER TABLE t DROP COLUMN b",
            "view public.v: table column public.t.b is not there",
        ),
        (
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "DROP TABLE t",
            "row security public.t: table public.t is not there",
        ),
        (
            "CREATE TYPE mood AS ENUM ('sad'); CREATE FUNCTION g(mood) RETURNS text LANGUAGE sql AS 'SELECT $1::text'",
            "DROP TYPE mood CASCADE",
            "function public.g(public.mood): type public.mood is not there",
        ),
        (
            "CREATE TYPE mood AS ENUM ('sad'); "
            "CREATE FUNCTION g() RETURNS mood[] LANGUAGE sql AS 'SELECT NULL::mood[]'",
            "DROP TYPE mood CASCADE",
            "function public.g(): type public.mood[] is not there",
        ),
        (
            "CREATE LANGUAGE other HANDLER plpgsql_call_handler; "
            "CREATE FUNCTION g() RETURNS void LANGUAGE other AS 'BEGIN END'",
            "DROP LANGUAGE other CASCADE",
            "function public.g(): language other is not there",
        ),
        (
            "CREATE SEQUENCE n; ALTER TABLE t ALTER COLUMN a SET DEFAULT nextval('n')",
            "DROP SEQUENCE n CASCADE",
            "default public.t.a: sequence public.n is not there",
        ),
        (
            "CREATE COLLATION c FROM \"C\"; CREATE VIEW v AS SELECT 'x' COLLATE c AS x",
            "DROP COLLATION c CASCADE",
            "view public.v: collation public.c is not there",
        ),
    ],
    ids=["schema", "column", "table", "type", "array type", "language", "sequence", "collation"],
)
def test_what_is_gone_is_named(database: Connection, made: str, gone: str, named: str) -> None:
    run(database, "CREATE TABLE t (a integer, b integer)", made)
    first = snapshot(database)
    run(database, gone)
    assert refusals(database, first) == [named]


def test_every_table_that_is_gone_is_named_once_an_object(database: Connection) -> None:
    run(database, "CREATE TABLE t (a integer, b integer)", "CREATE VIEW v AS SELECT a, b FROM t")
    run(database, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > b)")
    first = snapshot(database)
    run(database, "DROP TABLE t CASCADE")
    assert refusals(database, first) == [
        "constraint c ON public.t: table public.t is not there",
        "view public.v: table public.t is not there",
    ]


def test_roles_that_are_gone_are_named(database: Connection, role: str) -> None:
    run(database, "CREATE TABLE t (a integer)", F, "CREATE VIEW v AS SELECT a FROM t")
    run(database, "CREATE FUNCTION h() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    run(database, f"GRANT EXECUTE ON FUNCTION f(integer) TO {role}", f"GRANT SELECT (a) ON v TO {role}")
    run(database, f"CREATE POLICY p ON t TO {role} USING (true)", f"ALTER FUNCTION h() OWNER TO {role}")
    run(database, f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}")
    run(database, f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT SELECT ON TABLES TO PUBLIC")
    first = snapshot(database)
    user = database.info.user
    run(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert refusals(database, first) == [
        f"default privileges FOR ROLE {role} ON TABLES: role {role} is not there",
        f"default privileges FOR ROLE {user} ON TABLES: role {role} is not there",
        f"function public.f(integer): role {role} is not there",
        f"function public.h(): role {role}, its owner, is not there",
        f"policy p ON public.t: role {role} is not there",
        f"view public.v: role {role} is not there",
    ]


@pytest.mark.parametrize(
    ("user", "named"),
    [
        (
            "CREATE OPERATOR CLASS oc FOR TYPE integer USING btree AS OPERATOR 1 <, FUNCTION 1 c(integer, integer)",
            "function 1 (integer, integer) of operator family oc for access method btree: c(integer,integer)",
        ),
        ("CREATE STATISTICS st ON c(a, a), b FROM t", "statistics object st"),
        (
            "CREATE VIEW v AS SELECT c(a, b) FROM t; CREATE MATERIALIZED VIEW m AS SELECT * FROM v",
            "materialized view m",
        ),
        ("CREATE TABLE parts (a integer) PARTITION BY RANGE (c(a, 1))", "table parts"),
    ],
    ids=["operator class", "extended statistics", "materialized view", "partition key"],
)
def test_what_is_no_part_of_a_snapshot_and_uses_what_would_go_is_named(
    database: Connection, user: str, named: str
) -> None:
    run(database, "CREATE TABLE t (a integer, b integer)")
    first = snapshot(database)
    run(
        database, "CREATE FUNCTION c(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2'", user
    )
    (line,) = refusals(database, first)
    assert line.replace("public.", "") == f"{named}: uses what would change, and is no part of a snapshot"


def test_an_index_over_a_text_search_configuration_that_would_change_is_named(database: Connection) -> None:
    run(database, "CREATE TABLE t (a text)", "CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)")
    run(database, "CREATE INDEX words ON t USING gin (to_tsvector('c', a))")
    first = snapshot(database)
    run(database, "COMMENT ON TEXT SEARCH CONFIGURATION c IS 'x'")
    roll_back(database, first)
    run(database, "ALTER TEXT SEARCH CONFIGURATION c ALTER MAPPING FOR word WITH english_stem")
    (line,) = refusals(database, first)
    assert line == "index public.words: uses what would change, and is no part of a snapshot"
    run(database, "DROP INDEX words")
    (before,) = rows(database, "SELECT oid FROM pg_ts_config WHERE cfgname = 'c'")
    roll_back(database, first)
    assert rows(database, "SELECT oid FROM pg_ts_config WHERE cfgname = 'c'") == [before]


def test_a_role_reads_all_that_it_may_not_change(project: Project) -> None:
    superuser, own, role = project.superuser, project.own, project.quoted
    run(superuser, "CREATE SCHEMA shut", "CREATE FUNCTION shut.g() RETURNS integer LANGUAGE sql AS 'SELECT 1'", F)
    run(superuser, "CREATE TABLE theirs (a integer)", "CREATE VIEW kept AS SELECT f(a) FROM theirs")
    run(own, "CREATE TABLE mine (a integer)", "CREATE VIEW own AS SELECT f(a) FROM mine")
    run(superuser, "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
    run(superuser, "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION e()", "ALTER EVENT TRIGGER e DISABLE")
    run(superuser, "ALTER TABLE theirs ADD CONSTRAINT c CHECK (a > 0)")
    run(superuser, "CREATE FUNCTION leak() RETURNS integer LANGUAGE sql LEAKPROOF AS 'SELECT 1'")
    run(superuser, f"ALTER FUNCTION leak() OWNER TO {role}")
    first = snapshot(own)
    run(superuser, "DROP EVENT TRIGGER e", "ALTER TABLE theirs DROP CONSTRAINT c", "DROP FUNCTION shut.g(), leak()")
    run(superuser, "DROP FUNCTION f(integer) CASCADE", F.replace("integer LANGUAGE", "bigint LANGUAGE"))
    run(superuser, "CREATE VIEW kept AS SELECT f(a)::integer AS f FROM theirs", f"GRANT SELECT ON theirs TO {role}")
    must = project.must_own()
    expected = [
        f"constraint c ON public.theirs: {must}",
        "event trigger e: only a superuser may change it",
        f"event trigger e: {must}",
        f"function public.f(integer): {must}",
        "function public.leak(): only a superuser may change it",
        f"function shut.g(): {must}",
        f'function shut.g(): role "{project.role}" may not create in schema "shut"',
        f"view public.kept: {must}",
    ]
    assert refusals(own, first) == sorted(expected)


def test_a_role_reads_to_whom_it_may_not_give_what_it_owns(project: Project) -> None:
    run(project.superuser, F)
    first = snapshot(project.own)
    run(project.superuser, f"ALTER FUNCTION f(integer) OWNER TO {project.quoted}")
    assert refusals(project.own, first) == [f"function public.f(integer): {project.must_own()}"]


def test_who_may_not_take_a_role_changes_what_is_its_and_makes_nothing_for_it(
    project: Project, other_role: str
) -> None:
    options = "WITH INHERIT TRUE, SET FALSE" if project.own.info.server_version >= 160000 else ""
    run(
        project.superuser,
        f"GRANT {other_role} TO {project.quoted} {options}",
        f"GRANT ALL ON SCHEMA public TO {other_role}",
    )
    run(project.superuser, F, f"ALTER FUNCTION f(integer) OWNER TO {other_role}")
    run(project.superuser, "CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    run(project.superuser, f"ALTER FUNCTION g() OWNER TO {other_role}")
    first, wanted = snapshot(project.own), revision(project.own)
    run(project.superuser, "COMMENT ON FUNCTION f(integer) IS 'x'")
    roll_back(project.own, first)
    assert revision(project.own) == wanted
    run(project.superuser, "DROP FUNCTION g()")
    if options:
        assert refusals(project.own, first) == [f"function public.g(): {project.must_own(other_role)}"]
    else:
        roll_back(project.own, first)
        assert revision(project.own) == wanted


def test_a_role_has_its_own_domains_and_default_privileges_back_and_nobody_elses(
    project: Project, other_role: str
) -> None:
    run(project.own, "CREATE DOMAIN mine AS integer CONSTRAINT c CHECK (VALUE > 0)")
    run(project.own, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor")
    before, wanted = snapshot(project.own), revision(project.own)
    run(project.own, "ALTER DOMAIN mine DROP CONSTRAINT c")
    run(project.own, "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM pg_monitor")
    roll_back(project.own, before)
    assert revision(project.own) == wanted
    run(project.superuser, "CREATE DOMAIN theirs AS integer CONSTRAINT c CHECK (VALUE > 0)")
    run(project.superuser, f"ALTER DEFAULT PRIVILEGES FOR ROLE {other_role} GRANT SELECT ON TABLES TO pg_monitor")
    first = snapshot(project.own)
    run(project.superuser, "ALTER DOMAIN theirs DROP CONSTRAINT c")
    run(project.superuser, f"ALTER DEFAULT PRIVILEGES FOR ROLE {other_role} REVOKE SELECT ON TABLES FROM pg_monitor")
    assert refusals(project.own, first) == [
        f"constraint c ON DOMAIN public.theirs: {project.must_own()}",
        f"default privileges FOR ROLE {other_role} ON TABLES: {project.must_own(other_role)}",
    ]


def test_an_owner_has_to_be_allowed_to_create_what_is_made_for_it(project: Project, other_role: str) -> None:
    superuser, own = project.superuser, project.own
    run(superuser, f"GRANT {other_role} TO {project.quoted}", f"CREATE SCHEMA s AUTHORIZATION {project.quoted}")
    run(superuser, f"GRANT USAGE ON SCHEMA s TO {other_role}")
    for name in ("made", "given", "noted"):
        run(superuser, f"CREATE FUNCTION s.{name}() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        run(superuser, f"ALTER FUNCTION s.{name}() OWNER TO {other_role}")
    run(
        own,
        "CREATE TABLE s.t (a integer)",
        "CREATE VIEW s.v AS SELECT a FROM s.t",
        f"GRANT SELECT ON s.v TO {other_role}",
    )
    run(superuser, "CREATE VIEW s.w AS SELECT a FROM s.v", f"ALTER VIEW s.w OWNER TO {other_role}")
    first, wanted = snapshot(own), revision(own)
    run(superuser, "DROP FUNCTION s.made()", f"ALTER FUNCTION s.given() OWNER TO {project.quoted}")
    run(superuser, "COMMENT ON FUNCTION s.noted() IS 'x'", "ALTER VIEW s.v RENAME COLUMN a TO b")
    cannot = f'role "{other_role}" may not create in schema "s"'
    assert refusals(own, first) == [
        f"{one}: {cannot}" for one in ("function s.given()", "function s.made()", "view s.w")
    ]
    run(superuser, f"GRANT CREATE ON SCHEMA s TO {other_role}")
    roll_back(own, first)
    assert revision(own) == wanted


def test_a_role_has_back_what_others_have_rights_in(project: Project) -> None:
    run(project.own, F, "REVOKE ALL ON FUNCTION f(integer) FROM PUBLIC")
    run(project.own, "GRANT EXECUTE ON FUNCTION f(integer) TO pg_monitor", "CREATE TABLE t (a integer)")
    run(project.own, "CREATE POLICY p ON t TO pg_monitor USING (true)")
    first, wanted = snapshot(project.own), revision(project.own)
    run(project.own, "DROP FUNCTION f(integer)", "DROP POLICY p ON t")
    roll_back(project.own, first)
    assert revision(project.own) == wanted


def test_a_role_has_casts_of_its_own_types_back_and_nobody_elses(project: Project) -> None:
    for owner, name in ((project.own, "mine"), (project.superuser, "theirs")):
        run(owner, f"CREATE TYPE {name} AS (a integer)")
        run(owner, f"CREATE FUNCTION make_{name}(integer) RETURNS {name} LANGUAGE sql RETURN ROW($1)::{name}")
        run(owner, f"CREATE CAST (integer AS {name}) WITH FUNCTION make_{name}(integer)")
    first, wanted = snapshot(project.own), revision(project.own)
    run(project.own, "DROP CAST (integer AS mine)")
    roll_back(project.own, first)
    assert revision(project.own) == wanted
    run(project.superuser, "DROP CAST (integer AS theirs)")
    assert refusals(project.own, first) == [
        f'cast (integer AS public.theirs): role "{project.role}" must own one of its types'
    ]


def test_a_role_reads_what_it_may_not_use(project: Project) -> None:
    superuser, own, role = project.superuser, project.own, project.quoted
    run(superuser, "CREATE TABLE keys (a integer PRIMARY KEY)")
    run(superuser, f"GRANT REFERENCES ON keys TO {role}", "CREATE TYPE kind AS ENUM ('one')")
    run(own, "CREATE TABLE mine (a integer CONSTRAINT refers REFERENCES keys)")
    run(own, "CREATE FUNCTION takes(kind) RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    run(own, "CREATE FUNCTION block() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'")
    first, wanted = snapshot(own), revision(own)
    run(own, "ALTER TABLE mine DROP CONSTRAINT refers", "DROP FUNCTION takes(kind), block()")
    run(superuser, f"REVOKE REFERENCES ON keys FROM {role}", "REVOKE USAGE ON TYPE kind FROM PUBLIC")
    run(superuser, "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
    cannot = f'role "{project.role}" may not use'
    assert refusals(own, first) == [
        f"constraint refers ON public.mine: {cannot} table column public.keys.a",
        f"function public.block(): {cannot} language plpgsql",
        f"function public.takes(public.kind): {cannot} type public.kind",
    ]
    run(superuser, f"GRANT REFERENCES (a) ON keys TO {role}", f"GRANT USAGE ON TYPE kind TO {role}")
    run(superuser, f"GRANT USAGE ON LANGUAGE plpgsql TO {role}")
    roll_back(own, first)
    assert revision(own) == wanted


def test_what_stands_unchanged_on_what_must_be_remade_is_named_where_it_is_not_ones_own(project: Project) -> None:
    own = project.own
    run(own, "CREATE TABLE t (a integer)", "CREATE VIEW v AS SELECT a FROM t", "GRANT SELECT ON v TO PUBLIC")
    run(project.superuser, "CREATE VIEW w AS SELECT a FROM v")
    first = snapshot(own)
    run(own, "ALTER VIEW v RENAME COLUMN a TO b")
    assert refusals(own, first) == [f"view public.w: {project.must_own()}"]


def test_nobody_but_who_is_granted_it_can_call_pov(server: Server, database: Connection, role: str) -> None:
    run(database, F)
    first = snapshot(database)
    with server.connect(database.info.dbname, user=role.strip('"'), password="role") as other:
        for call in ("SELECT * FROM pov()", f"SELECT * FROM pov({first})"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for function pov"):
                run(other, call)
        for call in ("SELECT * FROM pov.history", f"SELECT * FROM pov.plan({first})"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for schema pov"):
                run(other, call)


def test_what_younger_tables_lose_is_told_table_by_table(database: Connection) -> None:
    first = snapshot(database)
    run(database, "CREATE TABLE a (a integer DEFAULT 5)", "CREATE TABLE b (a integer CONSTRAINT c CHECK (a > 3))")
    deeds = f"pov.deeds(ARRAY(SELECT l FROM pov.live() AS l), {first})"
    assert rows(database, f"SELECT relation, objects FROM pov.losses(ARRAY(SELECT d FROM {deeds} AS d))") == [
        ("public.a", "default public.a.a"),
        ("public.b", "constraint c ON public.b"),
    ]


def test_a_younger_table_stays_and_what_it_loses_is_told(database: Connection) -> None:
    notices: list[str] = []
    database.add_notice_handler(lambda notice: notices.append(f"{notice.severity}: {notice.message_primary}"))
    run(database, "CREATE TABLE old (a integer)")
    first = snapshot(database), revision(database)
    run(database, "CREATE TABLE young (a integer DEFAULT 5 CHECK (a > 3))", "INSERT INTO young VALUES (4), (DEFAULT)")
    run(database, "ALTER TABLE old ALTER COLUMN a SET DEFAULT 6")
    second = snapshot(database), revision(database)
    marked = {command: "younger than the snapshot" in command for command in plan(database, first[0])}
    assert marked == {
        "ALTER TABLE public.young DROP CONSTRAINT young_a_check -- the table is younger than the snapshot": True,
        "ALTER TABLE public.young ALTER COLUMN a DROP DEFAULT -- the table is younger than the snapshot": True,
        "ALTER TABLE public.old ALTER COLUMN a DROP DEFAULT": False,
    }
    roll_back(database, first[0])
    assert notices == [
        f"WARNING: Table public.young is younger than snapshot {first[0]}, and loses "
        "constraint young_a_check ON public.young, default public.young.a"
    ]
    assert revision(database) == first[1]
    assert rows(database, "SELECT a FROM young") == [(4,), (5,)]
    roll_back(database, second[0])
    assert revision(database) == second[1]
