"""Compares two events tables, each in the state that its snapshot shows."""

from collections.abc import Callable
from itertools import islice

from recovery.diff.digests import differing_blocks, digest_blocks, expected_events, extent_of
from recovery.diff.drill_down import search
from recovery.diff.result import Comparison, Extent
from recovery.diff.settings import Settings
from recovery.diff.side import Side
from recovery.diff.values import is_below_milliseconds
from recovery.snapshot import Snapshot

Advanced = Callable[[int], None]


def _ignore(events: int) -> None:
    """Takes progress that nobody looks at."""


def compare(left: Snapshot, right: Snapshot, settings: Settings, advanced: Advanced = _ignore) -> Comparison:
    """What differs between two events tables, ids up to settings.until_id inclusive.

    Both are digested at the same time, with up to settings.jobs connections each; rows are fetched only where digests
    differ, and no more of them than differences are to be told. The settings of both transactions are changed until
    their end, search_path among them.

    :param advanced: is told how many events, of both sides together, were digested since the last call. In this thread.
    :raises SlateError: not-an-event-store, no-right, connection-lost, or what else a server says. Like after an
        interrupt, the snapshots are then of no more use.
    """
    sides = Side(left, settings), Side(right, settings)
    blocks = digest_blocks(sides, settings, advanced)
    differing = differing_blocks(blocks[0], blocks[1], settings.until_id)
    found = tuple(islice(search(*sides, differing), settings.max_differences + 1))
    told = found[: settings.max_differences]
    extents = [extent_of(side, of_side) for side, of_side in zip(sides, blocks, strict=True)]
    return Comparison(
        identical=not found,
        events_compared=max(extent.events for extent in extents),
        differences=told,
        complete=len(found) == len(told),
        below_milliseconds=bool(told) and all(is_below_milliseconds(difference) for difference in told),
        left=extents[0],
        right=extents[1],
    )


def measure(snapshot: Snapshot, settings: Settings, advanced: Advanced = _ignore) -> Extent:
    """What one events table holds of the ids up to settings.until_id inclusive, and its digest.

    The digest is that of a comparison with the same until_id and precision; max_differences has no meaning here.
    Parameters, and what it does to the snapshot, as with compare.
    """
    side = Side(snapshot, settings)
    (blocks,) = digest_blocks([side], settings, advanced)
    return extent_of(side, blocks)


def count_expected(snapshot: Snapshot, settings: Settings) -> int:
    """About how many events compare or measure will digest, told at once: exact where the ids have no gap."""
    return expected_events(Side(snapshot, settings))
