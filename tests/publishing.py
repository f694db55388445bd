"""A source whose events others subscribe to, on several servers, and slate-schema migrate run on all of them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.migrations import COMMAND, LEDGER
from tests.servers import Server, wait_for
from tests.slate import create_database

APPEND = """SELECT append_events('[{"entityName": "Person"}, {"entityName": "Person"}]')"""
COLUMNS = """
SELECT attname FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1
"""


@dataclass(frozen=True)
class Publishing:
    """A source and its subscribers, the source first, and a folder of patches."""

    servers: tuple[Server, ...]
    names: tuple[str, ...]
    folder: Path

    @property
    def numbers(self) -> range:
        """The nodes' numbers; the source's is 0."""
        return range(len(self.names))

    def address(self, number: int) -> str:
        return make_conninfo(**self.servers[number].parameters(self.names[number]))

    def place(self, number: int) -> str:
        return f"127.0.0.1:{self.servers[number].port}/{self.names[number]}"

    def link(self, number: int = 1) -> str:
        """The name of a node's subscription, and of the source's slot for it."""
        return f"{self.names[number]}_link"

    def ask(self, query: str, number: int = 0) -> list[tuple[Any, ...]]:
        with self.servers[number].connect(self.names[number]) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def ask_all(self, query: str) -> list[list[tuple[Any, ...]]]:
        """What each node answers."""
        return [self.ask(query, number) for number in self.numbers]

    def write(self, **patches: str) -> None:
        """Writes patches: p1_0_0_std="SELECT 1"."""
        for name, text in patches.items():
            (self.folder / f"patch-{name[1:].replace('_', '-')}.sql").write_text(text, encoding="utf-8")

    def run(self, verb: str, *more: str, nodes: int | None = None) -> "tuple[int, str, str]":
        """Exit status, standard output, standard error. nodes: how many are named; all of them unless told."""
        named = [word for number in self.numbers[:nodes] for word in ("--node", self.address(number))]
        environment = {
            name: value for name, value in self.servers[0].environment().items() if not name.startswith("PG")
        }
        ended = commands.run([verb, str(self.folder), *named, *more], environment, COMMAND)
        return ended.returncode, ended.stdout, ended.stderr

    def migrate(self, *more: str) -> None:
        status, _, told = self.run("migrate", "--yes", *more)
        assert status == ExitStatus.DONE, told

    def refused(self, *more: str) -> str:
        """What a refused run says; nothing was changed on any side."""
        before = self.ask_all(COLUMNS)
        status, _, told = self.run("migrate", "--yes", *more)
        assert status == ExitStatus.REFUSED, told
        assert self.ask_all(COLUMNS) == before
        assert self.ledgers() == [[] for _ in self.numbers]
        return told

    def ledgers(self) -> list[list[str]]:
        """The complete patches of each node."""
        there = "SELECT to_regclass('slate.patch') IS NOT NULL"
        return [
            [row[0] for row in self.ask(LEDGER, number) if row[2]] if self.ask(there, number) == [(True,)] else []
            for number in self.numbers
        ]

    def append(self) -> None:
        """Stores two events in the source, and waits until every subscriber has as many as it."""
        self.ask(APPEND)
        self.wait_for_events()

    def wait_for_events(self) -> None:
        def have_come() -> bool:
            first, *others = self.ask_all("SELECT count(*) FROM events")
            return all(other == first for other in others)

        wait_for(have_come, "the events to come")

    def stop_following(self, number: int = 1) -> None:
        """Has a node receive nothing any more, until it follows again."""
        self.ask(f"ALTER SUBSCRIPTION {self.link(number)} DISABLE", number)
        is_idle = f"SELECT NOT active FROM pg_replication_slots WHERE slot_name = '{self.link(number)}'"
        wait_for(lambda: self.ask(is_idle) == [(True,)], "the subscription's end")

    def follow_again(self, number: int = 1) -> None:
        self.ask(f"ALTER SUBSCRIPTION {self.link(number)} ENABLE", number)


@contextmanager
def publishing(servers: Sequence[Server], name: str, folder: Path) -> Iterator[Publishing]:
    """A source NAME on the first server with two events, and on each other one a destination that has them.

    The caller drops the source.
    """
    names = (name, *(f"{name}_follower_{number}" for number, _ in enumerate(servers[1:], 1)))
    nodes = Publishing(tuple(servers), names, folder)
    with ExitStack() as stack:
        create_database(servers[0], name, "source")
        nodes.ask("CREATE PUBLICATION all_events FOR TABLE events")
        for number in nodes.numbers[1:]:
            create_database(servers[number], names[number], "destination")
            stack.callback(servers[number].drop, names[number])
            connection = f"CONNECTION '{nodes.address(0)}' PUBLICATION all_events"
            nodes.ask(f"CREATE SUBSCRIPTION {nodes.link(number)} {connection}", number)
            stack.callback(nodes.ask, f"DROP SUBSCRIPTION {nodes.link(number)}", number)
        ready = "SELECT coalesce(bool_and(srsubstate = 'r'), true) FROM pg_subscription_rel"
        wait_for(lambda: nodes.ask_all(ready) == [[(True,)] for _ in names], "the copy")
        nodes.append()
        yield nodes
