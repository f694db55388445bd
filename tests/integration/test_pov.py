"""Snapshots of everything that is not data: the story that pov told, and pov's own cases."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.pov import Connection, plan, prepared, revision, roll_back, snapshot
from tests.pov_cases import CASES
from tests.servers import Server


@pytest.fixture
def database(server: Server, name: str) -> Iterator[Connection]:
    with prepared(server, name) as connection:
        yield connection


def scalar(connection: Connection, query: str) -> Any:
    (value,) = connection.execute(query.encode()).fetchone() or (None,)
    return value


def has_myfunc(connection: Connection) -> bool:
    return scalar(connection, "SELECT to_regprocedure('public.myfunc()') IS NOT NULL") is True


def test_the_story_of_pov(database: Connection) -> None:
    cursor = database.execute("SELECT * FROM pov()")
    assert [column.name for column in cursor.description or ()] == ["_snapshotid", "_revisionid"]
    first = cursor.fetchone()
    assert first is not None and first[0] == 1 and len(first[1]) == 64
    assert database.execute("SELECT * FROM pov()").fetchone() == first
    database.execute("CREATE FUNCTION myfunc() RETURNS VOID AS $$ $$ LANGUAGE sql")
    second = database.execute("SELECT * FROM pov()").fetchone()
    assert second is not None and second[0] == 2 and second[1] != first[1]
    assert database.execute("SELECT * FROM pov(1)").fetchone() == (3, first[1])
    assert not has_myfunc(database)
    assert database.execute("SELECT * FROM pov(2)").fetchone() == (4, second[1])
    assert has_myfunc(database)


def test_nothing_is_stored_when_nothing_changed(database: Connection) -> None:
    tables = ("object", "revision", "snapshot")
    sizes = f"SELECT ARRAY[{', '.join(f'(SELECT count(*) FROM pov.{table})' for table in tables)}]"
    database.execute("CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    snapshot(database)
    before = scalar(database, sizes)
    snapshot(database)
    assert scalar(database, sizes) == before == [1, 1, 1]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_created_rolled_back_brought_back(database: Connection, case: str) -> None:
    database.execute("CREATE TABLE t (a integer)")
    prerequisites = [
        part for part in case.split(";") if part.lstrip().startswith(("CREATE SCHEMA", "CREATE DOMAIN", "CREATE TYPE"))
    ]
    for part in prerequisites:
        database.execute(part.encode())
    empty = snapshot(database), revision(database)
    made = "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';" + case
    for part in prerequisites:
        made = made.replace(part, "")
    database.execute(made.encode())
    full = snapshot(database), revision(database)
    assert full[1] != empty[1]
    roll_back(database, empty[0])
    assert revision(database) == empty[1]
    assert not scalar(database, "SELECT to_regprocedure('f(integer)') IS NOT NULL")
    roll_back(database, full[0])
    assert revision(database) == full[1]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_changed_result_type_comes_back_under_what_uses_it(database: Connection, case: str) -> None:
    database.execute("CREATE TABLE t (a integer)")
    made = "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';" + case
    database.execute(made.encode())
    full = snapshot(database), revision(database)
    database.execute("DROP FUNCTION f(integer) CASCADE")
    database.execute("CREATE FUNCTION f(integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1::bigint'")
    database.execute("CREATE VIEW fresh AS SELECT f(a) FROM t")
    roll_back(database, full[0])
    assert revision(database) == full[1]


def test_a_plan_for_the_live_snapshot_is_empty(database: Connection) -> None:
    database.execute("CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    assert plan(database, snapshot(database)) == []


def test_an_unknown_snapshot_is_refused(database: Connection) -> None:
    with pytest.raises(psycopg.Error, match="There is no snapshot 7") as caught:
        roll_back(database, 7)
    assert caught.value.sqlstate == "SL070"
