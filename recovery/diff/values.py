"""Which values of two events differ."""

import json
import re
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from init_slate_db.core.digests.side import Row
from recovery.diff.result import Difference, ValueDifference

_MOST_VALUES = 20
_LONGEST_VALUE = 200
# How much of what both values have in common stands before the place where they part, in one that is cut.
_LEAD = 60
_PLAIN_KEY = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_TIMESTAMP = re.compile(r"(?P<seconds>.*:[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?(?P<zone>\+00.*)")


class _Number(NamedTuple):
    """A number as it is written: 1.0 is not 1.00, and neither is the string "1.0"."""

    text: str


class _Absent:
    """Stands for the value where there is none; None is JSON's null."""


_ABSENT = _Absent()


def compare_rows(id_: int, left: Row, right: Row) -> Difference | None:
    """The difference between two events with this id, which have different digests.

    None where nothing differs but the order in which the databases keep the keys of an object.
    """
    values = []
    if left.ts != right.ts:
        values.append(ValueDifference("ts", _with_microseconds(left.ts), _with_microseconds(right.ts)))
    values += _compare_documents(left.event, right.event)
    columns = tuple(dict.fromkeys("ts" if value.path == "ts" else "event" for value in values))
    return Difference(id_, "changed", columns, tuple(values)) if values else None


def is_below_milliseconds(difference: Difference) -> bool:
    """Whether the two events are the same once their ts are cut to milliseconds."""
    if difference.kind != "changed" or difference.columns != ("ts",):
        return False
    (value,) = difference.values
    return value.left is not None and _cut_to_milliseconds(value.left) == _cut_to_milliseconds(value.right)


def _with_microseconds(ts: str | None) -> str | None:
    """PostgreSQL's text of a ts with all six digits behind the second. Infinity stays as it is."""
    match = _TIMESTAMP.fullmatch(ts or "")
    return f"{match['seconds']}.{match['fraction'] or '':0<6}{match['zone']}" if match else ts


def _cut_to_milliseconds(ts: str | None) -> str | None:
    match = _TIMESTAMP.fullmatch(ts or "")
    return f"{match['seconds']}.{match['fraction'][:3]}{match['zone']}" if match else ts


def _compare_documents(left: str | None, right: str | None) -> list[ValueDifference]:
    if left is None or right is None:
        return [] if left == right else [_value_difference("event", left, right)]
    try:
        return list(islice(_walk("event", _parse(left), _parse(right)), _MOST_VALUES))
    except RecursionError:
        # Deeper than Python follows. The texts say no less, if not where to look.
        return [] if left == right else [_value_difference("event", left, right)]


def _parse(document: str) -> Any:
    return json.loads(document, parse_int=_Number, parse_float=_Number)


def _walk(path: str, left: Any, right: Any) -> Iterator[ValueDifference]:
    """Yields the differing leaves of two values, or parts of them."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in left | right:
            yield from _walk(_join(path, key), left.get(key, _ABSENT), right.get(key, _ABSENT))
    elif isinstance(left, list) and isinstance(right, list):
        for place, (one, other) in enumerate(zip_longest(left, right, fillvalue=_ABSENT)):
            yield from _walk(f"{path}[{place}]", one, other)
    elif type(left) is not type(right) or left != right:
        yield _value_difference(path, _as_text(left), _as_text(right))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def _as_text(value: Any) -> str | None:
    """A value as JSON text; None for an absent one."""
    match value:
        case _Absent():
            return None
        case _Number():
            return value.text
        case dict():
            return (
                "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {_as_text(v)}" for k, v in value.items()) + "}"
            )
        case list():
            return "[" + ", ".join(str(_as_text(item)) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _value_difference(path: str, left: str | None, right: str | None) -> ValueDifference:
    """The difference with its texts cut, so that both show the place where they part."""
    start = 0
    if left is not None and right is not None and max(len(left), len(right)) > _LONGEST_VALUE:
        common = next(
            (place for place, (one, other) in enumerate(zip(left, right, strict=False)) if one != other),
            min(len(left), len(right)),
        )
        start = max(0, common - _LEAD)
    return ValueDifference(_cut(path, 0) or "", _cut(left, start), _cut(right, start))


def _cut(text: str | None, start: int) -> str | None:
    if text is None or (not start and len(text) <= _LONGEST_VALUE):
        return text
    end = start + _LONGEST_VALUE
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
