"""The table that a run ends with."""

from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.comparison import Comparison

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
    return all(each.target is None or each.target.is_met(each.ratio) for each in comparisons)


def _cells(comparison: Comparison) -> list[str]:
    ratios, target = comparison.ratios, comparison.target
    return [
        comparison.name,
        comparison.baseline,
        comparison.unit,
        _number(median(comparison.ours)),
        _number(median(comparison.theirs)),
        f"{comparison.ratio:.2f} ({min(ratios):.2f}..{max(ratios):.2f})",
        f"{target.kind} {target.bound:.2f}" if target else "",
        ("yes" if target.is_met(comparison.ratio) else "NO") if target else "",
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
