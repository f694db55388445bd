"""The table that a run ends with."""

from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.comparison import Comparison
from benchmarks.figures import bound, number, spread

# Where output goes to a file there is no width to keep to.
WIDTH_OF_A_FILE = 160


def print_table(comparisons: Sequence[Comparison]) -> None:
    """Prints the medians, the median of the ratios with the lowest and the highest one, and what is met."""
    table = Table("measured", "baseline", "unit", box=None, pad_edge=False)
    for heading in ("ours", "baseline's", "ratio (min..max)", "target"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("met")
    for comparison in comparisons:
        table.add_row(*_cells(comparison))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_OF_A_FILE)
    console.print(table)


def all_met(comparisons: Sequence[Comparison]) -> bool:
    """Whether every target is met."""
    return all(each.is_met is not False for each in comparisons)


def _cells(comparison: Comparison) -> list[str]:
    met = comparison.is_met
    return [
        comparison.name,
        comparison.baseline,
        comparison.unit,
        number(median(comparison.ours)),
        number(median(comparison.theirs)),
        spread(comparison),
        bound(comparison),
        "" if met is None else "yes" if met else "NO",
    ]
