"""What a benchmark gives: two series of figures measured in turns, and whether their ratio meets its target."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeVar

from benchmarks.commands import Run
from benchmarks.usage import UNMEASURED, Usage, median_usage

Key = TypeVar("Key")
Figures = TypeVar("Figures")


@dataclass(frozen=True)
class Target:
    """The bound that the ratio of ours to the baseline's has to keep."""

    kind: Literal["at most", "at least"]
    bound: float

    def is_met(self, ratio: float) -> bool:
        """Whether a ratio keeps the bound, both to the two decimals that the table shows."""
        shown = round(ratio, 2)
        return shown <= self.bound if self.kind == "at most" else shown >= self.bound


@dataclass(frozen=True)
class Spread:
    """The median of some ratios, the lowest and the highest."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Comparison:
    """One line of the table.

    :param name: what of ours was measured.
    :param baseline: what it was measured against.
    :param unit: of the figures, such as ``s`` or ``events/s``.
    :param ours: our figure in each round.
    :param theirs: the baseline's figure in the same rounds.
    :param target: None where the line only informs.
    :param our_usage: what ours took beside time, medians; their_usage: what the baseline took.
    :param told: the ratios, where the rounds were not kept; ours and theirs are then one median each.
    """

    name: str
    baseline: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    target: Target | None = None
    our_usage: Usage = UNMEASURED
    their_usage: Usage = UNMEASURED
    told: Spread | None = None

    @property
    def ratios(self) -> Spread:
        """Ours divided by the baseline's, round by round, so that what slows a whole round cancels out."""
        if self.told:
            return self.told
        each = [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]
        return Spread(median(each), min(each), max(each))

    @property
    def rounds(self) -> int | None:
        """How often it was measured; None where that was not kept."""
        return None if self.told else len(self.ours)

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return self.target.is_met(self.ratios.median) if self.target else None


def compare_runs(
    name: str,
    baseline: str,
    ours: Sequence[Run],
    theirs: Sequence[Run],
    *,
    target: Target | None = None,
    unit: str = "s",
    figure: Callable[[Run], float] = lambda run: run.seconds,
) -> Comparison:
    """A comparison of the runs of two programs.

    :param figure: what of a run is compared, in the unit; its seconds unless told.
    """
    return Comparison(
        name,
        baseline,
        unit,
        [figure(run) for run in ours],
        [figure(run) for run in theirs],
        target,
        median_usage([run.usage for run in ours]),
        median_usage([run.usage for run in theirs]),
    )


def in_turns(rounds: int, measurements: Mapping[Key, Callable[[], Figures]]) -> dict[Key, list[Figures]]:
    """Runs all measurements once a round, in their order, and returns each one's figures by round.

    A machine that is busy for a while then slows all of them, not one.
    """
    figures: dict[Key, list[Figures]] = {key: [] for key in measurements}
    for _ in range(rounds):
        for key, measure in measurements.items():
            figures[key].append(measure())
    return figures
