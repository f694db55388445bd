"""Writers that load a source while a test does things to its servers, and what they were told."""

import itertools
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from tests.recovery import Connection
from tests.servers import wait_for

# A pause, in seconds, that leaves the machine to the servers.
_PAUSE = 0.005
_STORED = """
SELECT event ->> 'transaction', array_agg((event ->> 'number')::integer ORDER BY id), max(id) - min(id) + 1
FROM events GROUP BY 1
"""
_DIGEST = """
SELECT count(*), max(id), md5(string_agg(
         md5(id::text || to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || event::text), '' ORDER BY id))
FROM events
"""


@dataclass
class Writer:
    """One client. Its transactions are named after it; each event says its transaction and its number there.

    sizes: of the transactions that were acknowledged, by name. unanswered: those that may be there or not.
    """

    dsn: str
    number: int
    stopped: threading.Event
    sizes: dict[str, int] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    connections: int = 0

    def run(self) -> None:
        chance = random.Random(self.number)
        names = (f"{self.number}-{count}" for count in itertools.count(1))
        while not self.stopped.is_set():
            with suppress(psycopg.OperationalError), psycopg.connect(self.dsn, autocommit=True) as connection:
                self.connections += 1
                while not self.stopped.wait(_PAUSE):
                    self.append(connection, next(names), chance.choice([1, 1, 2, 5, 20]))
            self.stopped.wait(_PAUSE)

    def append(self, connection: Connection, name: str, size: int) -> None:
        events = [{"transaction": name, "number": number, "text": "it's" * number} for number in range(size)]
        self.unanswered.add(name)
        # A client that gets an error does not know; one that is told of success does.
        connection.execute("SELECT append_events(%s::jsonb)", [json.dumps(events)])
        self.unanswered.remove(name)
        self.sizes[name] = size


@dataclass(frozen=True)
class Load:
    """A load in progress."""

    writers: list[Writer]
    started: float
    seconds: float

    def wait_until(self, part: float) -> None:
        """Waits for a part of the time, from 0 to 1, and until the writers got answers after it was asked for."""
        before = self.acknowledged()
        wait_for(
            lambda: time.monotonic() > self.started + part * self.seconds and self.acknowledged() > before,
            f"{part} of the load",
            seconds=self.seconds + 60,
        )

    def acknowledged(self) -> int:
        return sum(len(writer.sizes) for writer in self.writers)

    def check(self, connection: Connection) -> None:
        """Makes sure that what was acknowledged is stored once and whole, that no id is missing, and nothing else."""
        stored = {name: (numbers, span) for name, numbers, span in connection.execute(_STORED)}
        for writer in self.writers:
            assert writer.sizes
            lost = [name for name, size in writer.sizes.items() if stored.get(name) != (list(range(size)), size)]
            assert lost == []
            # The unanswered are there whole, too, or not at all.
            assert all(stored[name][0] == list(range(stored[name][1])) for name in writer.unanswered & stored.keys())
        known = {name for writer in self.writers for name in writer.sizes.keys() | writer.unanswered}
        assert stored.keys() <= known
        assert connection.execute("SELECT count(*) = max(id) AND min(id) = 1 FROM events").fetchone() == (True,)
        assert connection.execute("SELECT id.id = max(e.id) + 1 FROM id, events AS e GROUP BY id.id").fetchone() == (
            True,
        )


@contextmanager
def load(dsn: str, seconds: float, writers: int = 4) -> Iterator[Load]:
    """Writers that write until the block ends, and so many seconds at least."""
    stopped = threading.Event()
    clients = [Writer(dsn, number, stopped) for number in range(1, writers + 1)]
    running = Load(clients, time.monotonic(), seconds)
    with ThreadPoolExecutor(writers) as executor:
        futures = [executor.submit(client.run) for client in clients]
        try:
            yield running
            running.wait_until(1)
        finally:
            stopped.set()
    for future in futures:
        future.result()


def summary(connection: Connection) -> tuple[int, int, str]:
    """How many events there are, the highest id, and a digest made by the server, without the product's help."""
    row = connection.execute(_DIGEST).fetchone()
    assert row
    return row
