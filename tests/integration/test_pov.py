"""Snapshots of everything that is not data: the story that pov told, and pov's own cases."""

from typing import Any

import psycopg
import pytest

from tests.pov import Connection, plan, revision, roll_back, snapshot
from tests.pov_cases import CASES


def scalar(connection: Connection, query: str) -> Any:
    (value,) = connection.execute(query.encode()).fetchone() or (None,)
    return value


def has_myfunc(connection: Connection) -> bool:
    return scalar(connection, "SELECT to_regprocedure('public.myfunc()') IS NOT NULL") is True


def test_the_story_of_pov(session: Connection) -> None:
    cursor = session.execute("SELECT * FROM pov()")
    assert [column.name for column in cursor.description or ()] == ["_snapshotid", "_revisionid"]
    first = cursor.fetchone()
    assert first is not None and first[0] == 1 and len(first[1]) == 64
    assert session.execute("SELECT * FROM pov()").fetchone() == first
    session.execute("CREATE FUNCTION myfunc() RETURNS VOID AS $$ $$ LANGUAGE sql")
    second = session.execute("SELECT * FROM pov()").fetchone()
    assert second is not None and second[0] == 2 and second[1] != first[1]
    assert session.execute("SELECT * FROM pov(1)").fetchone() == (3, first[1])
    assert not has_myfunc(session)
    assert session.execute("SELECT * FROM pov(2)").fetchone() == (4, second[1])
    assert has_myfunc(session)


def test_nothing_is_stored_when_nothing_changed(session: Connection) -> None:
    tables = ("object", "revision", "snapshot")
    sizes = f"SELECT ARRAY[{', '.join(f'(SELECT count(*) FROM pov.{table})' for table in tables)}]"
    session.execute("CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    snapshot(session)
    before = scalar(session, sizes)
    snapshot(session)
    assert scalar(session, sizes) == before == [1, 1, 1]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_created_rolled_back_brought_back(session: Connection, case: str) -> None:
    session.execute("CREATE TABLE t (a integer)")
    prerequisites = [
        part for part in case.split(";") if part.lstrip().startswith(("CREATE SCHEMA", "CREATE DOMAIN", "CREATE TYPE"))
    ]
    for part in prerequisites:
        session.execute(part.encode())
    empty = snapshot(session), revision(session)
    made = "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';" + case
    for part in prerequisites:
        made = made.replace(part, "")
    session.execute(made.encode())
    full = snapshot(session), revision(session)
    assert full[1] != empty[1]
    roll_back(session, empty[0])
    assert revision(session) == empty[1]
    assert not scalar(session, "SELECT to_regprocedure('f(integer)') IS NOT NULL")
    roll_back(session, full[0])
    assert revision(session) == full[1]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_changed_result_type_comes_back_under_what_uses_it(session: Connection, case: str) -> None:
    session.execute("CREATE TABLE t (a integer)")
    made = "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';" + case
    session.execute(made.encode())
    full = snapshot(session), revision(session)
    session.execute("DROP FUNCTION f(integer) CASCADE")
    session.execute("CREATE FUNCTION f(integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1::bigint'")
    session.execute("CREATE VIEW fresh AS SELECT f(a) FROM t")
    roll_back(session, full[0])
    assert revision(session) == full[1]


def test_a_plan_for_the_live_snapshot_is_empty(session: Connection) -> None:
    session.execute("CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    assert plan(session, snapshot(session)) == []


def test_an_unknown_snapshot_is_refused(session: Connection) -> None:
    with pytest.raises(psycopg.Error, match="There is no snapshot 7") as caught:
        roll_back(session, 7)
    assert caught.value.sqlstate == "SL070"
