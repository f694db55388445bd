"""Fifty writers and a server that is killed under them: what was acknowledged is there once, in a gapless order."""

import itertools
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from tests import servers
from tests.conftest import VERSIONS
from tests.servers import Server, wait_for
from tests.slate import create_database

Connection = psycopg.Connection[tuple[Any, ...]]

DATABASE = "writers"
WRITERS = 50
# The kill comes after this time, and not before so many commits.
SECONDS = 5
COMMITS_BEFORE_KILL = 100
# So few ids that many transactions go from one partition to the next, or through several.
PARTITION_SIZE = 100


class RolledBack(Exception):  # noqa: N818 - not an error
    """Raised to leave a savepoint or a transaction."""


@dataclass
class Writer:
    """One client. Its transactions are named after it, and map to the keys of their events, in order."""

    server: Server
    number: int
    stop: Event
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    unanswered: dict[str, list[str]] = field(default_factory=dict)
    rolled_back: set[str] = field(default_factory=set)
    connections: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(f"writer {self.number}")
        self.names = (f"{self.number}-{count}" for count in itertools.count(1))

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with self.connected() as connection:
                    while not self.stop.is_set():
                        self.transact(connection)
            except psycopg.OperationalError:
                # The server was killed, or is not yet up again.
                continue

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        connections = wait_for(self.connect, "the server to accept a writer", seconds=60)
        with closing(connections[0]) as connection:
            yield connection

    def connect(self) -> list[Connection]:
        """One connection, or none while the server is down."""
        try:
            connection = psycopg.connect(
                **self.server.parameters(DATABASE, connect_timeout=30, options="-c statement_timeout=60s")
            )
        except psycopg.OperationalError:
            return []
        self.connections += 1
        return [connection]

    def transact(self, connection: Connection) -> None:
        """One transaction, and the note of how it ended."""
        name = next(self.names)
        # Until the commit is sent, nothing of it may survive.
        self.rolled_back.add(name)
        keys = self.write(connection, name)
        if self.random.random() < 0.15:
            connection.rollback()
            return
        self.rolled_back.remove(name)
        self.unanswered[name] = keys
        connection.commit()
        self.acknowledged[name] = self.unanswered.pop(name)

    def write(self, connection: Connection, name: str) -> list[str]:
        """Writes events, some in savepoints. Returns the keys of those that a commit stores."""
        # Opens the transaction: transaction() opens a savepoint only inside one.
        connection.execute("SELECT")
        numbers = itertools.count(1)
        kept: list[str] = []
        for _ in range(self.random.randint(1, 4)):
            keys = [f"{name}-{next(numbers)}" for _ in range(self.random.choice([1, 1, 2, 5, 20, 100]))]
            if self.random.random() < 0.5:
                self.store(connection, name, keys)
                kept += keys
                continue
            try:
                with connection.transaction():
                    self.store(connection, name, keys)
                    if self.random.random() < 0.5:
                        raise RolledBack
                kept += keys
            except RolledBack:
                continue
        return kept

    def store(self, connection: Connection, name: str, keys: list[str]) -> None:
        events = [
            json.dumps({"key": key, "transaction": name, "text": "it's " * self.random.randint(0, 20)}) for key in keys
        ]
        if self.random.random() < 0.5:
            connection.execute("SELECT append_events(%s::jsonb)", [f"[{','.join(events)}]"])
            return
        literals = ("'" + event.replace("'", "''") + "'" for event in events)
        rows = ",".join(f"($1[{index}], $2, {literal})" for index, literal in enumerate(literals, start=1))
        connection.execute("SELECT insert_events(%s)", [rows])


@dataclass(frozen=True)
class Stored:
    """One event as the database has it in the end."""

    id: int
    ts: datetime
    transaction: str
    key: str


@dataclass(frozen=True)
class Outcome:
    """What the writers were told, and what is there."""

    writers: list[Writer]
    commits_before_kill: int
    events: list[Stored]
    next_ids: list[int]
    partitions: int

    def transactions(self) -> list[tuple[str, list[Stored]]]:
        """Runs of events of one transaction, in the order of the ids."""
        return [(name, list(run)) for name, run in itertools.groupby(self.events, key=lambda event: event.transaction)]

    def stored_keys(self) -> dict[str, list[str]]:
        keys: dict[str, list[str]] = {}
        for event in self.events:
            keys.setdefault(event.transaction, []).append(event.key)
        return keys


@pytest.fixture(
    scope="module",
    params=itertools.product(VERSIONS, (0, PARTITION_SIZE)),
    ids=lambda parameter: f"pg{parameter[0]}{'-partitions' if parameter[1] else ''}",
)
def outcome(request: pytest.FixtureRequest, server_directory: Path) -> Iterator[Outcome]:
    """The outcome on a server of each version that syncs to disk, as those in production do."""
    version, partition_size = request.param
    directory = server_directory / f"{version}-writers-{partition_size}"
    server = servers.start(directory, version, "fsync = on\nlog_statement = none")
    try:
        create_database(server, DATABASE, "source", partition_size=partition_size)
        yield run_writers(server)
    finally:
        server.cluster.stop("immediate")


def run_writers(server: Server) -> Outcome:
    start = time.monotonic()
    stop = Event()
    writers = [Writer(server, number, stop) for number in range(1, WRITERS + 1)]

    def commits() -> list[int]:
        return [len(writer.acknowledged) for writer in writers]

    with ThreadPoolExecutor(WRITERS) as executor:
        futures = [executor.submit(writer.run) for writer in writers]
        try:
            wait_for(
                lambda: time.monotonic() > start + SECONDS and all(commits()) and sum(commits()) >= COMMITS_BEFORE_KILL,
                "commits of all writers",
                seconds=60,
            )
            server.kill()
            before_kill = commits()
            server.restart()
            wait_for(
                lambda: all(later > earlier for earlier, later in zip(before_kill, commits(), strict=True)),
                "every writer to commit after the kill",
                seconds=60,
            )
        finally:
            stop.set()
    for future in futures:
        future.result()
    with server.connect(DATABASE) as connection:
        rows = connection.execute("SELECT id, ts, event ->> 'transaction', event ->> 'key' FROM events ORDER BY id")
        events = [Stored(*row) for row in rows]
        next_ids = [row[0] for row in connection.execute("SELECT id FROM id")]
        partitions = connection.execute("SELECT FROM pg_inherits WHERE inhparent = 'events'::regclass").rowcount
    return Outcome(writers, sum(before_kill), events, next_ids, partitions)


def test_every_writer_committed_before_and_after_the_kill(outcome: Outcome) -> None:
    assert outcome.commits_before_kill >= COMMITS_BEFORE_KILL
    assert all(writer.acknowledged for writer in outcome.writers)
    assert all(writer.connections >= 2 for writer in outcome.writers)
    assert sum(len(writer.acknowledged) for writer in outcome.writers) > outcome.commits_before_kill


def test_every_acknowledged_event_is_there_exactly_once_in_its_order(outcome: Outcome) -> None:
    stored = outcome.stored_keys()
    acknowledged = {name: keys for writer in outcome.writers for name, keys in writer.acknowledged.items() if keys}
    assert {name: stored.get(name) for name in acknowledged} == acknowledged


def test_a_transaction_whose_answer_was_lost_is_there_whole_or_not_at_all(outcome: Outcome) -> None:
    stored = outcome.stored_keys()
    unanswered = {name: keys for writer in outcome.writers for name, keys in writer.unanswered.items()}
    assert {name: stored[name] for name in unanswered if name in stored} == {
        name: keys for name, keys in unanswered.items() if name in stored
    }


def test_nothing_of_a_transaction_without_a_commit_is_there(outcome: Outcome) -> None:
    rolled_back = set().union(*(writer.rolled_back for writer in outcome.writers))
    assert rolled_back
    assert not rolled_back & outcome.stored_keys().keys()


def test_nothing_else_is_there(outcome: Outcome) -> None:
    written = set().union(*(writer.acknowledged.keys() | writer.unanswered.keys() for writer in outcome.writers))
    assert outcome.stored_keys().keys() <= written


def test_ids_count_from_1_without_a_gap(outcome: Outcome) -> None:
    assert [event.id for event in outcome.events] == list(range(1, len(outcome.events) + 1))


def test_the_next_id_is_the_one_behind_the_last(outcome: Outcome) -> None:
    assert outcome.next_ids == [len(outcome.events) + 1]


def test_there_are_the_partitions_of_the_events_and_one_ahead(outcome: Outcome) -> None:
    full = (len(outcome.events) - 1) // PARTITION_SIZE
    assert outcome.partitions in (0, full + 2)
    assert full > 10


def test_the_events_of_a_transaction_stand_together(outcome: Outcome) -> None:
    names = [name for name, _ in outcome.transactions()]
    assert len(names) == len(set(names))


def test_the_events_of_a_transaction_have_one_ts(outcome: Outcome) -> None:
    assert [name for name, run in outcome.transactions() if len({event.ts for event in run}) > 1] == []


def test_ts_rises_strictly_from_one_transaction_to_the_next(outcome: Outcome) -> None:
    starts = [run[0] for _, run in outcome.transactions()]
    assert [later for earlier, later in itertools.pairwise(starts) if later.ts <= earlier.ts] == []
