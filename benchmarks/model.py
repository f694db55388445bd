"""What more events than were measured would take. Time is taken to be

    fixed + events * (linear + sorting * log2(events))

where the second part is what reading, sending and storing cost for each event, and the third what building indexes
costs, which sorts. All three are fitted to what was measured (never below zero); in brackets is what that says of more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log2

from benchmarks.results import Point

FURTHER = (10**8, 10**9, 10**10)


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
        """The three constants: through the two largest measurements, with the fixed part from the one before."""
        small, middle, large = sorted(self.seconds)[-3:]
        # At the smallest size what is fixed shows most; a tenth of the next one is what the events themselves took.
        fixed = max(0.0, (self.seconds[small] * 10 - self.seconds[middle]) / 9)
        fixed = min(fixed, self.seconds[middle], self.seconds[large])
        middle_rate = (self.seconds[middle] - fixed) / middle
        large_rate = (self.seconds[large] - fixed) / large
        sorting = max(0.0, (large_rate - middle_rate) / (log2(large) - log2(middle)))
        # At most all of it: what grew faster than that, caches outgrown for one, does not grow so for ever.
        sorting = min(sorting, large_rate / log2(large))
        return fixed, large_rate - sorting * log2(large), sorting


def print_growth(points: Iterable[Point]) -> None:
    """Prints one table: seconds measured, and hours expected."""
    ways: dict[str, Series] = {}
    for point in sorted(points, key=lambda point: point.events):
        ways.setdefault(point.way, Series(point.way, {})).seconds[point.events] = point.median
    sizes = sorted({size for series in ways.values() for size in series.seconds})
    head = [f"{size:,}" for size in sizes] + [f"{size:.0e}".replace("e+0", "e").replace("e+", "e") for size in FURTHER]
    print(f"\n{'':<38}" + "".join(f"{cell:>14}" for cell in head))
    for series in ways.values():
        cells = [f"{series.seconds[size]:.1f} s" if size in series.seconds else "" for size in sizes]
        if len(series.seconds) >= 3:
            cells += [f"({_words(series.expect(size))})" for size in FURTHER]
        print(f"{series.name:<38}" + "".join(f"{cell:>14}" for cell in cells))


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
