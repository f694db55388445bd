"""Plots of what each way takes against the number of events: time, processors and memory beside each other."""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks import scaling
from benchmarks.results import Point, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Each is at least three times as light or as dark as both the white and the dark ground, and they differ for every kind
# of colour blindness: four of Okabe and Ito's. Peers are grey; shapes and dashes tell lines apart without any colour.
OURS = (("#0072b2", "o", "-"), ("#d55e00", "s", "-"), ("#009e73", "^", "-"), ("#cc79a7", "D", "-"))
PEERS = (("#808890", "v", "--"), ("#808890", "P", ":"))
# Stand for the colours of the page, which matplotlib cannot name: those of its text and of its ground.
INK, GROUND = "#010203", "#fdfcfb"
STYLE = """<style>
svg { color: #1a1f26; } .ground { fill: #fff; }
@media (prefers-color-scheme: dark) { svg { color: #e6e9ed; } .ground { fill: #1a2027; } }
</style>"""


@dataclass(frozen=True)
class Subject:
    """What is drawn together: our ways and those of others, with the name of the file."""

    name: str
    title: str
    ours: tuple[str, ...]
    peers: tuple[str, ...]

    @property
    def ways(self) -> tuple[str, ...]:
        return self.ours + self.peers


@dataclass(frozen=True)
class Plot:
    """A drawing. svg: a whole file, in the reader's own light or dark."""

    subject: Subject
    svg: str

    @property
    def inline(self) -> str:
        """The same to stand in a page's text, in whose colours it is."""
        return self.svg[self.svg.index("<svg") :].replace(STYLE, "")


@dataclass(frozen=True)
class Panel:
    """One of the drawings beside each other. figure: what of a point is drawn; None where that was not measured."""

    title: str
    axis: str
    scale: str
    figure: Callable[[Point], float | None]


SUBJECTS = (
    Subject(
        "rebuilding",
        "Rebuilding a source",
        (scaling.RESTORE, scaling.COPY, scaling.PROMOTE),
        (scaling.DUMP, scaling.ORIGINAL_RESTORE),
    ),
    Subject("storing", "Storing and following", (scaling.APPEND, scaling.ADD), (scaling.ORIGINAL_INSERT,)),
    Subject("comparing", "Comparing", (scaling.COMPARE, scaling.VERIFIED), (scaling.RELADIFF,)),
)


def _processor(point: Point) -> float | None:
    known = [one for one in (point.usage.client_processor, point.usage.server_processor) if one is not None]
    return sum(known) if known else None


PANELS = (
    Panel("Time", "seconds", "log", lambda point: point.median),
    Panel("Processors, client and both servers", "processor seconds", "log", _processor),
    Panel("Peak memory of the client", "megabytes", "linear", lambda point: point.usage.client_memory),
)


def draw_all(results: Iterable[Result]) -> list[Plot] | None:
    """A plot of each subject of which there are points; None where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        return None
    points = points_by_way(results)
    return [Plot(subject, _draw(subject, points)) for subject in SUBJECTS if points.keys() & set(subject.ways)]


def points_by_way(results: Iterable[Result]) -> dict[str, list[Point]]:
    """The points of each way in the order of their numbers of events.

    Of several versions of PostgreSQL the lowest is taken, which is what most figures are of.
    """
    grown = [result for result in results if result.points]
    lowest = min((int(result.major or 0) for result in grown), default=0)
    found: dict[str, list[Point]] = {}
    for result in grown:
        if int(result.major or 0) == lowest:
            for point in result.points:
                found.setdefault(point.way, []).append(point)
    return {way: sorted(points, key=lambda point: point.events) for way, points in found.items()}


def _draw(subject: Subject, points: Mapping[str, Sequence[Point]]) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # The salt makes names within the drawing the same in every run, and others than in the next drawing.
    settings = {"svg.fonttype": "none", "svg.hashsalt": subject.name, "font.size": 11, "axes.titlesize": 12}
    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK)
    with mpl.rc_context(settings | ink):
        figure = Figure(figsize=(13, 4.6), facecolor=GROUND, layout="constrained")
        for panel, axes in zip(PANELS, figure.subplots(1, len(PANELS)), strict=True):
            _draw_panel(axes, panel, subject, points)
        handles, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Title": subject.title})
    return _in_colours_of_the_reader(file.getvalue(), subject)


def _draw_panel(axes: "Axes", panel: Panel, subject: Subject, points: Mapping[str, Sequence[Point]]) -> None:
    axes.set(title=panel.title, xlabel="events", ylabel=panel.axis, xscale="log", yscale=panel.scale, facecolor="none")
    styles = [*zip(subject.ours, OURS, strict=False), *zip(subject.peers, PEERS, strict=False)]
    for way, (colour, marker, dash) in styles:
        known = [(point.events, figure) for point in points.get(way, ()) if (figure := panel.figure(point)) is not None]
        if way in points:
            # Drawn even where it has no figures here, so that all panels have the same colours in the same order.
            axes.plot(*_columns(known), dash, color=colour, marker=marker, markersize=6, linewidth=2, label=way)
    axes.grid(which="major", color="#808890", alpha=0.3, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value < 1000 else f"{value:,.0f}")
    axes.minorticks_off()
    if not any(panel.figure(point) is not None for way in subject.ways for point in points.get(way, ())):
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center")
        axes.set(xticks=[], yticks=[])
        return
    if panel.scale == "linear":
        axes.set_ylim(0, axes.get_ylim()[1] * 1.1)


def _columns(pairs: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [events for events, _ in pairs], [figure for _, figure in pairs]


def _in_colours_of_the_reader(svg: str, subject: Subject) -> str:
    """Names ink and ground by the reader's colours, and leaves out what only matplotlib uses."""
    svg = re.sub(r' id="[a-zA-Z0-9.]+_[0-9]+"', "", svg)
    svg = re.sub(rf'style="fill: {GROUND}[^"]*"', 'class="ground"', svg)
    svg = svg.replace(INK, "currentColor")
    # The size is the page's affair.
    svg = re.sub(r' width="[0-9.]+pt"| height="[0-9.]+pt"', "", svg, count=2)
    label = f"{subject.title}: time, processor seconds and memory against the number of events"
    return re.sub(r"<svg [^>]*>", lambda tag: f'{tag[0][:-1]} role="img" aria-label="{label}">\n{STYLE}', svg, count=1)
