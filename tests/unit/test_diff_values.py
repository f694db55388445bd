"""Which values of two events are told to differ, and how."""

import json

import pytest

from init_slate_db.core.digests.side import Row
from recovery.diff.result import Difference, ValueDifference
from recovery.diff.values import compare_rows, is_below_milliseconds

TS = "2026-01-01 00:00:00.123456+00"


def values(left: str, right: str) -> list[tuple[str, str | None, str | None]]:
    difference = compare_rows(1, Row(TS, left), Row(TS, right))
    return [(value.path, value.left, value.right) for value in difference.values] if difference else []


def below(left: str, right: str) -> bool:
    difference = compare_rows(1, Row(left, "{}"), Row(right, "{}"))
    assert difference
    return is_below_milliseconds(difference)


def test_both_columns_are_told() -> None:
    assert compare_rows(7, Row(TS, "1"), Row("2026-01-01 00:00:00.12+00", "2")) == Difference(
        7,
        "changed",
        ("ts", "event"),
        (ValueDifference("ts", TS, "2026-01-01 00:00:00.120000+00"), ValueDifference("event", "1", "2")),
    )


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        ('{"a": 1}', '{"a": "1"}', ("event.a", "1", '"1"')),
        ('{"a": 1}', '{"a": true}', ("event.a", "1", "true")),
        ('{"a": false}', '{"a": null}', ("event.a", "false", "null")),
        ('{"a": null}', "{}", ("event.a", "null", None)),
        ("{}", '{"a": {"b": [1, "ü"]}}', ("event.a", None, '{"b": [1, "ü"]}')),
        ("[]", "{}", ("event", "[]", "{}")),
        ("[1, 2]", "[1]", ("event[1]", "2", None)),
        ('{"a.b": 1}', '{"a.b": 2}', ('event["a.b"]', "1", "2")),
        ('{"": 1}', '{"": 2}', ('event[""]', "1", "2")),
    ],
)
def test_each_kind_of_difference_has_its_path(left: str, right: str, told: tuple[str, str | None, str | None]) -> None:
    assert values(left, right) == [told]


def test_the_order_of_keys_is_no_difference() -> None:
    assert values('{"a": 1, "b": [2]}', '{"b": [2], "a": 1}') == []


def test_no_more_than_20_values_of_an_event_are_told() -> None:
    assert len(values(json.dumps(list(range(1000))), json.dumps(list(range(1, 1001))))) == 20


def test_long_values_are_cut_around_the_place_where_they_part() -> None:
    ((path, left, right),) = values(
        json.dumps("a" * 5000 + "b" + "c" * 5000), json.dumps("a" * 5000 + "B" + "c" * 5000)
    )
    assert path == "event"
    for text, character in ((left, "b"), (right, "B")):
        assert text is not None
        assert len(text) == 202
        assert character in text
        assert text.startswith("…")
        assert text.endswith("…")


def test_long_values_that_part_early_are_cut_behind_alone() -> None:
    ((_, left, right),) = values(json.dumps("ab" + "c" * 500), json.dumps("aB" + "c" * 500))
    assert left is not None
    assert left.startswith('"ab')
    assert right is not None
    assert right.startswith('"aB')
    assert len(left) == len(right) == 201


def test_a_cut_below_the_millisecond_is_recognised() -> None:
    assert below(TS, "2026-01-01 00:00:00.123+00")
    assert below("2026-01-01 00:00:00.000999+00", "2026-01-01 00:00:00+00")


def test_a_whole_millisecond_is_not_below_it() -> None:
    assert not below(TS, "2026-01-01 00:00:00.124+00")
    assert not below(TS, "infinity")
