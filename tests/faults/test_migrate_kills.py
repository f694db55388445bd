"""``slate-schema migrate`` is killed, or one of its servers is, at any moment: the next run completes what is missing.

At 2 moments a version; SLATE_ALL_MOMENTS: at 50, which takes a quarter of an hour.
"""

import contextlib
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from tests import commands, servers
from tests.effort import moments
from tests.faults.migrating import ARGUMENTS, complete, kill_at_a_moment, measure, write_passfile, write_patches
from tests.migrations import COMMAND
from tests.servers import Server

MOMENTS = moments(2, 50)
PATCHES = 30
KINDS = ("direct", "concurrent", "std")
TEXTS = {
    "std": "INSERT INTO runs VALUES ({n}); CREATE TABLE s{n} (n int PRIMARY KEY);",
    "direct": "INSERT INTO runs VALUES ({n}); CREATE TABLE d{n} AS SELECT g AS n FROM generate_series(1, 20000) AS g;"
    " CREATE INDEX gone{n} ON d{n} (n);",
    "concurrent": "INSERT INTO runs VALUES ({n}); CREATE INDEX CONCURRENTLY i{n} ON d{before} (n);"
    " VACUUM d{before}; REINDEX TABLE CONCURRENTLY d{before}; DROP INDEX CONCURRENTLY gone{before};"
    " CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u{n} ON d{before} (n); INSERT INTO runs VALUES (1000 + {n})",
}
INDEXES = """
SELECT string_agg(c.relname || ' ' || i.indisvalid, ', ' ORDER BY c.relname)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ '^s'
"""


@dataclass(frozen=True)
class Field:
    """Two servers, three nodes, a folder of patches. seconds: how long a whole run takes."""

    servers: tuple[Server, Server]
    folder: Path
    passfile: Path
    seconds: float = 0

    @property
    def nodes(self) -> list[dict[str, Any]]:
        places = zip((self.servers[0], *self.servers), ("one", "two", "three"), strict=True)
        return [{"host": "127.0.0.1", "port": server.port, "dbname": name} for server, name in places]

    def start(self) -> "subprocess.Popen[str]":
        words = [word for node in self.nodes for word in ("--node", make_conninfo(**node))]
        environment = self.servers[0].environment(PGPASSFILE=str(self.passfile))
        del environment["PGPASSWORD"]
        return commands.start(["migrate", str(self.folder), *ARGUMENTS, *words], environment, COMMAND)

    def ask(self, number: int, query: str) -> Any:
        with self.servers[number // 2].connect(self.nodes[number]["dbname"]) as connection:
            return connection.execute(query.encode()).fetchall()

    def clear(self) -> None:
        for number in range(3):
            with self.servers[number // 2].connect(self.nodes[number]["dbname"]) as connection:
                connection.execute("DROP SCHEMA IF EXISTS slate CASCADE")
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE runs (n int)")


@pytest.fixture(scope="module", params=list(servers.binaries()), ids=lambda version: f"pg{version}")
def field(
    request: pytest.FixtureRequest, server_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    """Servers of its own, since they are killed."""
    version = request.param
    folder = tmp_path_factory.mktemp("patches")
    write_patches(folder, PATCHES, KINDS, TEXTS)
    with contextlib.ExitStack() as stack:
        running = []
        for part in ("a", "b"):
            server = servers.start(server_directory / f"migrate-{version}-{part}", version)
            stack.callback(server.cluster.stop, "immediate")
            running.append(server)
        first, second = running
        for server, name in ((first, "one"), (first, "two"), (second, "three")):
            with server.connect() as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
        made = Field((first, second), folder, write_passfile(folder.with_name("pgpass"), running))
        made = replace(made, seconds=measure(made))
        assert_complete(made)
        yield made


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_whatever_is_killed_when_the_next_run_completes_the_nodes(field: Field, seed: int) -> None:
    field.clear()
    kill_at_a_moment(random.Random(seed), field.start, field.servers, field.seconds, Server.restart)
    complete(field)
    assert_complete(field)


def assert_complete(field: Field) -> None:
    does = {n: KINDS[(n - 1) % len(KINDS)] for n in range(1, PATCHES + 1)}
    everywhere = [n for n, kind in does.items() if kind != "std"]
    again = [1000 + n for n, kind in does.items() if kind == "concurrent"]
    for number in range(3):
        expected = [*(range(1, PATCHES + 1) if number == 0 else everywhere), *again]
        ran = [n for (n,) in field.ask(number, "SELECT n FROM runs ORDER BY n")]
        assert ran == sorted(expected), f"node {number}: each patch ran once"
        rows = [n for (n,) in field.ask(number, "SELECT point FROM slate.patch WHERE ended_at IS NOT NULL ORDER BY 1")]
        assert rows == [n for n in expected if n <= PATCHES]
        assert field.ask(number, "SELECT count(*) FROM slate.patch WHERE ended_at IS NULL OR begun IS NOT NULL") == [
            (0,)
        ]
    first, second, third = (field.ask(number, INDEXES) for number in range(3))
    assert first == second == third
    assert "false" not in first[0][0]
