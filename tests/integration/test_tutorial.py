"""The tutorial tells the truth, from top to bottom."""

import re

from tests import documents, tutorial

# An event's ts is part of it, so digests differ from run to run.
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def test_every_command_of_the_tutorial_prints_what_stands_there() -> None:
    text = tutorial.DOCUMENT.read_text(encoding="utf-8")
    with tutorial.shell() as shell:
        performed = documents.perform(text, shell)
    told, printed = (_DIGEST.sub("DIGEST", documents.normalised(one)).splitlines() for one in (text, performed))
    assert printed == told


def test_the_tutorial_shows_what_it_promises() -> None:
    text = tutorial.DOCUMENT.read_text(encoding="utf-8")
    for shown in ("Asynchronous notification", "cannot perform SQL command", "Back at snapshot 1", "IDENTICAL"):
        assert shown in text
