"""What one events table holds, and the digest of it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from init_slate_db.core.digests.blocks import Blocks, count_events, digest_blocks, expected_events
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.digests.side import Side
from init_slate_db.core.snapshot import Snapshot

Advanced = Callable[[int], None]


def ignore(events: int) -> None:
    """Takes progress that nobody looks at."""


@dataclass(frozen=True)
class Extent:
    """What one side holds of the ids compared. digest: hexadecimal, of all of its events."""

    place: str
    events: int
    lowest_id: int | None
    highest_id: int | None
    digest: str


def extent_of(side: Side, blocks: Blocks) -> Extent:
    """What the side holds, by the digests of its blocks."""
    whole = hashlib.sha256()
    for number in sorted(blocks):
        whole.update(blocks[number].digest)
    return Extent(side.place, count_events(blocks), side.survey.lowest_id, side.survey.highest_id, whole.hexdigest())


def measure(snapshot: Snapshot, settings: Settings, advanced: Advanced = ignore) -> Extent:
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
