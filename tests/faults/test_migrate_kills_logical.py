"""``slate-schema migrate`` on a source that two nodes subscribe to: it is killed, or one of the servers is.

At 2 moments a version; SLATE_ALL_MOMENTS: at 50, which takes a quarter of an hour.
"""

import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from tests import commands, servers
from tests.effort import moments
from tests.faults.migrating import (
    ARGUMENTS,
    complete,
    kill_at_a_moment,
    measure,
    write_passfile,
    write_patches,
    writing,
)
from tests.migrations import COMMAND
from tests.servers import Server, wait_for

MOMENTS = moments(2, 50)
# The last column that is added stays.
PATCHES = 16
NAMES = ("one", "two", "three")
# What each patch does, in turn. Table runs, which is not published, tells how often each one ran.
KINDS = ("adds", "direct", "concurrent", "own", "removes", "direct")
TEXTS = {
    "adds": "ALTER TABLE items ADD COLUMN c{n} integer DEFAULT {n}; INSERT INTO runs VALUES ({n})",
    "removes": "ALTER TABLE items DROP COLUMN c{added}; INSERT INTO runs VALUES ({n})",
    "own": "INSERT INTO runs VALUES ({n}); CREATE TABLE s{n} ()",
    "direct": "INSERT INTO runs VALUES ({n}); CREATE TABLE d{n} AS SELECT g AS n FROM generate_series(1, 5000) AS g",
    "concurrent": "INSERT INTO runs VALUES ({n}); CREATE INDEX CONCURRENTLY i{n} ON d{before} (n);"
    " REINDEX TABLE CONCURRENTLY d{before}; INSERT INTO runs VALUES (1000 + {n})",
}
# A subscriber whose server was killed is to be back soon.
SETTINGS = "wal_retrieve_retry_interval = '100ms'\n"
COLUMNS = """
SELECT attname FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1
"""


@dataclass(frozen=True)
class Field:
    """A server for each of the nodes, the source first. seconds: how long a whole run takes."""

    servers: tuple[Server, ...]
    folder: Path
    passfile: Path
    seconds: float = 0

    def conninfo(self, number: int) -> str:
        server = self.servers[number]
        return make_conninfo(host="127.0.0.1", port=server.port, user="postgres", dbname=NAMES[number])

    def start(self) -> "subprocess.Popen[str]":
        words = [word for number in range(3) for word in ("--node", self.conninfo(number))]
        environment = self.servers[0].environment(PGPASSFILE=str(self.passfile))
        del environment["PGPASSWORD"]
        return commands.start(["migrate", str(self.folder), *ARGUMENTS, *words], environment, COMMAND)

    def ask(self, number: int, query: str) -> Any:
        with self.servers[number].connect(NAMES[number]) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def ask_all(self, query: str) -> list[Any]:
        return [self.ask(number, query) for number in range(3)]

    def clear(self) -> None:
        """New databases, of which the second and the third subscribe to the first."""
        self.forget()
        for number in range(3):
            with self.servers[number].connect() as connection:
                connection.execute(f"CREATE DATABASE {NAMES[number]}".encode())
        for number in range(3):
            key = "integer GENERATED ALWAYS AS IDENTITY" if number == 0 else "integer"
            self.ask(number, f"CREATE TABLE runs (n integer); CREATE TABLE items (id {key} PRIMARY KEY, note text)")
        self.ask(0, "CREATE PUBLICATION items FOR TABLE items")
        for number in (1, 2):
            password = f"password={self.servers[0].password}"
            link = f"CONNECTION '{self.conninfo(0)} {password}' PUBLICATION items"
            self.ask(number, f"CREATE SUBSCRIPTION {NAMES[number]} {link}")
        ready = "SELECT coalesce(bool_and(srsubstate = 'r'), true) FROM pg_subscription_rel"
        wait_for(lambda: self.ask_all(ready) == [[(True,)]] * 3, "the copy")
        # It is noted in a commit that is not waited for, and that a killed server may lose.
        self.ask_all("CHECKPOINT")

    def forget(self) -> None:
        """Drops the databases, where they are."""
        for number in (1, 2):
            if NAMES[number] in self.servers[number].databases():
                self.ask(number, f"DROP SUBSCRIPTION IF EXISTS {NAMES[number]}")
        for number in range(3):
            self.servers[number].drop(NAMES[number])


@pytest.fixture(scope="module", params=list(servers.binaries()), ids=lambda version: f"pg{version}")
def field(
    request: pytest.FixtureRequest, server_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    """Servers of its own, since they are killed. The third is of the other version where the machine has two."""
    version = request.param
    other = next((one for one in servers.binaries() if one != version), version)
    folder = tmp_path_factory.mktemp("patches")
    write_patches(folder, PATCHES, KINDS, TEXTS, added=4)
    with ExitStack() as stack:
        running = []
        for name, of in zip(NAMES, (version, version, other), strict=True):
            running.append(servers.start(server_directory / f"migrate-logical-{version}-{name}", of, SETTINGS))
            stack.callback(running[-1].cluster.stop, "immediate")
        made = Field(tuple(running), folder, write_passfile(folder.with_name("pgpass-logical"), running))
        made = replace(made, seconds=measure(made))
        assert_complete(made)
        yield made


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_whatever_is_killed_the_next_run_completes_the_nodes_and_rows_go_on_flowing(field: Field, seed: int) -> None:
    field.clear()
    with writing(field.servers[0], NAMES[0], "INSERT INTO items (note) VALUES ('while it is killed')"):
        kill_at_a_moment(random.Random(seed), field.start, field.servers, field.seconds, Server.restart)
        complete(field)
    assert_complete(field)


def assert_complete(field: Field) -> None:
    """All nodes have all that is theirs, once, and what is stored in the source now comes to the others."""
    does = {n: KINDS[(n - 1) % len(KINDS)] for n in range(1, PATCHES + 1)}
    again = [1000 + n for n, kind in does.items() if kind == "concurrent"]
    for number in range(3):
        theirs = [n for n, kind in does.items() if number == 0 or kind != "own"]
        ran = [n for (n,) in field.ask(number, "SELECT n FROM runs ORDER BY n")]
        assert ran == sorted([*theirs, *again]), f"node {number}: each patch ran once"
        rows = field.ask(number, "SELECT point, ended_at IS NOT NULL AND begun IS NULL FROM slate.patch ORDER BY 1")
        assert rows == [(n, True) for n in theirs]
        assert field.ask(number, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    assert field.ask_all(COLUMNS) == [[("c13",), ("id",), ("note",)]] * 3
    field.ask(0, "INSERT INTO items (note, c13) VALUES ('behind it', -1)")
    items = "SELECT id, note, c13 FROM items ORDER BY id"

    def are_equal() -> bool:
        first, *others = field.ask_all(items)
        return all(other == first for other in others)

    wait_for(are_equal, "the rows to come")
    assert field.ask(2, "SELECT count(*) FROM items WHERE c13 = -1") == [(1,)]
