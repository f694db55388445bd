"""What a survey finds, as it is told and as it ends a run."""

import pytest

from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding, objection, objections, raise_any


def test_a_fact_is_told_behind_its_verdict_with_what_to_do_below() -> None:
    assert Finding("events is empty").lines() == ["ok  events is empty"]
    assert objection("lock-held", "another run works").lines() == ["no  another run works"]
    told = objection("lock-held", "another run works", hint="Wait for it.").lines()
    assert told == ["no  another run works", "    Wait for it."]


def test_an_objection_ends_the_run_with_an_error_that_says_the_same() -> None:
    finding = objection("lock-held", "another run works", "Wait for it.", "It holds a lock.")
    with pytest.raises(SlateError) as raised:
        raise_any([Finding("events is empty"), finding])
    error = raised.value
    assert (error.code, error.what, error.why, error.hint) == (
        "lock-held",
        "Another run works.",
        "It holds a lock.",
        "Wait for it.",
    )


def test_what_another_way_leads_around_ends_nothing() -> None:
    finding = objection("lock-held", "another run works")
    raise_any([Finding(finding.text, finding.against, blocking=False), Finding("events is empty")])


def test_of_several_reasons_those_that_hold_are_told_and_the_first_ends_the_run() -> None:
    reasons = [
        (False, "not-empty", "it has events", "Empty it."),
        (True, "lock-held", "another run works", "Wait for it."),
        (True, "server-error", "it is read-only", ""),
    ]
    found = objections("Cannot recover", reasons)
    assert [one.text for one in found] == ["another run works", "it is read-only"]
    with pytest.raises(SlateError) as raised:
        raise_any(found)
    assert (raised.value.code, raised.value.what) == ("lock-held", "Cannot recover: another run works.")
    assert raised.value.hint == "Wait for it."
