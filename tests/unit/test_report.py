"""A recovery's report says the same to a tired operator, to a browser and to a program."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from init_slate_db.core.digests.extent import Extent
from init_slate_db.core.errors import ExitStatus, SlateError
from recovery.diff import rendering
from recovery.diff.result import Comparison, Difference, ValueDifference
from recovery.report import REPORT_SUFFIXES, FinishedStep, Report, as_html, as_json, as_text, write_report

LEFT_DIGEST, RIGHT_DIGEST = "1f" * 16, "2e" * 16
SCRIPT = "<script>alert('event')</script>"
DIFFERENCES = (
    Difference(
        7,
        "changed",
        ("ts", "event"),
        (
            ValueDifference("ts", "2026-11-21 02:00:00.000001+00", "2026-11-21 02:00:00+00"),
            ValueDifference("event.data.name", f'"{SCRIPT}"', None),
        ),
    ),
    Difference(8, "only_left", (), ()),
    Difference(9, "only_right", (), ()),
)
IDENTICAL = Comparison(
    identical=True,
    events_compared=13_050,
    differences=(),
    complete=True,
    below_milliseconds=False,
    left=Extent("source", 13_050, 1, 13_050, LEFT_DIGEST),
    right=Extent("backup", 13_050, 1, 13_050, LEFT_DIGEST),
)
DIFFERENT = replace(
    IDENTICAL, identical=False, differences=DIFFERENCES, right=Extent("backup", 13_050, 1, 13_051, RIGHT_DIGEST)
)
REPORT = Report(
    verdict="identical",
    method="copy",
    rows_restored=13_050,
    next_insert_id=13_051,
    source="new-host:5432/events",
    backup="backup-host:5433/events",
    started_at=datetime(2026, 11, 21, 2, 0, 0, tzinfo=UTC),
    finished_at=datetime(2026, 11, 21, 2, 1, 42, tzinfo=UTC),
    steps=(FinishedStep("Copying events", 90.0), FinishedStep("Building indexes", 9.04), FinishedStep("Idle", 0.0)),
    diff=IDENTICAL,
)
REPORT_DIFFERENT = replace(REPORT, verdict="different", diff=DIFFERENT, notes=("Index events_extra was made again.",))
REPORT_NOT_COMPARED = replace(REPORT, verdict="not compared", diff=None)


class Page(HTMLParser):
    """The tags, their attributes, and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def test_the_text_of_an_identical_result_is_short_and_begins_with_the_verdict() -> None:
    assert as_text(REPORT).splitlines() == [
        "IDENTICAL: 13,050 events restored by copy, every one as in the backup",
        "",
        "  source    new-host:5432/events",
        "  backup    backup-host:5433/events",
        "  events    13,050, ids 1 to 13,050",
        f"  digest    {LEFT_DIGEST}",
        "  next id   13,051",
        "  finished  2026-11-21 02:01:42 UTC, after 1 min 42 s",
        "",
        "Steps",
        "  Copying events    90.0 s",
        "  Building indexes   9.0 s",
        "  Idle               0.0 s",
    ]


def test_the_text_of_a_different_result_counts_and_tells_the_differences() -> None:
    text = as_text(REPORT_DIFFERENT)
    assert text.startswith("DIFFERENT: 13,050 events restored by copy, 3 events differ from the backup\n")
    assert "event.data.name" in text


def test_where_the_search_for_differences_ended_early_the_count_is_a_least() -> None:
    unfinished = replace(REPORT_DIFFERENT, diff=replace(DIFFERENT, differences=DIFFERENCES[:1], complete=False))
    assert as_text(unfinished).splitlines()[0].endswith("copy, at least 1 event differs from the backup")


def test_the_text_of_a_result_not_compared_says_so() -> None:
    text = as_text(REPORT_NOT_COMPARED)
    assert text.startswith("NOT COMPARED: 13,050 events restored by copy, not compared with the backup\n")
    assert "digest" not in text


def test_a_promoted_backup_is_told_of_as_the_source() -> None:
    promoted = replace(REPORT, method="promote", verdict="not compared", diff=None)
    assert as_text(promoted).startswith("NOT COMPARED: the backup itself is the source now, with ")


def test_an_empty_side_has_no_ids() -> None:
    empty = Extent("source", 0, None, None, LEFT_DIGEST)
    assert "  events, source  0\n" in as_text(replace(REPORT, diff=replace(IDENTICAL, left=empty)))


def test_the_notes_stand_before_the_differences_which_may_be_many() -> None:
    text = as_text(REPORT_DIFFERENT)
    assert "\n\nNotes\n  Index events_extra was made again.\n\n" in text
    assert text.index("Notes") < text.index("event.data.name")


def test_the_page_names_the_option_where_only_microseconds_differ() -> None:
    page = as_html(replace(REPORT_DIFFERENT, diff=replace(DIFFERENT, below_milliseconds=True)))
    assert "slate-diff --timestamp-precision milliseconds" in Page(page).texts


def test_json_has_exactly_the_promised_keys_and_values() -> None:
    assert as_json(REPORT_NOT_COMPARED) == {
        "verdict": "not compared",
        "method": "copy",
        "rows_restored": 13_050,
        "next_insert_id": 13_051,
        "source": "new-host:5432/events",
        "backup": "backup-host:5433/events",
        "started_at": "2026-11-21T02:00:00+00:00",
        "finished_at": "2026-11-21T02:01:42+00:00",
        "steps": [
            {"title": "Copying events", "seconds": 90.0},
            {"title": "Building indexes", "seconds": 9.04},
            {"title": "Idle", "seconds": 0.0},
        ],
        "diff": None,
        "notes": [],
    }


def test_json_holds_the_differences_as_slate_diff_gives_them() -> None:
    diff = as_json(REPORT_DIFFERENT)["diff"]
    assert diff == rendering.as_json(DIFFERENT)
    assert [difference["id"] for difference in diff["differences"]] == [7, 8, 9]


@pytest.mark.parametrize("report", [REPORT, REPORT_DIFFERENT, REPORT_NOT_COMPARED], ids=lambda report: report.verdict)
def test_the_page_says_its_verdict_in_words(report: Report) -> None:
    page = Page(as_html(report))
    assert report.verdict in page.texts
    assert f"verdict {report.verdict.replace(' ', '-')}" in page.attributes["class"]


def test_the_page_escapes_what_events_hold() -> None:
    page = as_html(REPORT_DIFFERENT)
    assert "script" not in Page(page).tags
    assert f'"{SCRIPT}"' in Page(page).texts


def test_the_page_escapes_what_places_steps_and_notes_hold() -> None:
    hostile = replace(REPORT, source=SCRIPT, backup=SCRIPT, steps=(FinishedStep(SCRIPT, 1),), notes=(SCRIPT,))
    page = Page(as_html(hostile))
    assert "script" not in page.tags
    assert page.texts.count(SCRIPT) == 4


def test_the_page_needs_nothing_beside_it() -> None:
    page = as_html(REPORT_DIFFERENT)
    assert not {"src", "href", "srcset"} & Page(page).attributes.keys()
    assert not {"link", "img", "iframe"} & set(Page(page).tags)
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_shows_the_digests_of_both_sides_in_full() -> None:
    assert {LEFT_DIGEST, RIGHT_DIGEST} <= set(Page(as_html(REPORT_DIFFERENT)).texts)


def test_the_page_lists_each_difference_with_its_kind_its_path_and_both_values() -> None:
    texts = Page(as_html(REPORT_DIFFERENT)).texts
    rows = texts[texts.index("Path") + 3 :]
    assert rows == [
        *("7", "changed", "ts", "2026-11-21 02:00:00.000001+00", "2026-11-21 02:00:00+00"),
        *("event.data.name", f'"{SCRIPT}"', "nothing"),
        *("8", "only in source", "the whole event", "present", "missing"),
        *("9", "only in backup", "the whole event", "missing", "present"),
    ]


def test_the_bars_of_the_steps_are_as_long_as_the_steps_took() -> None:
    assert Page(as_html(REPORT)).attributes["style"] == ["width: 100.00%", "width: 10.04%", "width: 0.00%"]


def test_the_page_of_steps_that_took_no_time_can_be_made() -> None:
    instant = replace(REPORT, steps=(FinishedStep("Idle", 0.0),))
    assert Page(as_html(instant)).attributes["style"] == ["width: 0.00%"]


def test_a_json_file_holds_the_json_report(tmp_path: Path) -> None:
    write_report(replace(REPORT_NOT_COMPARED, notes=("Größe",)), tmp_path / "report.json")
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert json.loads(text) == as_json(replace(REPORT_NOT_COMPARED, notes=("Größe",)))
    assert "Größe" in text


def test_an_html_file_holds_the_page(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "report.HTML")
    assert (tmp_path / "report.HTML").read_text(encoding="utf-8") == as_html(REPORT)


def test_the_suffixes_that_an_option_check_takes_are_those_that_can_be_written() -> None:
    assert REPORT_SUFFIXES == (".json", ".html")


def test_a_report_replaces_one_before_it_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("before")
    write_report(REPORT_NOT_COMPARED, path)
    assert json.loads(path.read_text())["method"] == "copy"
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_cannot_be_finished_leaves_the_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "report.json"
    path.write_text("before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SlateError) as refused:
        write_report(REPORT_NOT_COMPARED, path)
    assert refused.value.why == "No space left on device"
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "report.json"
    with pytest.raises(SlateError) as refused:
        write_report(REPORT_NOT_COMPARED, path)
    error = refused.value
    assert (error.code, error.exit_status) == ("report-failed", ExitStatus.FAILED)
    assert error.what == f'The report cannot be written to "{path}".'
    assert error.why == f'There is no folder "{path.parent}".'
    assert error.hint == (
        "What was recovered stays as it is. Name a file in a folder that exists and that you may write to."
    )


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(SlateError) as refused:
        write_report(REPORT_NOT_COMPARED, tmp_path / "report.json")
    assert (refused.value.code, refused.value.why) == ("report-failed", "Is a directory")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
