"""What a benchmark gives: two series of figures measured in turns, and whether their ratio meets its target."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeVar

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
class Comparison:
    """One line of the table.

    :param name: what of ours was measured.
    :param baseline: what it was measured against.
    :param unit: of the figures, such as ``s`` or ``events/s``.
    :param ours: our figure in each round.
    :param theirs: the baseline's figure in the same rounds.
    :param target: None where the line only informs.
    """

    name: str
    baseline: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    target: Target | None = None

    @property
    def ratios(self) -> list[float]:
        """Ours divided by the baseline's, round by round, so that what slows a whole round cancels out."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)


def in_turns(rounds: int, measurements: Mapping[Key, Callable[[], Figures]]) -> dict[Key, list[Figures]]:
    """Runs all measurements once a round, in their order, and returns each one's figures by round.

    A machine that is busy for a while then slows all of them, not one.
    """
    figures: dict[Key, list[Figures]] = {key: [] for key in measurements}
    for _ in range(rounds):
        for key, measure in measurements.items():
            figures[key].append(measure())
    return figures
