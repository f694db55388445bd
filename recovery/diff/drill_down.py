"""From ranges of ids whose digests differ to the events that do."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from init_slate_db.core.digests.questions import ask_both
from init_slate_db.core.digests.side import Range, Row, Side
from recovery.diff.result import Difference
from recovery.diff.values import compare_rows

# A differing range is asked for in so many parts. Eight rather than two: each level digests what is left once again,
# and is one more round trip. From 4096 ids, three levels lead to the size from which single events are looked at.
_PARTS = 8
_SMALL = 8
# What is worked on at once: bounds memory, and what is digested in vain where only the first differences are told.
_IDS_AT_ONCE = 65536
_RANGES_AT_ONCE = 128
_ROWS_AT_ONCE = 64


def search(left: Side, right: Side, ranges: Iterable[Range]) -> Iterator[Difference]:
    """Yields the differences in the ranges, which differ, from the lowest id on, and works no further than asked for.

    :param ranges: rising, at most 4096 ids each.
    """
    pending = deque(ranges)
    narrows = left.survey.indexed and right.survey.indexed
    while pending:
        if narrows and _size(pending[0]) > _SMALL:
            parts = [part for wide in _take(pending, wide=True) for part in _split(wide)]
            digests = ask_both(Side.digest_ranges, left, right, parts)
            pending.extendleft(reversed([part for part in parts if digests[0].get(part) != digests[1].get(part)]))
        else:
            yield from _compare_events(left, right, _take(pending, wide=not narrows))


def _take(pending: deque[Range], *, wide: bool) -> list[Range]:
    """Takes from the front as many ranges as may be worked on at once, all of them wide or all small."""
    taken = [pending.popleft()]
    ids = _size(taken[0])
    while (
        pending
        and len(taken) < _RANGES_AT_ONCE
        and (wide or _size(pending[0]) <= _SMALL)
        and ids + _size(pending[0]) <= _IDS_AT_ONCE
    ):
        ids += _size(pending[0])
        taken.append(pending.popleft())
    return taken


def _size(ids: Range) -> int:
    return ids.highest - ids.lowest + 1


def _split(ids: Range) -> list[Range]:
    length = -(-_size(ids) // _PARTS)
    return [
        Range(lowest, min(lowest + length - 1, ids.highest)) for lowest in range(ids.lowest, ids.highest + 1, length)
    ]


def _compare_events(left: Side, right: Side, ranges: Sequence[Range]) -> Iterator[Difference]:
    digests = ask_both(Side.digest_rows, left, right, ranges)
    differing = [
        id_ for id_ in sorted(digests[0].keys() | digests[1].keys()) if digests[0].get(id_) != digests[1].get(id_)
    ]
    for start in range(0, len(differing), _ROWS_AT_ONCE):
        ids = differing[start : start + _ROWS_AT_ONCE]
        in_both = [id_ for id_ in ids if id_ in digests[0] and id_ in digests[1]]
        rows = ask_both(Side.fetch_rows, left, right, in_both)
        for id_ in ids:
            on_left, on_right = (side.get(id_, []) for side in digests)
            pairs = zip_longest(_unmatched(on_left, on_right), _unmatched(on_right, on_left))
            for pair in pairs:
                difference = _difference(id_, pair, (rows[0].get(id_, []), rows[1].get(id_, [])))
                if difference is not None:
                    yield difference


def _unmatched(digests: Sequence[bytes], others: Sequence[bytes]) -> Iterator[int]:
    """The places of the digests that the other side does not have, where an id may be there several times."""
    matches = Counter(others)
    for place, digest in enumerate(digests):
        if matches[digest]:
            matches[digest] -= 1
        else:
            yield place


def _difference(
    id_: int, pair: tuple[int | None, int | None], rows: tuple[Sequence[Row], Sequence[Row]]
) -> Difference | None:
    if pair[0] is None:
        return Difference(id_, "only_right", (), ())
    if pair[1] is None:
        return Difference(id_, "only_left", (), ())
    return compare_rows(id_, rows[0][pair[0]], rows[1][pair[1]])
