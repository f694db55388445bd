"""Runs slate-replicate follow as a user's shell does, between databases made for it."""

import itertools
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from tests import commands
from tests.proxy import Proxy
from tests.recovery import address, digest
from tests.servers import Server, wait_for
from tests.slate import create_database

COMMAND = (sys.executable, "-m", "replication", "follow")
FOLLOWS = " follows."
# How many events a transaction of a writer has, where a test looks for halves of one.
TRANSACTION = 7

Connection = psycopg.Connection[tuple[Any, ...]]
Process = subprocess.Popen[str]

APPEND = """
SELECT last_id FROM append_events((
  SELECT jsonb_agg(jsonb_build_object(
    'entityName', 'Person', 'entityId', mod(i, 97), 'value', i * 1.50, 'text', 'ä€😀''\\"'))
  FROM generate_series(1, %s) AS i))
"""


@dataclass(frozen=True)
class Pair:
    """A source and a destination, each on a server of its own."""

    server: Server
    destination_server: Server
    name: str
    destination: str

    @property
    def place(self) -> str:
        """The source, as messages have it."""
        return f"127.0.0.1:{self.server.port}/{self.name}"

    @property
    def destination_place(self) -> str:
        return f"127.0.0.1:{self.destination_server.port}/{self.destination}"

    @property
    def environment(self) -> dict[str, str]:
        """One without a password: the addresses have theirs."""
        return {name: value for name, value in self.server.environment().items() if name != "PGPASSWORD"}

    @property
    def arguments(self) -> list[str]:
        return [address(self.server, self.name), address(self.destination_server, self.destination)]

    def connect(self, **changes: Any) -> Connection:
        """A session in the source."""
        return self.server.connect(self.name, **changes)

    def connect_destination(self, **changes: Any) -> Connection:
        return self.destination_server.connect(self.destination, **changes)

    def append(self, events: int, transactions: int = 1) -> int:
        """Stores events in the source, so many in each of so many transactions. Returns the last id."""
        with self.connect() as connection:
            for _ in range(transactions):
                row = connection.execute(APPEND, (events,)).fetchone()
        assert row
        return int(row[0])

    def once(self, *more: str) -> "subprocess.CompletedProcess[str]":
        return run([*self.arguments, "--once", *more], self.environment)

    def follow_once(self, *more: str) -> str:
        """Follows with --once, which must succeed. Returns the result."""
        ended = self.once(*more)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    @contextmanager
    def following(self, *more: str, arguments: Sequence[str] = ()) -> Iterator["Running"]:
        """A process that follows, until the block ends."""
        process = start([*(arguments or self.arguments), *more], self.environment)
        running = Running(process)
        try:
            yield running
        finally:
            process.kill()
            running.end()

    def highest(self) -> int:
        """The highest id of the destination."""
        with self.connect_destination() as connection:
            row = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
        assert row
        return int(row[0])

    def wait_for(self, highest: int, seconds: float = 60) -> None:
        """Waits until the destination has the event with this id."""
        wait_for(lambda: self.highest() >= highest, f"event {highest} in the destination", seconds)

    def same_events(self) -> bool:
        with self.connect() as source, self.connect_destination() as destination:
            return digest(source) == digest(destination)


class Running:
    """A process, and what it has said so far."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []
        assert process.stderr
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()

    def _read(self, stream: Any) -> None:
        with suppress(ValueError):
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    def wait_for_line(self, words: str, seconds: float = 30) -> str:
        """Waits until it has said a line with these words. Returns the line."""
        return wait_for(
            lambda: next((line for line in self.lines if words in line), ""), f"{words!r} in {self.lines}", seconds
        )

    def wait_until_it_follows(self) -> None:
        self.wait_for_line(FOLLOWS)

    def end(self) -> int:
        """Waits for its end, and returns the exit status."""
        status = self.process.wait(30)
        self._reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()
        return status

    def fields(self) -> list[dict[str, Any]]:
        """Its log, where that is JSON."""
        return [json.loads(line) for line in self.lines]


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return commands.run(arguments, environment, COMMAND)


def start(arguments: Sequence[str], environment: Mapping[str, str]) -> Process:
    return commands.start(arguments, environment, COMMAND)


@contextmanager
def open_pair(server: Server, destination_server: Server, name: str) -> Iterator[Pair]:
    """Makes a source and an empty destination; afterwards both are gone."""
    pair = Pair(server, destination_server, name, f"{name}_destination")
    create_database(server, name, "source")
    create_database(destination_server, pair.destination, "destination")
    try:
        yield pair
    finally:
        server.drop(name)
        destination_server.drop(pair.destination)


class Writer:
    """Appends transactions of TRANSACTION events to the source until the block ends; waits out what it cannot reach.

    Between transactions it does not hurry: the tests' machines are small.
    """

    def __init__(self, pair: Pair, pause: float = 0.002) -> None:
        self._pair = pair
        self._pause = pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.transactions = 0

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    def _write(self) -> None:
        while not self._ending.is_set():
            with suppress(psycopg.Error), self._pair.connect() as connection:
                for _ in itertools.count():
                    if self._ending.wait(self._pause):
                        return
                    connection.execute(APPEND, (TRANSACTION,))
                    self.transactions += 1
            self._ending.wait(0.05)


class Watcher:
    """Looks at the destination until the block ends, and keeps what is wrong there: gaps, halves of transactions."""

    _LOOK = "SELECT count(*), coalesce(max(id), 0), coalesce(min(id), 1) FROM events"

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.looks = 0
        self.faults: list[str] = []

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    def _watch(self) -> None:
        while not self._ending.is_set():
            with suppress(psycopg.Error), self._pair.connect_destination() as connection:
                while not self._ending.wait(0.01):
                    row = connection.execute(self._LOOK).fetchone()
                    assert row
                    count, highest, lowest = row
                    self.looks += 1
                    if lowest != 1 or count != highest or count % TRANSACTION:
                        self.faults.append(f"{count} events, ids {lowest} to {highest}")
            self._ending.wait(0.05)


class Service:
    """Keeps a process that follows running until the block ends, as systemd does: starts it again whenever it ends."""

    def __init__(self, pair: Pair, arguments: Sequence[str]) -> None:
        self._pair = pair
        self._arguments = arguments
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._process: Process | None = None
        self.lines: list[str] = []
        self.statuses: list[int] = []

    def __enter__(self) -> "Service":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self.kill()
        self._thread.join(60)

    def kill(self) -> None:
        """``kill -9`` for the process that there is now."""
        if self._process:
            self._process.kill()

    def _keep(self) -> None:
        while not self._ending.is_set():
            with self._pair.following(arguments=self._arguments) as running:
                self._process = running.process
                while not self._ending.wait(0.02) and running.process.poll() is None:
                    pass
            self.statuses.append(running.process.returncode)
            self.lines += running.lines


class Network(Proxy):
    """A network to a server that a test can cut, and mend again."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._to = server
        self._open: list[socket.socket] = []
        self._is_cut = False
        self.refused = 0

    def __enter__(self) -> "Network":
        super().__enter__()
        return self

    def cut(self) -> None:
        """Ends all connections, and lets no new one through; counts those."""
        self.refused = 0
        self._is_cut = True
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mend(self) -> None:
        self._is_cut = False

    def _pass_on(self, client: socket.socket) -> None:
        try:
            if self._is_cut:
                self.refused += 1
                raise ConnectionRefusedError
            upstream = socket.create_connection(("127.0.0.1", self._to.port))
        except OSError:
            client.close()
            return
        self._open += [client, upstream]
        back = threading.Thread(target=self._pump, args=(upstream, client, bytes), daemon=True)
        back.start()
        self._pump(client, upstream, bytes)
        back.join()
        client.close()
        upstream.close()
