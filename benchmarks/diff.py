"""slate-diff, against reladiff on the same tables, against itself where there are differences, and on the network.

Whole commands are timed. reladiff gets the id as its key, ts and event as columns, and as many threads a server as we
have connections, which its manual advises for speed; its algorithm, bisection factor and threshold are the defaults.
"""

import os
import shutil
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.commands import DIFF, LAST_WORDS, Run, one_environment, time_command
from benchmarks.comparison import Comparison, Target, compare_runs, in_turns
from benchmarks.events import fill_backup
from benchmarks.servers import Servers
from tests.proxy import Proxy
from tests.servers import Server

SAME, CHANGED = "diff_same", "diff_changed"
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
        reladiff = find_reladiff()
        if reladiff:
            _make_sure_it_sees(reladiff, servers, environment)
            measurements["reladiff"] = partial(_reladiff, reladiff, servers, environment, SAME, 0)
        else:
            print("diff: without reladiff, which is not installed here")
        in_turns(1, measurements)
        runs = in_turns(rounds, measurements)
        crossing = _count_bytes(servers)
        fifth = _memory_at(servers, environment, count // 5)
    for server in (servers.source, servers.backup):
        server.drop(SAME)
    memory = max(run.memory for run in runs["identical"])
    return [
        *_compare_seconds(runs, count),
        Comparison(
            f"slate-diff, {count:,} events, identical, on the network", "a thousandth of the events", "kB",
            [crossing / 1e3], [size * count / 1e6], Target("at most", 1.00),
        ),
        Comparison("memory of slate-diff", f"ours at {count // 5:,}", "MB", [memory], [fifth], Target("at most", 1.10)),
        Comparison("memory of slate-diff", "the bound", "MB", [memory], [120.0], Target("at most", 1.00)),
    ]  # fmt: skip


def _compare_seconds(runs: dict[str, list[Run]], count: int) -> list[Comparison]:
    identical = f"slate-diff, {count:,} events, identical"
    pairs = [
        (identical, "identical", f"reladiff -j {JOBS}", "reladiff", 0.80),
        (f"slate-diff, {DIFFERENCES} differences", "ten", "identical", "identical", 1.20),
    ]
    return [
        compare_runs(name, baseline, runs[ours], runs[theirs], target=Target("at most", bound))
        for name, ours, baseline, theirs, bound in pairs
        if theirs in runs
    ]


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
    return time_command(servers, [*DIFF, *_addresses(servers, database), "--jobs", JOBS], environment, status)


def find_reladiff() -> str | None:
    """Where reladiff is: beside this Python, or on the path."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("reladiff", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))


def _reladiff(program: str, servers: Servers, environment: dict[str, str], database: str, differences: int) -> Run:
    """Runs reladiff, which ends with status 0 whatever it finds.

    :raises RuntimeError: it does not tell of that many changed events, by a line for each side.
    """
    left, right = _addresses(servers, database)
    options = ["-k", "id", "-c", "ts", "-c", "event", "--threads", JOBS]
    run = time_command(servers, [program, left, "events", right, "events", *options], environment)
    found = [line for line in run.output.splitlines() if line.startswith(("+ ", "- "))]
    if len(found) != 2 * differences:
        raise RuntimeError(f"reladiff was to find {differences} differences: {run.output[-LAST_WORDS:]!r}")
    return run


def _make_sure_it_sees(program: str, servers: Servers, environment: dict[str, str]) -> None:
    """It compares the columns that it is told to, event among them: the differences are there alone."""
    _reladiff(program, servers, environment, CHANGED, DIFFERENCES)


def _count_bytes(servers: Servers) -> int:
    counter = Counter()
    left, right = (Proxy(server, rewrite=counter, rewrite_back=counter) for server in (servers.backup, servers.source))
    passwords = {left.port: servers.backup.password, right.port: servers.source.password}
    with left, right, one_environment(servers, passwords) as environment:
        addresses = [f"postgresql://postgres@127.0.0.1:{proxy.port}/{SAME}" for proxy in (left, right)]
        time_command(servers, [*DIFF, *addresses, "--jobs", JOBS], environment)
    return counter.bytes


def _memory_at(servers: Servers, environment: dict[str, str], count: int) -> float:
    for server in (servers.source, servers.backup):
        server.drop(SAME)
        fill_backup(server, SAME, count)
    servers.source.drop(CHANGED)
    return _diff(servers, environment, SAME, 0).memory
