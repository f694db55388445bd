"""The report of the benchmarks says the same on its page and in the documents, what is missed and missing included."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks.comparison import Comparison, Target
from benchmarks.machine import Machine
from benchmarks.markdown import BEGIN, END, DocumentError, as_markdown, replace_section, update
from benchmarks.page import as_html, write_page
from benchmarks.plots import draw_all
from benchmarks.results import Conditions, Point, Result, read_all
from benchmarks.usage import Usage

ROOT = Path(__file__).parents[2]
SCRIPT = "<script>alert('a | b')</script>"
MACHINE = Machine(cores=2, memory=24.5, architecture="x86_64", system="Linux", python="3.11.7")
CONDITIONS = Conditions("2026-11-21T12:00:00+00:00", MACHINE, "15.20", 1_000_000, 0.25, 2.5)
MET = Comparison(
    "slate-diff",
    "reladiff",
    "s",
    (3.0, 3.0, 3.0),
    (4.0, 5.0, 6.0),
    Target("at most", 0.8),
    Usage(1.25, 4.5, 41.0, 64.0),
    Usage(2.25, 5.5, None, 65.0),
)
MISSED = Comparison("copy", "pgcopydb clone", "s", (8.0,), (8.0,), Target("at most", 0.75))
INFORMS = Comparison(SCRIPT, "itself", "ms", (120.0,), (100.0,))
RESULTS = [
    Result("diff", CONDITIONS, (MET,)),
    Result("recover", CONDITIONS, (MISSED, INFORMS)),
    Result(
        "scaling",
        CONDITIONS,
        points=(
            Point(scaling.COPY, 1_000_000, (6.5, 6.0, 7.0), Usage(1.5, 8.0, 42.0, 300.0, 0.25)),
            Point(scaling.COPY, 10_000, (1.0,), Usage(0.5, 0.5, 41.0, 30.0, 0.0)),
            Point(scaling.DUMP, 10_000, (0.5,), peer=True),
        ),
    ),
]


class Page(HTMLParser):
    """The words of a page: the cells of its tables, row by row, and the names of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.elements: list[str] = []
        self.text = ""
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data


def _row(rows: list[list[str]], first: str) -> list[str]:
    (row,) = [row for row in rows if row[0] == first]
    return row


def _markdown_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |")) for line in lines]


def test_a_comparison_is_shown_with_its_medians_ratios_rounds_and_use() -> None:
    expected = [
        *("slate-diff", "reladiff", "3.00 s", "5.00 s", "0.60 (0.50..0.75)", "3"),
        *("1.25 + 4.50", "2.25 + 5.50", "41.0 + 64.0", "servers 65.0"),
    ]
    assert _row(Page(as_html(RESULTS, [])).rows, "slate-diff") == [*expected, "at most 0.80met"]
    assert _row(_markdown_rows(as_markdown(RESULTS)), "slate-diff") == [*expected, "at most 0.80: met"]


def test_a_missed_target_is_shown_as_missed_and_named_first() -> None:
    page, document = Page(as_html(RESULTS, [])), as_markdown(RESULTS)
    assert _row(page.rows, "copy")[-1] == "at most 0.75missed"
    assert _row(_markdown_rows(document), "copy")[-1] == "at most 0.75: **missed**"
    sentence = "copy against pgcopydb clone on PostgreSQL 15: 1.00, target at most 0.75"
    for text in (page.text, document):
        assert sentence in text
        assert text.index("1 of 2 targets") < text.index(sentence) < text.index("All ratios")


def test_what_only_informs_is_neither_met_nor_missed() -> None:
    last = _row(Page(as_html(RESULTS, [])).rows, SCRIPT)[-1]
    assert last == ""


def test_a_part_of_which_nothing_is_kept_is_named() -> None:
    sentence = "Not measured: Start-up, "
    for text in (Page(as_html(RESULTS, [])).text, as_markdown(RESULTS)):
        assert sentence in text
        line = text[text.index(sentence) :].split("\n", 1)[0]
        assert "slate-replicate follow" in line
        assert "slate-diff" not in line
        assert "growth" not in line


def test_nothing_measured_at_all_is_a_report_too() -> None:
    assert "0 of 0 targets met" in Page(as_html([], [])).text
    assert "growth" in as_markdown([])


def test_words_of_results_are_read_as_words() -> None:
    page = as_html(RESULTS, [])
    assert "script" not in Page(page).elements
    assert SCRIPT in Page(page).text
    (line,) = [line for line in as_markdown(RESULTS).splitlines() if "alert" in line]
    assert line.startswith("| &lt;script>alert('a \\| b')&lt;/script> |")


def test_growth_is_shown_by_way_and_number_of_events_with_processors_and_memory() -> None:
    for rows in (Page(as_html(RESULTS, [])).rows, _markdown_rows(as_markdown(RESULTS))):
        of_copy = [[cell.replace("\\", "") for cell in row] for row in rows if row[0] == scaling.COPY]
        assert of_copy == [
            [scaling.COPY, "10,000", "1.00", "0.50", "0.50", "41.0", "30.0", "0.00"],
            [scaling.COPY, "1,000,000", "6.50 (6.00..7.00)", "1.50", "8.00", "42.0", "300", "0.25"],
        ]


def test_when_and_where_it_was_measured_is_said_with_the_load() -> None:
    sentence = (
        "2026-11-21 12:00:00 UTC, 1,000,000 events, PostgreSQL 15.20, Python 3.11.7, Linux on 2 cores (x86_64) and "
        "24.5 GB, load average 0.25 before and 2.50 after."
    )
    assert sentence in Page(as_html(RESULTS, [])).text
    assert sentence in as_markdown(RESULTS)


def test_what_was_interrupted_is_said() -> None:
    result = Result("scaling", CONDITIONS, points=RESULTS[2].points, complete=False)
    assert "interrupted before its end" in as_markdown([result])


def test_the_page_needs_nothing_beside_it(tmp_path: Path) -> None:
    plots = draw_all(RESULTS)
    assert plots is not None
    text = write_page(RESULTS, plots, tmp_path).read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"report.html"}
    assert text.count("<svg ") == 1
    assert not {"img", "link", "script"} & set(Page(text).elements)
    assert not re.search(r'(?:src|href)="(?!#)', text)


def test_plots_have_the_units_and_names_of_what_is_drawn() -> None:
    (plot,) = draw_all(RESULTS) or []
    for words in ("seconds", "processor seconds", "megabytes", "events", scaling.COPY, scaling.DUMP):
        assert f">{words}</text>" in plot.svg
    assert scaling.RESTORE not in plot.svg


def test_a_plot_of_times_alone_says_that_the_rest_was_not_measured() -> None:
    told = Result("scaling", CONDITIONS, points=(Point(scaling.COMPARE, 10_000, (0.5,)),))
    (plot,) = draw_all([told]) or []
    assert plot.svg.count(">not measured</text>") == 2
    (complete,) = draw_all(RESULTS) or []
    assert "not measured" not in complete.svg


def test_plots_are_the_same_in_every_run_and_in_the_readers_colours() -> None:
    (first,), (second,) = draw_all(RESULTS) or [], draw_all(RESULTS) or []
    assert first.svg == second.svg
    assert "prefers-color-scheme: dark" in first.svg
    assert "currentColor" in first.inline
    assert "prefers-color-scheme" not in first.inline
    assert not first.inline.startswith("<?xml")


def test_a_document_gets_the_report_between_its_marks_and_the_plots_beside_it(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    update(document, RESULTS, draw_all(RESULTS))
    text = document.read_text()
    assert text.startswith(f"# Before\n\n{BEGIN}\n## Targets\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text
    (plot,) = re.findall(r"!\[Rebuilding a source\]\((.*)\)", text)
    assert (tmp_path / plot).read_text().startswith("<?xml")


@pytest.mark.parametrize("text", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n"])
def test_a_document_without_both_marks_is_refused_and_left_as_it_is(text: str, tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(text)
    with pytest.raises(DocumentError, match=r'performance.md" cannot take the report: it needs two lines'):
        update(document, RESULTS, draw_all(RESULTS))
    assert document.read_text() == text
    assert list(tmp_path.iterdir()) == [document]


def test_the_projects_own_document_says_what_its_results_say() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    section = as_markdown(read_all(ROOT / "benchmarks" / "results"))
    assert replace_section(text, section) == text, "run: python -m benchmarks report, as docs/performance.md has it"
