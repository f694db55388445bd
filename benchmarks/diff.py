"""slate-diff, against reladiff on the same tables, against itself where there are differences, and on the network.

Whole commands are timed. reladiff gets the id as its key, and ts and event as columns; all else is as it comes.
"""

import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.commands import DIFF, Run, one_environment, time_command
from benchmarks.comparison import Comparison, Target, in_turns
from benchmarks.events import fill_backup
from benchmarks.servers import Servers
from tests.proxy import Proxy
from tests.servers import Server

SAME, CHANGED = "diff_same", "diff_changed"
RELADIFF = Path(sys.executable).with_name("reladiff")
DIFFERENT = 3
DIFFERENCES = 10
JOBS = "2"


class Counter:
    """Counts the bytes that pass a proxy, in both directions."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lock = threading.Lock()

    def __call__(self, data: bytes) -> bytes:
        with self._lock:
            self.bytes += len(data)
        return data


def measure(servers: Servers, count: int, rounds: int) -> list[Comparison]:
    """Seconds, bytes and megabytes that a comparison of that many events takes."""
    size = fill_backup(servers.backup, SAME, count)
    fill_backup(servers.source, SAME, count)
    _change_some(servers.source, count)
    print(f"diff: {count:,} events of {size:.0f} bytes on average")
    with one_environment(servers) as environment:
        measurements: dict[str, Callable[[], Run]] = {
            "identical": partial(_diff, servers, environment, SAME, 0),
            "ten": partial(_diff, servers, environment, CHANGED, DIFFERENT),
        }
        if RELADIFF.exists():
            measurements["reladiff"] = partial(_reladiff, servers, environment)
        else:
            print("diff: without reladiff, which is not installed here")
        in_turns(1, measurements)
        runs = in_turns(rounds, measurements)
        crossing = _count_bytes(servers)
        fifth = _memory_at(servers, environment, count // 5)
    for server in (servers.source, servers.backup):
        server.drop(SAME)
    seconds = {name: [run.seconds for run in of_one] for name, of_one in runs.items()}
    memory = max(run.memory for run in runs["identical"])
    name = f"slate-diff, {count:,} events, identical"
    comparisons = [
        Comparison(
            f"slate-diff, {DIFFERENCES} differences", "identical", "s", seconds["ten"], seconds["identical"],
            Target("at most", 1.20),
        ),
        Comparison(
            f"{name}, on the network", "a thousandth of the events", "kB", [crossing / 1e3], [size * count / 1e6],
            Target("at most", 1.00),
        ),
        Comparison("memory of slate-diff", f"ours at {count // 5:,}", "MB", [memory], [fifth], Target("at most", 1.10)),
        Comparison("memory of slate-diff", "the bound", "MB", [memory], [120.0], Target("at most", 1.00)),
    ]  # fmt: skip
    if "reladiff" in seconds:
        target = Target("at most", 0.80)
        comparisons.insert(0, Comparison(name, "reladiff", "s", seconds["identical"], seconds["reladiff"], target))
    return comparisons


def _change_some(server: Server, count: int) -> None:
    """Makes a second table in which ten events, far from each other, differ."""
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {CHANGED} TEMPLATE {SAME}".encode())
    with server.connect(CHANGED) as connection:
        ids = [1 + number * count // DIFFERENCES for number in range(DIFFERENCES)]
        connection.execute("UPDATE events SET event = event || '{\"value\": 1}' WHERE id = ANY (%s)", (ids,))
        connection.execute("VACUUM (ANALYZE) events")


def _addresses(servers: Servers, database: str) -> list[str]:
    return [
        f"postgresql://postgres@127.0.0.1:{servers.backup.port}/{SAME}",
        f"postgresql://postgres@127.0.0.1:{servers.source.port}/{database}",
    ]


def _diff(servers: Servers, environment: dict[str, str], database: str, status: int) -> Run:
    return time_command([*DIFF, *_addresses(servers, database), "--jobs", JOBS], environment, status)


def _reladiff(servers: Servers, environment: dict[str, str]) -> Run:
    left, right = _addresses(servers, SAME)
    return time_command([RELADIFF, left, "events", right, "events", "-k", "id", "-c", "ts", "-c", "event"], environment)


def _count_bytes(servers: Servers) -> int:
    counter = Counter()
    left, right = (Proxy(server, rewrite=counter, rewrite_back=counter) for server in (servers.backup, servers.source))
    passwords = {left.port: servers.backup.password, right.port: servers.source.password}
    with left, right, one_environment(servers, passwords) as environment:
        addresses = [f"postgresql://postgres@127.0.0.1:{proxy.port}/{SAME}" for proxy in (left, right)]
        time_command([*DIFF, *addresses, "--jobs", JOBS], environment)
    return counter.bytes


def _memory_at(servers: Servers, environment: dict[str, str], count: int) -> float:
    for server in (servers.source, servers.backup):
        server.drop(SAME)
        fill_backup(server, SAME, count)
    servers.source.drop(CHANGED)
    return _diff(servers, environment, SAME, 0).memory
