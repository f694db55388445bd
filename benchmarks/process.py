"""What a process uses, as Linux counts it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SAMPLING_INTERVAL = 0.02
# Seconds of one tick, in which Linux counts the processor time of a process and of its children.
TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Seconds that a process has been on a CPU, from the nanoseconds of the scheduler."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def children(pid: int) -> list[int]:
    """The processes that a process has started and that it has not yet reaped; none where it has ended itself."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def private_memory(pid: int) -> int:
    """Bytes of a process's memory that it shares with no other, so without PostgreSQL's shared buffers."""
    return _memory(pid, "RssAnon")


def peak_memory(pid: int) -> int:
    """Bytes of memory that a process had at most since its program began; 0 once it has ended.

    Not ru_maxrss: Linux hands a program the peak of the process that started it, here that of the benchmark.
    """
    try:
        return _memory(pid, "VmHWM")
    except (OSError, ValueError):
        return 0


def _memory(pid: int, field: str) -> int:
    """:raises ValueError: the process has no such field, as one that has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"the kernel does not say how much memory process {pid} has")


@dataclass
class Peak:
    """How many bytes of memory a process had at first, and at most."""

    first: int
    highest: int

    @property
    def growth(self) -> int:
        return self.highest - self.first


@contextmanager
def watching_memory(pid: int, memory: Callable[[int], int] = private_memory) -> Iterator[Peak]:
    """Samples a process's memory fifty times a second; the peak is complete when the block ends."""
    first = memory(pid)
    peak = Peak(first, first)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLING_INTERVAL):
            peak.highest = max(peak.highest, memory(pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


class Stopwatch:
    """Wall-clock seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start
