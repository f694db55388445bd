"""The runbook tells the truth: its commands print what stands there."""

from itertools import pairwise

import pytest

from tests import documents, runbook
from tests.conftest import VERSIONS


@pytest.mark.skipif(len(VERSIONS) < 2, reason="the runbook's hosts run PostgreSQL 15 and 18; one of them is not here")
def test_every_command_of_the_runbook_prints_what_stands_there() -> None:
    text = runbook.DOCUMENT.read_text(encoding="utf-8")
    with runbook.stage() as stage:
        performed = documents.perform(text, stage)
    assert documents.normalised(performed).splitlines() == documents.normalised(text).splitlines()


def test_no_command_of_the_runbook_is_without_its_output() -> None:
    text = runbook.DOCUMENT.read_text(encoding="utf-8")
    assert text.count("\n$ slate-recover") > 10
    lines = text.splitlines()
    assert not [line for line, below in pairwise(lines) if line.startswith("$ ") and below == "```"]
