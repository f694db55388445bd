"""docs/sql.md is what the databases say of themselves, whatever their PostgreSQL."""

from collections.abc import Iterator

import pytest

from manual.catalog import read_relations, read_routines
from manual.databases import PREFIX, Databases, make_databases
from manual.pages import SQL
from manual.sql import POV_INTERFACE, POV_VIEWS, make_sql_page
from tests.servers import Server


@pytest.fixture
def databases(server: Server) -> Iterator[Databases]:
    with make_databases(server.parameters()) as made:
        yield made


def test_the_page_is_what_the_databases_say(databases: Databases) -> None:
    made = make_sql_page(databases)
    assert made.splitlines() == SQL.read_text(encoding="utf-8").splitlines(), "run: python -m manual"


def test_everything_that_users_call_or_read_has_a_comment(databases: Databases) -> None:
    routines = [
        one
        for kind in (databases.source, databases.destination)
        for one in read_routines(kind, ["public", "slate", "pov"])
        if one.schema == "public" or one.identity in POV_INTERFACE
    ]
    relations = read_relations(databases.source, ["public", "slate", "pov"])
    columns = [
        (one, column)
        for one in relations
        if one.schema == "public" or (one.schema == "pov" and one.name in POV_VIEWS)
        for column in one.columns
    ]
    assert {one.identity for one in routines} >= {"public.append_events(jsonb)", "public.pov()", *POV_INTERFACE}
    assert ("public", "id") in {(one.schema, column.name) for one, column in columns}
    assert [one.identity for one in routines if not one.comment] == []
    assert [f"{one.schema}.{one.name}" for one in relations if not one.comment] == []
    assert [f"{one.schema}.{one.name}.{column.name}" for one, column in columns if not column.comment] == []


def test_the_databases_are_gone_afterwards(server: Server) -> None:
    with make_databases(server.parameters()) as made:
        assert read_routines(made.with_roles, ["public"], PREFIX)
    with server.connect() as connection:
        left = connection.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [PREFIX])
        assert left.fetchall() == []
    assert not [name for name in server.databases() if name.startswith(PREFIX)]
