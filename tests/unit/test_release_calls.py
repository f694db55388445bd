"""What samples of the calls tell: what was called, and from when on nothing can have gone unseen."""

from datetime import UTC, datetime, timedelta
from typing import Any

from versioning.releases.calls import Sample, usage

START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def sample(first: int, last: int, **changes: Any) -> Sample:
    fields: dict[str, Any] = {"counts": {}, "called": {}, "tracking": "all", "counted_since": None}
    return Sample("api_v1_0_0", day(first), day(last), **(fields | changes))


def test_without_a_sample_nothing_is_known() -> None:
    known = usage([], day(0))
    assert (known.called, known.last_called, known.known_since) == ({}, None, None)


def test_the_time_is_known_from_the_first_sample_on() -> None:
    assert usage([sample(0, 20)], day(6)).known_since == day(0)


def test_calls_since_the_moment_are_added_up_and_older_ones_left_out() -> None:
    samples = [
        sample(0, 1),
        sample(2, 3, called={"f()": 5}),
        sample(4, 5, called={"f()": 1, "g()": 2}),
        sample(6, 7, called={"f()": 1}),
    ]
    known = usage(samples, day(4))
    assert known.called == {"f()": 2, "g()": 2}
    assert known.last_called == day(6)
    assert usage(samples, day(7)).called == {}


def test_a_count_that_began_anew_hides_what_was_before() -> None:
    samples = [sample(0, 3), sample(5, 9, counted_since=day(4))]
    assert usage(samples, day(0)).known_since == day(5)


def test_time_without_counting_is_unknown() -> None:
    samples = [sample(0, 3), sample(4, 6, tracking="none"), sample(7, 9)]
    assert usage(samples, day(0)).known_since == day(7)
    assert usage(samples[:2], day(0)).known_since is None
