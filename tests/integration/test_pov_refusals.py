"""What stands against a rollback is named, all of it, before anything is changed."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.pov import Connection, install, plan, prepared, revision, roll_back, snapshot
from tests.servers import Server

F = "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'"
CHANGED_F = F.replace("CREATE", "CREATE OR REPLACE").replace("$1'", "$1 + 1'")


@pytest.fixture
def database(server: Server, name: str) -> Iterator[Connection]:
    with prepared(server, name) as connection:
        yield connection


@pytest.fixture
def role(server: Server, name: str) -> Iterator[str]:
    """A role that may do nothing in particular, with the password "role"; its name needs quotes."""
    role = f'"Role of {name}"'
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'role'".encode())
        yield role
        server.drop(name)
        connection.execute(f"DROP ROLE IF EXISTS {role}".encode())


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
        ("CREATE TABLE parts (a integer) PARTITION BY RANGE (c(a, 1))", "table parts"),
    ],
    ids=["operator class", "extended statistics", "partition key"],
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


def test_a_role_reads_all_that_it_may_not_change(server: Server, name: str, role: str) -> None:
    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER {role}'.encode())
    login = role.strip('"')
    with server.connect(name) as superuser, server.connect(name, user=login, password="role") as connection:
        user = superuser.info.user
        run(superuser, f"GRANT ALL ON SCHEMA public TO {role}", "CREATE SCHEMA shut")
        install(connection)
        run(superuser, "CREATE FUNCTION shut.g() RETURNS integer LANGUAGE sql AS 'SELECT 1'", F)
        run(superuser, "CREATE TABLE theirs (a integer)", "CREATE VIEW kept AS SELECT f(a) FROM theirs")
        run(connection, "CREATE TABLE mine (a integer)", "CREATE VIEW own AS SELECT f(a) FROM mine")
        run(superuser, "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
        run(superuser, "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION e()", "ALTER EVENT TRIGGER e DISABLE")
        run(superuser, "ALTER TABLE theirs ADD CONSTRAINT c CHECK (a > 0)")
        run(superuser, "CREATE FUNCTION leak() RETURNS integer LANGUAGE sql LEAKPROOF AS 'SELECT 1'")
        run(superuser, f"ALTER FUNCTION leak() OWNER TO {role}")
        first = snapshot(connection)
        run(superuser, "DROP EVENT TRIGGER e", "ALTER TABLE theirs DROP CONSTRAINT c", "DROP FUNCTION shut.g(), leak()")
        run(superuser, "DROP FUNCTION f(integer) CASCADE", F.replace("integer LANGUAGE", "bigint LANGUAGE"))
        run(superuser, "CREATE VIEW kept AS SELECT f(a)::integer AS f FROM theirs", f"GRANT SELECT ON theirs TO {role}")
        must = f'role "{login}" must own it, or be a member of role "{user}"'
        expected = [
            f"constraint c ON public.theirs: {must}",
            "event trigger e: only a superuser may change it",
            f"event trigger e: {must}",
            f"function public.f(integer): {must}",
            "function public.leak(): only a superuser may change it",
            f"function shut.g(): {must}",
            f'function shut.g(): role "{login}" may not create in schema "shut"',
            f"view public.kept: {must}",
        ]
        assert refusals(connection, first) == sorted(expected)


def test_a_role_reads_what_it_may_not_use(server: Server, name: str, role: str) -> None:
    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER {role}'.encode())
    login = role.strip('"')
    with server.connect(name) as superuser, server.connect(name, user=login, password="role") as connection:
        run(superuser, f"GRANT ALL ON SCHEMA public TO {role}", "CREATE TABLE keys (a integer PRIMARY KEY)")
        run(superuser, f"GRANT REFERENCES ON keys TO {role}", "CREATE TYPE kind AS ENUM ('one')")
        install(connection)
        run(connection, "CREATE TABLE mine (a integer CONSTRAINT refers REFERENCES keys)")
        run(connection, "CREATE FUNCTION takes(kind) RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        run(connection, "CREATE FUNCTION block() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'")
        first, wanted = snapshot(connection), revision(connection)
        run(connection, "ALTER TABLE mine DROP CONSTRAINT refers", "DROP FUNCTION takes(kind), block()")
        run(superuser, f"REVOKE REFERENCES ON keys FROM {role}", "REVOKE USAGE ON TYPE kind FROM PUBLIC")
        run(superuser, "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
        cannot = f'role "{login}" may not use'
        assert refusals(connection, first) == [
            f"constraint refers ON public.mine: {cannot} table column public.keys.a",
            f"function public.block(): {cannot} language plpgsql",
            f"function public.takes(public.kind): {cannot} type public.kind",
        ]
        run(superuser, f"GRANT REFERENCES (a) ON keys TO {role}", f"GRANT USAGE ON TYPE kind TO {role}")
        run(superuser, f"GRANT USAGE ON LANGUAGE plpgsql TO {role}")
        roll_back(connection, first)
        assert revision(connection) == wanted


def test_what_stands_unchanged_on_what_must_be_remade_is_named_where_it_is_not_ones_own(
    server: Server, name: str, role: str
) -> None:
    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER {role}'.encode())
    login = role.strip('"')
    with server.connect(name) as superuser, server.connect(name, user=login, password="role") as connection:
        run(superuser, f"GRANT ALL ON SCHEMA public TO {role}")
        install(connection)
        run(connection, "CREATE TABLE t (a integer)", "CREATE VIEW v AS SELECT a FROM t", "GRANT SELECT ON v TO PUBLIC")
        run(superuser, "CREATE VIEW w AS SELECT a FROM v")
        first = snapshot(connection)
        run(connection, "ALTER VIEW v RENAME COLUMN a TO b")
        (line,) = refusals(connection, first)
        assert line == f'view public.w: role "{login}" must own it, or be a member of role "{superuser.info.user}"'


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
