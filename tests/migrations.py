"""Folders of patches and nodes to apply them to, for the tests of slate-schema migrate."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests import commands
from tests.servers import Server

COMMAND = (sys.executable, "-m", "versioning")
LEDGER = """
SELECT concat_ws('-', major, minor, point), type, ended_at IS NOT NULL, done, begun FROM slate.patch
ORDER BY major, minor, point
"""


@dataclass(frozen=True)
class Nodes:
    """Databases of one server, the source first, and a folder of patches."""

    server: Server
    names: tuple[str, ...]
    folder: Path

    def write(self, **patches: str) -> None:
        """Writes patches: p1_0_0_std="SELECT 1"."""
        for name, text in patches.items():
            (self.folder / f"patch-{name[1:].replace('_', '-')}.sql").write_text(text, encoding="utf-8")

    def arguments(self, verb: str, *more: str) -> list[str]:
        """The command line, with all nodes."""
        nodes = [word for name in self.names for word in ("--node", f"host=127.0.0.1 dbname={name}")]
        return [verb, str(self.folder), *nodes, *more]

    def run(self, verb: str, *more: str) -> "tuple[int, str, str]":
        """Exit status, standard output, standard error."""
        ended = commands.run(self.arguments(verb, *more), self.server.environment(), COMMAND)
        return ended.returncode, ended.stdout, ended.stderr

    def migrate(self, *more: str) -> "tuple[int, str, str]":
        """Applies, without being asked."""
        return self.run("migrate", "--yes", *more)

    def place(self, number: int = 0) -> str:
        """A node as it is told."""
        return f"127.0.0.1:{self.server.port}/{self.names[number]}"

    def ask(self, query: str, number: int = 0) -> Sequence[Any]:
        """The rows of a query on a node."""
        with self.server.connect(self.names[number]) as connection:
            return connection.execute(query.encode()).fetchall()

    def do(self, command: str, number: int = 0) -> None:
        """Runs a command on a node."""
        with self.server.connect(self.names[number]) as connection:
            connection.execute(command.encode())

    def ledger(self, number: int = 0) -> list[str]:
        """The complete patches of a node."""
        try:
            return [row[0] for row in self.ask(LEDGER, number) if row[2]]
        except psycopg.errors.UndefinedTable:
            return []

    def has(self, relation: str, number: int = 0) -> bool:
        """Whether the node has a table or an index of this name."""
        return bool(self.ask(f"SELECT to_regclass('{relation}') IS NOT NULL", number)[0][0])


def make_nodes(server: Server, name: str, folder: Path, count: int) -> Nodes:
    """Makes empty databases, NAME, NAME_2 and so on; the caller drops them."""
    names = (name, *(f"{name}_{number}" for number in range(2, count + 1)))
    with server.connect() as connection:
        for one in names:
            connection.execute(f"CREATE DATABASE {one}".encode())
    return Nodes(server, names, folder)
