"""The SQL in the documents is right: a server reads all of it, and the objects that it names are there."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from manual.blocks import find_blocks
from manual.catalog import Connection
from manual.databases import PREFIX, make_databases
from manual.pages import SQL, read_documents
from tests.servers import Server
from versioning.migrations.statements import split

# SQL is what is between one statement and a result that stands behind it.
_RESULT = re.compile(r"^ .*\|.*\n-[-+]*\n(?: .*\n)*", re.MULTILINE)
# A server reads the whole of a query before it runs the first statement of it, which ends it here.
_STOP = "DO $stop$ BEGIN RAISE EXCEPTION SQLSTATE 'SL085'; END $stop$;\n"
_QUERIES = {"SELECT", "INSERT", "VALUES", "WITH"}
# It is about a database that is called so.
_READ_ALONE = {"ALTER DATABASE"}

# docs/sql.md has what databases say themselves.
BLOCKS = [
    (name, _RESULT.sub("", block.text))
    for name, text in read_documents().items()
    if not name.endswith(SQL.name)
    for block in find_blocks(text)
    if block.language == "sql"
]


@pytest.fixture(scope="module")
def source(server: Server) -> Iterator[Connection]:
    """A source with everything in it, and the roles of --roles next to it."""
    with make_databases(server.parameters()) as databases:
        yield databases.source


def test_there_is_sql() -> None:
    assert {"README.md", "docs/security.md", "docs/snapshots.md"} <= {name for name, _ in BLOCKS}


@pytest.mark.parametrize(("document", "text"), BLOCKS, ids=lambda value: value if value.endswith(".md") else "")
def test_a_server_can_read_it(source: Connection, document: str, text: str) -> None:
    with pytest.raises(psycopg.Error) as stopped:
        source.execute((_STOP + text).encode())
    assert stopped.value.sqlstate == "SL085", f"{document}: {stopped.value}"


@pytest.mark.parametrize(("document", "text"), BLOCKS, ids=lambda value: value if value.endswith(".md") else "")
def test_what_it_names_is_there(source: Connection, document: str, text: str) -> None:
    with source.transaction(force_rollback=True):
        for statement in split(re.sub(r"\bapp_(?=[a-z])", f"{PREFIX}_", text)):
            if " ".join(statement.tokens[:2]) in _READ_ALONE:
                continue
            # Queries are analysed, not run: what they are about, a backup or a snapshot, is not there.
            prepared = "PREPARE document AS " if statement.tokens[0] in _QUERIES else ""
            source.execute((prepared + statement.text).encode())
            if prepared:
                source.execute("DEALLOCATE document")
