"""The report as one page that needs nothing beside it."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.plots import Plot
from benchmarks.results import Result
from benchmarks.tables import contents

NAME = "report.html"


def write_page(results: Sequence[Result], plots: Sequence[Plot], folder: Path) -> Path:
    """Writes the page into the folder, and returns where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(as_html(results, plots), encoding="utf-8")
    return path


def as_html(results: Sequence[Result], plots: Sequence[Plot]) -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(NAME).render(
        found=contents(results),
        # matplotlib has escaped the words in them.
        drawings={plot.subject.name: Markup(plot.inline) for plot in plots},
    )
