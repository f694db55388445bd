"""What method copy cannot do without, each part alone: reading the events, storing them, building the indexes.

Processor time against time by the clock, measured once, so that a missed target can be explained: the ratio is how many
cores were busy. All processor time divided by the cores is what these parts take at best. It counts the server process
that does the work and ours, not the server's own writers of WAL and pages.
"""

import os
import tempfile
import time
from collections.abc import Callable
from typing import IO, Any

import psycopg

from benchmarks.comparison import Comparison
from benchmarks.events import fill_backup
from benchmarks.process import Stopwatch, cpu_seconds
from benchmarks.servers import Servers, checkpoint

BACKUP, STORED = "parts_backup", "parts_stored"
BLOCK = 65536
OUT = "COPY events TO STDOUT (FORMAT binary)"
IN = "COPY events FROM STDIN (FORMAT binary)"
TABLE = "CREATE TABLE events (id bigint NOT NULL, ts timestamptz NOT NULL, event jsonb NOT NULL)"
INDEXES = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'events'::regclass ORDER BY indexrelid"

Connection = psycopg.Connection[tuple[Any, ...]]


def measure(servers: Servers, count: int) -> list[Comparison]:
    """Seconds of each part, of the server process and ours together, on one connection and without parallel workers."""
    fill_backup(servers.backup, BACKUP, count)
    with servers.source.connect() as connection:
        connection.execute(f"CREATE DATABASE {STORED} TEMPLATE template0".encode())
    with (
        servers.backup.connect(BACKUP) as backup,
        servers.source.connect(STORED) as source,
        tempfile.TemporaryFile(prefix="slate-bench-") as file,
    ):
        source.execute(TABLE)
        source.execute("SET max_parallel_maintenance_workers = 0")
        commands = [str(command) for (command,) in backup.execute(INDEXES)]
        _read(backup, file)
        checkpoint(servers.source, servers.backup)
        parts = {
            "COPY out alone, to nowhere": _time(backup, lambda: _read(backup, None)),
            "COPY in alone": _time(source, lambda: _store(source, file)),
            f"{len(commands)} index builds alone, one by one": _time(source, lambda: _index(source, commands)),
        }
    servers.source.drop(STORED)
    servers.backup.drop(BACKUP)
    cores = os.cpu_count() or 1
    processors = sum(part for _, part in parts.values())
    print(f"parts: {processors:.2f} s of processor time, {processors / cores:.2f} s at best on {cores} cores")
    return [
        Comparison(f"{name}: processors", "by the clock", "s", [processor], [clock])
        for name, (clock, processor) in parts.items()
    ]


def _time(connection: Connection, part: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and on processors."""

    def processors() -> float:
        return cpu_seconds(connection.info.backend_pid) + time.process_time()

    before, stopwatch = processors(), Stopwatch()
    part()
    return stopwatch.seconds, processors() - before


def _read(connection: Connection, file: IO[bytes] | None) -> None:
    with connection.cursor().copy(OUT) as rows:
        for row in rows:
            if file:
                file.write(row)


def _store(connection: Connection, file: IO[bytes]) -> None:
    file.seek(0)
    with connection.cursor().copy(IN) as sink:
        while block := file.read(BLOCK):
            sink.write(block)


def _index(connection: Connection, commands: list[str]) -> None:
    for command in commands:
        connection.execute(command.encode())
