"""How the time of each way to recover, to compare and to follow grows with the number of events.

Measured at a hundredth, a tenth and all of the events asked for, once each. Time is then taken to be

    fixed + events * (linear + sorting * log2(events))

where the second part is what reading, sending and storing cost for each event, and the third what building indexes
costs, which sorts. All three are fitted to what was measured (never below zero); in brackets is what that says of more.
"""

from dataclasses import dataclass
from math import log2

from benchmarks.commands import DIFF, RECOVER, REPLICATE, Run, one_environment, time_command
from benchmarks.events import fill_backup
from benchmarks.servers import Servers, checkpoint, running
from tests.slate import create_database

BACKUP, RECOVERED, FOLLOWER = "backup", "recovered", "follower"
SETTINGS = "wal_level = logical\nmax_wal_size = 4GB\n"
FURTHER = (10**8, 10**9, 10**10)
JOBS = "2"


@dataclass(frozen=True)
class Series:
    """Seconds that one way took, by the number of events."""

    name: str
    seconds: dict[int, float]

    def expect(self, events: int) -> float:
        """Seconds that so many events would take by the model."""
        fixed, linear, sorting = self._fit()
        return fixed + events * (linear + sorting * log2(events))

    def _fit(self) -> tuple[float, float, float]:
        """The three constants: through the two largest measurements, with the fixed part from the smallest."""
        small, middle, large = sorted(self.seconds)
        # At the smallest size what is fixed shows most; a tenth of the next one is what the events themselves took.
        fixed = max(0.0, (self.seconds[small] * 10 - self.seconds[middle]) / 9)
        middle_rate = (self.seconds[middle] - fixed) / middle
        large_rate = (self.seconds[large] - fixed) / large
        sorting = max(0.0, (large_rate - middle_rate) / (log2(large) - log2(middle)))
        # At most all of it: what grew faster than that, caches outgrown for one, does not grow so for ever.
        sorting = min(sorting, large_rate / log2(large))
        return fixed, large_rate - sorting * log2(large), sorting


def report(version: int, events: int) -> None:
    """Measures, and prints one table: seconds measured, and hours expected."""
    sizes = (events // 100, events // 10, events)
    found: dict[str, dict[int, float]] = {}
    for size in sizes:
        with running(version, SETTINGS) as servers, one_environment(servers) as environment:
            for name, run in _measure(servers, environment, size).items():
                found.setdefault(name, {})[size] = run.seconds
                print(f"{name}, {size:,} events: {run.seconds:.1f} s", flush=True)
    _print([Series(name, seconds) for name, seconds in found.items()], sizes)


def _measure(servers: Servers, environment: dict[str, str], size: int) -> dict[str, Run]:
    fill_backup(servers.backup, BACKUP, size)
    runs: dict[str, Run] = {}
    for method in ("restore-events", "copy"):
        runs[method] = _timed(servers, environment, _recover(servers, method))
        with servers.source.connect(RECOVERED) as connection:
            if connection.execute("SELECT max(id) FROM events").fetchone() != (size,):
                raise RuntimeError(f"{method} did not bring all events")
        if method == "restore-events":
            servers.source.drop(RECOVERED)
    runs["slate-diff"] = _timed(
        servers, environment, [*DIFF, _at(servers, RECOVERED), _at(servers, BACKUP), "--jobs", JOBS]
    )
    # The recovered source is then one that a new destination follows.
    create_database(servers.backup, FOLLOWER, "destination")
    both = [_at(servers, RECOVERED), _at(servers, FOLLOWER)]
    runs["slate-replicate add"] = _timed(servers, environment, [*REPLICATE, "add", *both, "--yes"])
    time_command([*REPLICATE, "remove", *both, "--yes"], environment)
    servers.source.drop(RECOVERED)
    servers.backup.drop(FOLLOWER)
    promote = ["--from", _at(servers, BACKUP), "--method", "promote", "--yes"]
    runs["promote"] = _timed(servers, environment, [*RECOVER, *promote])
    return runs


def _recover(servers: Servers, method: str) -> list[str]:
    return [*RECOVER, "--from", _at(servers, BACKUP), "-d", RECOVERED, "--create", "--yes", "--no-diff",
            "--method", method, "--jobs", JOBS]  # fmt: skip


def _at(servers: Servers, database: str) -> str:
    server = servers.source if database == RECOVERED else servers.backup
    return f"postgresql://postgres@127.0.0.1:{server.port}/{database}"


def _timed(servers: Servers, environment: dict[str, str], command: list[str]) -> Run:
    checkpoint(servers.source, servers.backup)
    return time_command(command, environment)


def _print(series: list[Series], sizes: tuple[int, ...]) -> None:
    head = [f"{size:,}" for size in sizes] + [f"{size:.0e}".replace("e+0", "e").replace("e+", "e") for size in FURTHER]
    print(f"\n{'':<22}" + "".join(f"{cell:>14}" for cell in head))
    for one in series:
        cells = [f"{one.seconds[size]:.1f} s" for size in sizes]
        cells += [f"({_words(one.expect(size))})" for size in FURTHER]
        print(f"{one.name:<22}" + "".join(f"{cell:>14}" for cell in cells))


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
