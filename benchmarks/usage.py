"""What a measured piece of work takes beside its time: processors and memory, of the client and of both servers."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

from benchmarks.process import TICK, Stopwatch, children, peak_memory, private_memory
from tests.servers import Server

# Sums over all processes of both servers; a sample of forty processes takes about one millisecond.
SAMPLING_INTERVAL = 0.1
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Usage:
    """Seconds on processors, and at most so many megabytes of memory; None where it was not measured.

    The client is the program or programs that were run. The server is all processes of both servers; its memory is what
    they share with no other process, so without PostgreSQL's shared buffers. others: seconds that the processors were
    busy meanwhile with what is neither, which should be next to nothing.
    """

    client_processor: float | None = None
    server_processor: float | None = None
    client_memory: float | None = None
    server_memory: float | None = None
    others: float | None = None


UNMEASURED = Usage()


def median_usage(usages: Sequence[Usage]) -> Usage:
    """The median of each figure, over those that have it."""

    def middle(name: str) -> float | None:
        found = [value for usage in usages if (value := getattr(usage, name)) is not None]
        return median(found) if found else None

    return Usage(**{field.name: middle(field.name) for field in fields(Usage)})


def added(first: Usage, second: Usage) -> Usage:
    """Processor time of both together, and the higher peak of memory; None where one of them has none."""

    def together(name: str) -> float | None:
        one, other = getattr(first, name), getattr(second, name)
        if one is None or other is None:
            return None
        return float(max(one, other) if name.endswith("memory") else one + other)

    return Usage(**{field.name: together(field.name) for field in fields(Usage)})


class Meter:
    """Measures the servers while the block runs; its seconds stand when the block has ended."""

    def __init__(self, *servers: Server) -> None:
        self._postmasters = [server.cluster.pid for server in servers]
        self._stopwatch = Stopwatch()
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._memory = 0
        self.seconds = 0.0
        self._servers_took = 0.0
        self._all_took = 0.0

    def __enter__(self) -> Self:
        self._servers_took, self._all_took = self._read()
        if self._postmasters:
            self._watcher.start()
        self._stopwatch = Stopwatch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = self._stopwatch.seconds
        servers, everything = self._read()
        self._servers_took, self._all_took = servers - self._servers_took, everything - self._all_took
        if self._postmasters:
            self._done.set()
            self._watcher.join()

    def usage(self, client_processor: float | None = None, client_memory: float | None = None) -> Usage:
        """What was taken in the block; the client's part, in seconds and megabytes, is what the caller knows."""
        known = (client_processor or 0) + self._servers_took
        return Usage(
            client_processor,
            self._servers_took if self._postmasters else None,
            client_memory,
            self._memory / MEGABYTE if self._postmasters else None,
            None if client_processor is None else max(0.0, self._all_took - known),
        )

    def _read(self) -> tuple[float, float]:
        return sum(server_processor_seconds(pid) for pid in self._postmasters), busy_seconds()

    def _watch(self) -> None:
        while True:
            of_each = (_or_zero(private_memory, pid) for one in self._postmasters for pid in (one, *children(one)))
            self._memory = max(self._memory, sum(of_each))
            if self._done.wait(SAMPLING_INTERVAL):
                return


def server_processor_seconds(postmaster: int) -> float:
    """Seconds that a server's processes have been on processors, those that have ended included."""
    while True:
        own, ended = _ticks(postmaster)
        living = sum(_or_zero(lambda pid: sum(_ticks(pid)), child) for child in children(postmaster))
        if _ticks(postmaster)[1] == ended:
            return (own + ended + living) * TICK


def busy_seconds() -> float:
    """Seconds that this machine's processors have been busy since it started, all processors together."""
    user, nice, system, _idle, _waiting, interrupts, soft = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]
    )
    return (user + nice + system + interrupts + soft) * TICK


def peak_memory_of_all(pid: int) -> int:
    """Bytes of memory that a program and those that it started, and that still run, had at most, added up.

    What several of them share counts in each.
    """
    return peak_memory(pid) + sum(peak_memory_of_all(child) for child in children(pid))


def _ticks(pid: int) -> tuple[int, int]:
    """Ticks of the clock that a process was on processors, and that its ended and reaped children were."""
    # The name of the program, in brackets, may have spaces in it.
    figures = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = map(int, figures[11:15])
    return user + system, children_user + children_system


def _or_zero(figure: Callable[[int], int], pid: int) -> int:
    """The figure of a process, 0 where it has just ended."""
    try:
        return figure(pid)
    except (OSError, ValueError):
        return 0
