"""Compares two events tables, each in the state that its snapshot shows."""

from itertools import islice

from init_slate_db.core.digests.blocks import differing_blocks, digest_blocks
from init_slate_db.core.digests.extent import Advanced, extent_of, ignore
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.digests.side import Side
from init_slate_db.core.snapshot import Snapshot
from recovery.diff.drill_down import search
from recovery.diff.result import Comparison
from recovery.diff.values import is_below_milliseconds


def compare(left: Snapshot, right: Snapshot, settings: Settings, advanced: Advanced = ignore) -> Comparison:
    """What differs between two events tables, ids up to settings.until_id inclusive.

    Both are digested at the same time, with up to settings.jobs connections each; rows are fetched only where digests
    differ, and no more of them than differences are to be told. The settings of both transactions are changed until
    their end.

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
