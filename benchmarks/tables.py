"""What the report says, in words, before it is a page or Markdown: so the two never differ."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.comparison import Comparison
from benchmarks.figures import UNKNOWN, bound, memory, number, processor, spread
from benchmarks.groups import SCALING, TITLES
from benchmarks.plots import SUBJECTS, Subject, points_by_way
from benchmarks.results import Conditions, Point, Result

Verdict = Literal["met", "missed", ""]

HEADINGS = (
    "measured",
    "baseline",
    "ours",
    "baseline's",
    "ratio",
    "rounds",
    "processor s, ours",
    "processor s, baseline's",
    "memory MB, ours",
    "memory MB, baseline's",
    "target",
)
GROWTH_HEADINGS = (
    "way",
    "events",
    "seconds",
    "processor s, client",
    "processor s, servers",
    "memory MB, client",
    "memory MB, servers",
    "others' processor s",
)


@dataclass(frozen=True)
class Row:
    """A line of a table. verdict: on its last cell; empty where there is no target."""

    cells: tuple[str, ...]
    verdict: Verdict = ""


@dataclass(frozen=True)
class Table:
    """A table. words: how many of its first columns are words; the others are figures."""

    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    words: int


@dataclass(frozen=True)
class Section:
    """A part: its comparisons, and one sentence of when and where they were measured."""

    title: str
    measured: str
    table: Table


@dataclass(frozen=True)
class Growth:
    """A subject of the plots, and its points."""

    subject: Subject
    table: Table


@dataclass(frozen=True)
class Contents:
    """All that the report says.

    :param targets: how many there are; missed: a sentence for each that is missed.
    :param conditions: when and where growth was measured, a sentence for each number of events.
    :param missing: the parts of which nothing is kept.
    """

    sections: tuple[Section, ...]
    growth: tuple[Growth, ...]
    targets: int
    missed: tuple[str, ...]
    conditions: tuple[str, ...]
    missing: tuple[str, ...]


def contents(results: Sequence[Result]) -> Contents:
    """What the report says of these results."""
    order = list(TITLES)
    compared = sorted(
        (result for result in results if result.comparisons),
        key=lambda result: (order.index(result.part), int(result.major or 0)),
    )
    grown = sorted((result for result in results if result.points), key=lambda result: result.conditions.events or 0)
    kept = {result.part for result in [*compared, *grown]}
    verdicts = [one.is_met for result in compared for one in result.comparisons if one.is_met is not None]
    return Contents(
        sections=tuple(_section(result) for result in compared),
        growth=tuple(_growth(grown)),
        targets=len(verdicts),
        missed=tuple(_missed(result, one) for result in compared for one in result.comparisons if one.is_met is False),
        conditions=tuple(_sentence(result) for result in grown),
        missing=tuple(title for part, title in (TITLES | {SCALING: "growth"}).items() if part not in kept),
    )


def _missed(result: Result, one: Comparison) -> str:
    version = f" on PostgreSQL {result.major}" if result.major else ""
    return f"{one.name} against {one.baseline}{version}: {spread(one)}, target {bound(one)}"


def _section(result: Result) -> Section:
    version = f", PostgreSQL {result.major}" if result.major else ""
    rows = [_row(comparison) for comparison in result.comparisons]
    return Section(f"{TITLES[result.part]}{version}", _sentence(result), _table(HEADINGS, rows, 2))


def _row(comparison: Comparison) -> Row:
    met = comparison.is_met
    return Row(
        (
            comparison.name,
            comparison.baseline,
            f"{number(median(comparison.ours))} {comparison.unit}",
            f"{number(median(comparison.theirs))} {comparison.unit}",
            spread(comparison),
            UNKNOWN if comparison.rounds is None else str(comparison.rounds),
            processor(comparison.our_usage),
            processor(comparison.their_usage),
            memory(comparison.our_usage),
            memory(comparison.their_usage),
            bound(comparison),
        ),
        "" if met is None else "met" if met else "missed",
    )


def _growth(results: Iterable[Result]) -> Iterator[Growth]:
    points = points_by_way(results)
    for subject in SUBJECTS:
        rows = [_growth_row(point) for way in subject.ways for point in points.get(way, ())]
        if rows:
            yield Growth(subject, _table(GROWTH_HEADINGS, rows, 1))


def _growth_row(point: Point) -> Row:
    usage = point.usage
    seconds = number(point.median)
    if len(point.seconds) > 1:
        seconds += f" ({number(min(point.seconds))}..{number(max(point.seconds))})"
    figures = (
        usage.client_processor,
        usage.server_processor,
        usage.client_memory,
        usage.server_memory,
        usage.others,
    )
    words = [UNKNOWN if figure is None else number(figure) for figure in figures]
    return Row((point.way, f"{point.events:,}", seconds, *words))


def _table(headings: Sequence[str], rows: Sequence[Row], words: int) -> Table:
    """A table without the columns of which nothing is known."""
    known = [place for place in range(len(headings)) if any(row.cells[place] not in {"", UNKNOWN} for row in rows)]
    return Table(
        tuple(headings[place] for place in known),
        tuple(Row(tuple(row.cells[place] for place in known), row.verdict) for row in rows),
        words,
    )


def _sentence(result: Result) -> str:
    """When and where something was measured."""
    words = _where(result.conditions)
    if not result.complete:
        words += "; interrupted before its end"
    if result.conditions.told:
        words += "; written down from earlier documents, which kept neither rounds nor processor time"
    return f"{words}."


def _where(conditions: Conditions) -> str:
    machine = conditions.machine
    known = [
        conditions.measured_at.replace("T", " ").replace("+00:00", " UTC"),
        f"{conditions.events:,} events" if conditions.events else "",
        f"PostgreSQL {conditions.postgresql}" if conditions.postgresql else "",
        f"Python {machine.python}",
        f"{machine.system} on {machine.cores} cores ({machine.architecture}) and {machine.memory:g} GB",
        ""
        if conditions.load_before is None or conditions.load_after is None
        else f"load average {conditions.load_before:.2f} before and {conditions.load_after:.2f} after",
    ]
    return ", ".join(word for word in known if word)
