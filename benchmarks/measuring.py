"""A run: measures the parts one by one, each on new servers, and keeps each when it is done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import scaling
from benchmarks.comparison import Comparison
from benchmarks.groups import GROUPS, PARTS, SCALING, STARTUP, measure_startup
from benchmarks.machine import Machine, load, postgresql_version
from benchmarks.model import print_growth
from benchmarks.report import all_met, print_table
from benchmarks.results import Conditions, Point, Result, read_all, write
from benchmarks.servers import running


@dataclass(frozen=True)
class Measuring:
    """What a run was asked for.

    :param version: major version of PostgreSQL.
    :param folder: where the results are kept.
    :param missing: leave out what was measured and is kept there; figures written down by hand do not count.
    """

    version: int
    events: int
    rounds: int
    folder: Path
    machine: Machine
    missing: bool = False

    def run(self, only: Sequence[str] | None) -> bool:
        """Measures the parts, all where none is named; returns whether no target was missed."""
        print(f"PostgreSQL {self.version}, Python {self.machine.python}, {self.machine.architecture}")
        compared: list[Comparison] = []
        for part in only or PARTS:
            if part == SCALING:
                self._measure_scaling()
            elif not self._is_kept(part):
                compared += self._measure(part)
        if compared:
            print_table(compared)
        return all_met(compared)

    def _measure(self, part: str) -> list[Comparison]:
        if part == STARTUP:
            before = self._conditions()
            comparisons = measure_startup(self.rounds)
        else:
            group = GROUPS[part]
            before = self._conditions(of_servers=True, events=self.events if group.counts_events else None)
            with running(self.version, group.settings) as servers:
                comparisons = group.measure(servers, self.events, self.rounds)
        self._keep(Result(part, before, comparisons=tuple(comparisons)))
        return comparisons

    def _measure_scaling(self) -> None:
        for size in scaling.sizes_up_to(self.events):
            if not self._is_kept(SCALING, size):
                before = self._conditions(of_servers=True, events=size)
                points: tuple[Point, ...] = ()
                with running(self.version, scaling.SETTINGS) as servers:
                    for points in scaling.measure(servers, size, self.rounds):
                        self._keep(Result(SCALING, before, points=points, complete=False))
                self._keep(Result(SCALING, before, points=points))
        print_growth(
            point for result in read_all(self.folder) if result.major == str(self.version) for point in result.points
        )

    def _conditions(self, *, of_servers: bool = False, events: int | None = None) -> Conditions:
        """Those of a measurement that begins now."""
        return Conditions(
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=self.machine,
            postgresql=postgresql_version(self.version) if of_servers else None,
            events=events,
            load_before=load(),
        )

    def _keep(self, result: Result) -> None:
        write(replace(result, conditions=replace(result.conditions, load_after=load())), self.folder)

    def _is_kept(self, part: str, events: int | None = None) -> bool:
        if not self.missing:
            return False
        version = None if part == STARTUP else str(self.version)
        return any(
            one.complete
            and not one.conditions.told
            and (one.part, one.major) == (part, version)
            and (events is None or one.conditions.events == events)
            for one in read_all(self.folder)
        )
