"""The recorded demo is what the demo prints today, and the picture shows the recording."""

import pytest

from manual.cast import CAST, PICTURE, as_asciicast, as_picture, read, record_demo, without_what_varies
from tests.slate import shared


@pytest.fixture(scope="module")
def today() -> str:
    """What it prints where it has the events that it was recorded with."""
    shared("data/slate-person-events.jsonl.gz")
    return record_demo().text


def test_the_recording_is_what_the_demo_prints_today(today: str) -> None:
    # To renew it: python -m manual.cast
    assert without_what_varies(read(CAST).text) == without_what_varies(today)


def test_the_demo_ends_well(today: str) -> None:
    assert "IDENTICAL: 13,050 events restored" in today
    assert today.endswith("The writers are back: event 13,051 is stored.\n")


def test_the_picture_is_made_from_the_recording() -> None:
    assert PICTURE.read_text(encoding="utf-8") == as_picture(read(CAST))


def test_the_recording_is_in_the_format_of_asciinema() -> None:
    assert CAST.read_text(encoding="utf-8") == as_asciicast(read(CAST))
