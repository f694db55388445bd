"""The report as a section of a Markdown document, between two marks, with its plots in files beside the document."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.plots import Plot
from benchmarks.results import Result
from benchmarks.tables import Contents, Row, Section, Table, contents

BEGIN = "<!-- made by: python -m benchmarks report; change nothing from here -->"
END = "<!-- to here -->"
PLOTS = "plots"


class DocumentError(Exception):
    """A document has no place for the report."""


def update(document: Path, results: Sequence[Result], plots: Sequence[Plot] | None) -> None:
    """Puts the report in place of the one that the document has, and writes its plots.

    :param plots: None leaves the plots' files as they are.
    :raises DocumentError: the document does not have both marks.
    """
    text = document.read_text(encoding="utf-8")
    try:
        changed = replace_section(text, as_markdown(results))
    except DocumentError as error:
        raise DocumentError(f'"{document}" cannot take the report: {error}') from None
    for plot in plots or ():
        folder = document.parent / PLOTS
        folder.mkdir(exist_ok=True)
        (folder / f"{plot.subject.name}.svg").write_text(plot.svg, encoding="utf-8")
    document.write_text(changed, encoding="utf-8")


def replace_section(text: str, section: str) -> str:
    """The text with that section between the marks.

    :raises DocumentError: it does not have both marks.
    """
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not begin or not end:
        raise DocumentError(f"it needs two lines for the report to stand between: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{section}{END}\n{after}"


def as_markdown(results: Sequence[Result]) -> str:
    """The report, from its first heading on, which is one of the second level."""
    found = contents(results)
    return "\n".join([*_summary(found), *_growth(found), *_sections(found.sections)])


def _summary(found: Contents) -> Iterator[str]:
    yield "## Targets\n"
    yield f"{found.targets - len(found.missed)} of {found.targets} targets are met.\n"
    if found.missed:
        yield from (f"- **missed**: {_escape(sentence)}" for sentence in found.missed)
        yield ""
    if found.missing:
        yield f"Not measured: {_escape(', '.join(found.missing))}.\n"


def _growth(found: Contents) -> Iterator[str]:
    if found.growth:
        yield "## Against the number of events\n"
        yield from (f"- {_escape(sentence)}" for sentence in found.conditions)
        yield ""
    for growth in found.growth:
        title = growth.subject.title
        yield f"### {title}\n"
        yield f"![{title}]({PLOTS}/{growth.subject.name}.svg)\n"
        yield from _table(growth.table)


def _sections(sections: Iterable[Section]) -> Iterator[str]:
    yield "## All ratios\n"
    for section in sections:
        yield f"### {_escape(section.title)}\n"
        yield f"{_escape(section.measured)}\n"
        yield from _table(section.table)


def _table(table: Table) -> Iterator[str]:
    yield _line([_escape(heading) for heading in table.headings])
    yield _line(["---" if place < table.words else "---:" for place in range(len(table.headings))])
    yield from (_line(_cells(row)) for row in table.rows)
    yield ""


def _cells(row: Row) -> list[str]:
    verdict = {"met": ": met", "missed": ": **missed**", "": ""}[row.verdict]
    *others, last = [_escape(cell) for cell in row.cells]
    return [*others, f"{last}{verdict}"]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Words as Markdown shows them: nothing in them is read as a cell's end, as emphasis or as HTML."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    for special in ("\\", "|", "*", "`", "["):
        text = text.replace(special, f"\\{special}")
    return text
