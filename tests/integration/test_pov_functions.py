"""What single functions of snapshots say, asked directly."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.pov import Connection, prepared, snapshot
from tests.servers import Server

DAYS_AGO = {1: 40, 2: 30, 3: 20, 4: 10}


@pytest.fixture(scope="module")
def database_for_sessions(server: Server) -> Iterator[str]:
    """A database with four snapshots of different ages, for tests that roll back."""
    name = "pov_functions"
    with prepared(server, name) as connection:
        for number, days in DAYS_AGO.items():
            connection.execute(
                f"CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT {number}'".encode()
            )
            assert snapshot(connection) == number
            connection.execute(
                "UPDATE pov.snapshot SET taken = now() - make_interval(days => %s) WHERE snapshotid = %s",
                [days, number],
            )
    yield name
    server.drop(name)


def run(connection: Connection, script: str) -> None:
    connection.execute(script.encode())


# --- What can be pruned, and pruning


@pytest.mark.parametrize(
    ("keep", "older_than", "expected"),
    [
        (1, None, [1, 2, 3]),
        (2, None, [1, 2]),
        (4, None, []),
        (9, None, []),
        (None, "0", [1, 2, 3]),
        (None, "15 days", [1, 2, 3]),
        (None, "25 days", [1, 2]),
        (None, "50 days", []),
        (3, "1 hour", [1]),
        (1, "25 days", [1, 2]),
        (2, "35 days", [1]),
    ],
)
def test_what_is_neither_among_the_newest_nor_young_can_be_pruned(
    session: Connection, keep: int | None, older_than: str | None, expected: list[int]
) -> None:
    found = session.execute("SELECT snapshotid FROM pov.prunable(%s, %s::interval)", [keep, older_than]).fetchall()
    assert [number for (number,) in found] == expected


@pytest.mark.parametrize(
    ("keep", "older_than"), [(None, None), (0, None), (-1, None), (None, "-1 second"), (0, "1 day"), (1, "-1 day")]
)
def test_what_is_to_stay_has_to_be_said(session: Connection, keep: int | None, older_than: str | None) -> None:
    with pytest.raises(psycopg.Error, match="Which snapshots are to stay is not said") as caught:
        session.execute("SELECT pov.prunable(%s, %s::interval)", [keep, older_than])
    assert caught.value.sqlstate == "SL081"


def kept(session: Connection) -> list[Any]:
    """The snapshots, and how many revisions, places of objects in them and objects there are."""
    numbers = [number for (number,) in session.execute("SELECT snapshotid FROM pov.snapshot ORDER BY 1").fetchall()]
    counts = [
        session.execute(f"SELECT count(*) FROM pov.{table}".encode()).fetchone()
        for table in ("revision", "revision_object", "object")
    ]
    return [numbers, *(row[0] for row in counts if row)]


def test_pruning_frees_what_no_other_snapshot_holds_and_tells_how_much(session: Connection) -> None:
    # As the first was.
    run(session, "CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    assert snapshot(session) == 5
    before = kept(session)
    assert session.execute("SELECT * FROM pov.prune(%s)", [[]]).fetchone() == (0, 0, 0)
    assert session.execute("SELECT * FROM pov.prune(%s)", [[7, 9]]).fetchone() == (0, 0, 0)
    assert kept(session) == before
    assert session.execute("SELECT * FROM pov.prune(%s)", [[1, 2]]).fetchone() == (2, 1, 1)
    assert kept(session) == [[3, 4, 5], before[1] - 1, before[2] - before[2] // before[1], before[3] - 1]


@pytest.mark.parametrize("numbers", [[4], [1, 4], [4, 1]])
def test_the_active_snapshot_stays_and_with_it_all_others(session: Connection, numbers: list[int]) -> None:
    before = kept(session)
    with (
        pytest.raises(psycopg.Error, match="Snapshot 4 is the active one; nothing was removed") as caught,
        session.transaction(),
    ):
        session.execute("SELECT pov.prune(%s)", [numbers])
    assert caught.value.sqlstate == "SL082"
    assert kept(session) == before


def test_nothing_is_pruned_while_a_snapshot_is_taken(
    server: Server, database_for_sessions: str, session: Connection
) -> None:
    with server.transaction(database_for_sessions) as other:
        snapshot(other)
        with pytest.raises(psycopg.Error, match=f'is at work in database "{database_for_sessions}"') as caught:
            session.execute("SELECT pov.prune(ARRAY[1])")
    assert caught.value.sqlstate == "SL071"


# --- What an object needs


OBJECTS = """
CREATE SCHEMA "Ä b"; CREATE TABLE "Ä b"."T t" (a integer PRIMARY KEY, "C c" integer);
CREATE TYPE "Ä b"."K k" AS ENUM ('one'); CREATE DOMAIN "Ä b".d AS integer;
CREATE FUNCTION "Ä b"."F f"(integer, text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE SEQUENCE "Ä b".n; CREATE VIEW "Ä b".v AS SELECT a FROM "Ä b"."T t";
CREATE MATERIALIZED VIEW "Ä b".m AS SELECT 1 AS a; CREATE TYPE "Ä b".y AS (a integer)
"""


def fault(session: Connection, what: str, *need: object) -> str | None:
    """What pov.need_fault says. need: the kind of what is needed, its names, and its arguments."""
    kind, names, arguments = need
    text = json.dumps([kind, _array(names), _array(arguments)])
    (said,) = session.execute("SELECT pov.need_fault(%s, %s)", [what, text]).fetchone() or ("",)
    return str(said) if said is not None else None


def _array(names: object) -> str:
    assert isinstance(names, list)
    return "{" + ",".join(f'"{name}"' for name in names) + "}"


@pytest.mark.parametrize(
    ("kind", "names", "arguments"),
    [
        ("table", ["Ä b", "T t"], []),
        ("table column", ["Ä b", "T t", "C c"], []),
        ("view", ["Ä b", "v"], []),
        ("materialized view column", ["Ä b", "m", "a"], []),
        ("composite type column", ["Ä b", "y", "a"], []),
        ("sequence column", ["Ä b", "n", "last_value"], []),
        ("sequence", ["Ä b", "n"], []),
        ("type", ['\\"Ä b\\".\\"K k\\"'], []),
        ("function", ["Ä b", "F f"], ["integer", "text"]),
        ("language", ["plpgsql"], []),
        ("cast", ["text"], ["pg_catalog.regclass"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_there_may_be_used_by_a_superuser(
    session: Connection, kind: str, names: list[str], arguments: list[str]
) -> None:
    run(session, OBJECTS)
    for what in ("function", "cast", "operator", "aggregate", "trigger", "foreign key"):
        assert fault(session, what, kind, names, arguments) is None


@pytest.mark.parametrize(
    ("kind", "names", "arguments", "said"),
    [
        ("table", ["Ä b", "U u"], [], 'table "Ä b"."U u"'),
        ("table column", ["Ä b", "T t", "D d"], [], 'table column "Ä b"."T t"."D d"'),
        ("table column", ["Ä b", "U u", "a"], [], 'table "Ä b"."U u"'),
        ("materialized view column", ["Ä b", "w", "a"], [], 'materialized view "Ä b".w'),
        ("composite type column", ["Ä b", "y", "b"], [], 'composite type column "Ä b".y.b'),
        ("sequence", ["s", "n"], [], "sequence s.n"),
        ("type", ["public.mood[]"], [], "type public.mood[]"),
        ("domain", ["public.mood"], [], "domain public.mood"),
        ("function", ["Ä b", "F f"], ["integer"], 'function "Ä b"."F f"(integer)'),
        ("function", ["Ä b", "F f"], [], 'function "Ä b"."F f"()'),
        ("procedure", ["s", "p"], ["integer", "text"], "procedure s.p(integer, text)"),
        ("aggregate", ["s", "p"], ["integer"], "aggregate s.p(integer)"),
        ("language", ["Other"], [], 'language "Other"'),
        ("operator", ["s", "+"], ["integer", "text"], 'operator s."+" {integer,text}'),
    ],
)
def test_what_is_not_there_is_named(
    session: Connection, kind: str, names: list[str], arguments: list[str], said: str
) -> None:
    run(session, OBJECTS)
    assert fault(session, "function", kind, names, arguments) == f"{said} is not there"


@pytest.fixture
def role(server: Server, session: Connection) -> str:
    """A role that may use nothing but what everybody may, in the transaction alone."""
    run(session, OBJECTS)
    run(session, 'CREATE ROLE "r r"; GRANT USAGE ON SCHEMA "Ä b" TO "r r"; GRANT USAGE ON SCHEMA pov TO "r r"')
    run(session, 'REVOKE ALL ON TYPE "Ä b"."K k", "Ä b".d FROM PUBLIC; REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC')
    run(session, 'REVOKE ALL ON FUNCTION "Ä b"."F f"(integer, text) FROM PUBLIC')
    run(session, "CREATE LANGUAGE bold HANDLER plpgsql_call_handler")
    return "r r"


Need = tuple[str, list[str], list[str]]
FUNCTION: Need = ("function", ["Ä b", "F f"], ["integer", "text"])
COLUMN: Need = ("table column", ["Ä b", "T t", "a"], [])
TYPE: Need = ("type", ['\\"Ä b\\".\\"K k\\"'], [])
LANGUAGE: Need = ("language", ["plpgsql"], [])
SAID = {
    "function": 'function "Ä b"."F f"(integer, text)',
    "table column": 'table column "Ä b"."T t".a',
    "type": 'type "Ä b"."K k"',
    "language": "language plpgsql",
}
GRANTS = {
    "function": 'GRANT EXECUTE ON FUNCTION "Ä b"."F f"(integer, text) TO "r r"',
    "table column": 'GRANT REFERENCES (a) ON "Ä b"."T t" TO "r r"',
    "type": 'GRANT USAGE ON TYPE "Ä b"."K k" TO "r r"',
    "language": 'GRANT USAGE ON LANGUAGE plpgsql TO "r r"',
}


@pytest.mark.parametrize(
    ("what", "need", "may_use"),
    [
        ("function", LANGUAGE, False),
        # Only a superuser makes functions of an untrusted one, and that is said elsewhere.
        ("function", ("language", ["bold"], []), True),
        ("function", TYPE, False),
        ("view", ("sequence", ["Ä b", "n"], []), True),
        ("view", FUNCTION, True),
        ("default", FUNCTION, True),
        ("cast", FUNCTION, False),
        ("operator", FUNCTION, False),
        ("aggregate", FUNCTION, False),
        ("trigger", FUNCTION, False),
        ("foreign key", COLUMN, False),
        ("constraint", COLUMN, True),
        ("foreign key", FUNCTION, True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_may_not_be_used_is_named_until_it_is_granted(
    session: Connection, role: str, what: str, need: Need, may_use: bool
) -> None:
    kind = need[0]
    run(session, f'SET LOCAL ROLE "{role}"')
    expected = None if may_use else f'role "{role}" may not use {SAID[kind]}'
    assert fault(session, what, *need) == expected
    if not may_use:
        run(session, f'RESET ROLE; {GRANTS[kind]}; SET LOCAL ROLE "{role}"')
        assert fault(session, what, *need) is None


def test_what_is_locked_is_not_said_to_be_missing(server: Server, name: str) -> None:
    with prepared(server, name) as connection, server.connect(name) as other:
        run(connection, "CREATE TABLE t (a integer)")
        run(connection, "SET lock_timeout = '50ms'")
        with other.transaction(), pytest.raises(psycopg.errors.LockNotAvailable):
            run(other, "LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            fault(connection, "view", "table column", ["public", "t", "a"], [])
