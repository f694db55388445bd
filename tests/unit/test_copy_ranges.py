"""The ranges that a copy still has to store."""

from hypothesis import given
from hypothesis import strategies as st

from recovery.methods.copy import Range, missing_ranges

STEP = 4096


@st.composite
def stored_parts(draw: st.DrawFn) -> tuple[list[Range], int]:
    """Some ranges in their order, none touching another's ids, and the last id of all."""
    last_id = draw(st.integers(1, 100_000))
    bounds = sorted(draw(st.sets(st.integers(1, last_id), max_size=12)))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return list(pairs), last_id


@given(stored_parts(), st.sampled_from([1, 7, STEP, 3 * STEP]))
def test_what_is_stored_and_what_is_missing_are_all_ids_once(parts: tuple[list[Range], int], size: int) -> None:
    stored, last_id = parts
    size = max(size, last_id // 2000 + 1)
    missing = missing_ranges(stored, last_id, size)
    ids = [id for first, last in sorted([*stored, *missing]) for id in (first, last)]
    assert ids == sorted(ids)
    assert sum(last - first + 1 for first, last in [*stored, *missing]) == last_id
    assert all(last - first < size for first, last in missing)


@given(st.integers(1, 1_000_000))
def test_ranges_begin_behind_multiples_of_their_size(last_id: int) -> None:
    assert all((first - 1) % STEP == 0 for first, _ in missing_ranges([], last_id, STEP))


def test_nothing_is_missing_where_all_is_stored() -> None:
    assert missing_ranges([(1, 500), (501, 1000)], 1000, STEP) == []
