"""Event stores made straight from the product's SQL, and the original's from the seed, for tests of the SQL alone."""

import os
import re
from functools import cache
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.creation.plan import Place, make_plan
from init_slate_db.core.sql_files import TableType
from tests.servers import Server

SHARED = Path(__file__).parents[2] / "shared"


def shared(path: str) -> Path:
    """A file or folder of the material that lies beside the project. Where there is none, the test is skipped.

    In continuous integration it must be there.
    """
    found = SHARED / path
    if not found.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"../shared/{path} is not there", allow_module_level=True)
    return found


def create_database(server: Server, name: str, table_type: TableType, *, partition_size: int = 0) -> None:
    """Creates a database with our objects. An existing one of this name is dropped first."""
    plan = make_plan(name, table_type, partition_size=partition_size)
    _create(server, name, "\n".join(step.statement for step in plan.steps if step.place is Place.DATABASE))


def create_original(server: Server, name: str) -> None:
    """Creates a source database with the objects of the original init-slate-db, as the seed has them."""
    _create(server, name, original_sql())


def _create(server: Server, name: str, script: str) -> None:
    server.drop(name)
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    with psycopg.connect(**server.parameters(name)) as connection:
        connection.execute(script.encode())


@cache
def original_sql() -> str:
    """The original's source database as one script, read from the seed."""
    (seed,) = shared("seeds").glob("004_*.txt")
    text = seed.read_text(encoding="utf-8").replace("WITH (\nOIDS=FALSE\n)", "")
    text = text.replace("WITH (\nOIDS=FALSE)", "")

    def statement(start: str, end: str) -> str:
        begin = text.index(start)
        return text[begin : text.index(end, begin) + len(end)]

    functions = ("notify_event_insert", "filter_sql_command", "insert_events", "restore_events")
    return "\n".join(
        [
            statement("CREATE TABLE events\n", ";"),
            *re.findall(r"^CREATE INDEX .*;$", text, re.MULTILINE),
            statement("CREATE TABLE id (", ";"),
            "INSERT INTO id VALUES (1);",
            *(statement(f"CREATE FUNCTION {name}", "$$ LANGUAGE plpgsql;") for name in functions),
            statement("CREATE TRIGGER notify_insert", ";"),
            statement("CREATE TRIGGER check_sql_command", ";"),
            "CREATE EXTENSION dblink;",
        ]
    )
