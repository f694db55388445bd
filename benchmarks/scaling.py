"""How the time of each way to store, to follow, to recover and to compare grows with the number of events.

The ways follow each other as they do in the life of an event store: a source is created and written to, gets a
destination, and is rebuilt from it. Sizes are 10^4, 10^5 and so on up to the events asked for.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pytest

from benchmarks.commands import (
    CREATE,
    DIFF,
    RECOVER,
    REPLICATE,
    VERIFY,
    Run,
    one_after_the_other,
    one_environment,
    time_command,
    time_dump_and_psql,
)
from benchmarks.diff import find_reladiff
from benchmarks.events import make_events
from benchmarks.restore import restore_original
from benchmarks.results import Point
from benchmarks.servers import Servers, checkpoint
from benchmarks.usage import Meter, median_usage
from benchmarks.writers import values_list
from tests.slate import create_database, create_original

SMALLEST = 10_000
SETTINGS = "wal_level = logical\nmax_wal_size = 4GB\n"
SOURCE, BACKUP, RECOVERED, PROMOTED, PEER = "source", "backup", "recovered", "promoted", "peer"
JOBS = "2"
BATCH = 1000
# So many different events are written again and again: making ten million takes longer than storing them.
DIFFERENT = 100_000

APPEND = "init-slate-db, append_events by 1000"
RESTORE = "slate-recover, restore-events"
COPY = "slate-recover, copy, 2 jobs"
PROMOTE = "slate-recover, promote"
COMPARE = "slate-diff, identical, 2 jobs"
ADD = "slate-replicate add"
VERIFIED = "slate-replicate verify, 2 jobs"
ORIGINAL_INSERT = "the original's insert_events by 1000"
ORIGINAL_RESTORE = "the original's restore_events"
DUMP = "pg_dump | psql"
RELADIFF = "reladiff, 2 threads"
# Events up to which a peer is measured: beyond, it would take most of the time of the whole run.
PEERS = {ORIGINAL_INSERT: 10**6, ORIGINAL_RESTORE: 10**6, DUMP: 10**7, RELADIFF: 10**6}


def sizes_up_to(events: int) -> list[int]:
    """10^4, 10^5 and so on below the number, and the number."""
    powers = itertools.takewhile(lambda size: size < events, (SMALLEST * 10**power for power in itertools.count()))
    return [*powers, events]


def measure(servers: Servers, size: int, rounds: int) -> Iterator[tuple[Point, ...]]:
    """Measures all ways with that many events, and yields after each what is known by then."""
    points: dict[str, Point] = {}
    runs: dict[str, list[Run]] = {}
    with one_environment(servers) as environment:
        for _ in range(rounds):
            for way, run in _Walk(servers, environment, size).steps():
                runs.setdefault(way, []).append(run)
                print(f"{way}, {size:,} events: {run.seconds:.1f} s", flush=True)
                seconds = tuple(each.seconds for each in runs[way])
                usage = median_usage([each.usage for each in runs[way]])
                points[way] = Point(way, size, seconds, usage, way in PEERS)
                yield tuple(points.values())


@dataclass(frozen=True)
class _Walk:
    """One walk through all ways with that many events."""

    servers: Servers
    environment: dict[str, str]
    size: int

    def steps(self) -> Iterator[tuple[str, Run]]:
        events = make_events(self.servers.source, min(self.size, DIFFERENT))
        yield APPEND, self._create_and_append(events)
        create_database(self.servers.backup, BACKUP, "destination")
        yield ADD, self._run([*REPLICATE, "add", *self._both(), "--yes"])
        yield VERIFIED, self._run([*VERIFY, *self._both(), "--jobs", JOBS])
        time_command(self.servers, [*REPLICATE, "remove", *self._both(), "--yes"], self.environment)
        self.servers.source.drop(SOURCE)
        with self.servers.backup.connect(BACKUP) as connection:
            connection.execute("VACUUM (ANALYZE) events")
        yield PROMOTE, self._promote()
        yield RESTORE, self._recover("restore-events")
        self.servers.source.drop(RECOVERED)
        yield COPY, self._recover("copy")
        yield COMPARE, self._run([*DIFF, self._at(RECOVERED), self._at(BACKUP), "--jobs", JOBS])
        yield from self._peers(events)
        self.servers.source.drop(RECOVERED)
        self.servers.backup.drop(BACKUP)

    def _peers(self, events: Sequence[str]) -> Iterator[tuple[str, Run]]:
        program = find_reladiff()
        if program and self.size <= PEERS[RELADIFF]:
            columns = ["-k", "id", "-c", "ts", "-c", "event", "--threads", JOBS]
            yield RELADIFF, self._run([program, self._at(RECOVERED), "events", self._at(BACKUP), "events", *columns])
        self.servers.source.drop(RECOVERED)
        if self.size <= PEERS[DUMP]:
            yield DUMP, self._dump()
        # Without the original's text there is nothing to measure.
        with suppress(pytest.skip.Exception):
            if self.size <= PEERS[ORIGINAL_RESTORE]:
                yield ORIGINAL_RESTORE, self._restore_by_the_original()
            if self.size <= PEERS[ORIGINAL_INSERT]:
                yield ORIGINAL_INSERT, self._insert_by_the_original(events)

    def _create_and_append(self, events: Sequence[str]) -> Run:
        batches = [f"[{','.join(batch)}]" for batch in _batches(events)]
        checkpoint(self.servers.source)
        created = time_command(self.servers, [*CREATE, "-n", SOURCE, "-t", "source"], self.environment)
        return one_after_the_other(
            created, self._write(SOURCE, b"SELECT append_events(%s::jsonb)", [[batch] for batch in batches])
        )

    def _insert_by_the_original(self, events: Sequence[str]) -> Run:
        create_original(self.servers.source, PEER)
        checkpoint(self.servers.source)
        lists = [values_list(batch) for batch in _batches(events)]
        run = self._write(PEER, b"SELECT insert_events(%s)", [[values] for values in lists])
        self.servers.source.drop(PEER)
        return run

    def _write(self, database: str, statement: bytes, parameters: Sequence[list[str]]) -> Run:
        """Writes as many events as this walk has, one transaction a batch."""
        calls = itertools.islice(itertools.cycle(parameters), self.size // BATCH)
        with self.servers.source.connect(database) as writer:
            before = time.process_time()
            with Meter(self.servers.source, self.servers.backup) as meter:
                for each in calls:
                    writer.execute(statement, each)
            run = Run(meter.seconds, meter.usage(time.process_time() - before))
        self._check(database)
        return run

    def _recover(self, method: str) -> Run:
        target = ["--from", self._at(BACKUP), "-d", RECOVERED, "--create", "--yes", "--no-diff"]
        run = self._run([*RECOVER, *target, "--method", method, "--jobs", JOBS])
        self._check(RECOVERED)
        return run

    def _promote(self) -> Run:
        strategy = "STRATEGY = FILE_COPY" if self.servers.backup.version >= 15 else ""
        with self.servers.backup.connect() as connection:
            connection.execute(f"CREATE DATABASE {PROMOTED} TEMPLATE {BACKUP} {strategy}".encode())
        run = self._run([*RECOVER, "--from", self._at(PROMOTED), "--method", "promote", "--yes"])
        self.servers.backup.drop(PROMOTED)
        return run

    def _restore_by_the_original(self) -> Run:
        create_original(self.servers.source, PEER)
        checkpoint(self.servers.source, self.servers.backup)
        with (
            self.servers.source.connect(PEER) as connection,
            Meter(self.servers.source, self.servers.backup) as meter,
        ):
            restore_original(self.servers, connection, BACKUP)
        self._check(PEER)
        self.servers.source.drop(PEER)
        return Run(meter.seconds, meter.usage())

    def _dump(self) -> Run:
        with self.servers.source.connect() as connection:
            connection.execute(f"CREATE DATABASE {PEER} TEMPLATE template0".encode())
        checkpoint(self.servers.source, self.servers.backup)
        run = time_dump_and_psql(self.servers, BACKUP, PEER)
        self._check(PEER)
        self.servers.source.drop(PEER)
        return run

    def _run(self, command: Sequence[str]) -> Run:
        checkpoint(self.servers.source, self.servers.backup)
        return time_command(self.servers, command, self.environment)

    def _both(self) -> list[str]:
        return [self._at(SOURCE), self._at(BACKUP)]

    def _at(self, database: str) -> str:
        server = self.servers.backup if database in {BACKUP, PROMOTED} else self.servers.source
        return f"postgresql://postgres@127.0.0.1:{server.port}/{database}"

    def _check(self, database: str) -> None:
        """Makes sure that all events are there."""
        with self.servers.source.connect(database) as connection:
            row = connection.execute("SELECT count(*), max(id) FROM events").fetchone()
        if row != (self.size, self.size):
            raise RuntimeError(f"{self.size} events were to be in {database}; count and highest id are {row}")


def _batches(events: Sequence[str]) -> list[Sequence[str]]:
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
