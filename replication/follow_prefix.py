"""Whether a destination still holds what its source has, by the last of its events alone."""

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import server_errors
from init_slate_db.core.digests.blocks import block_of, block_range
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.digests.side import Side
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import LogOptions
from init_slate_db.core.snapshot import Snapshot
from replication.prefix import check_prefix, highest_id

# Connections a server for the comparison of all events.
_JOBS = 4


def check_all(source: Reached, destination: Reached, log: LogOptions) -> None:
    """Makes sure that the destination is empty, or holds exactly the first events of the source.

    :raises SlateError: not-a-prefix; connection-lost; what else a server says.
    """
    with _snapshot(source) as ours, _snapshot(destination) as theirs:
        highest = highest_id(theirs)
        if highest == 0:
            return
        _refuse_ahead(ours, theirs, highest)
        check_prefix(ours, theirs, _JOBS, log)


def check_last(source: Reached, destination: Reached) -> None:
    """Makes sure of the last block of the destination's events, where those before it were compared once.

    Histories that part stay apart, so they differ in the last events, too.

    :raises SlateError: not-a-prefix; connection-lost; what else a server says.
    """
    with _snapshot(source) as ours, _snapshot(destination) as theirs:
        highest = highest_id(theirs)
        if highest == 0:
            return
        _refuse_ahead(ours, theirs, highest)
        settings = Settings(jobs=1, until_id=highest)
        block = block_range(block_of(highest), highest)
        sides = [Side(snapshot, settings) for snapshot in (ours, theirs)]
        found = [side.digest_ranges(side.connections[0], [block]).get(block) for side in sides]
        if found[0] != found[1] or found[1] is None or found[1].events != block.highest - block.lowest + 1:
            raise SlateError(
                "not-a-prefix",
                f"{theirs.place} does not hold the first events of {ours.place}.",
                why=f"Events {block.lowest:,} to {block.highest:,} differ, or some of them are missing.",
                hint="slate-diff shows what differs. Make a new destination where the source is the one that is right.",
            )


def _refuse_ahead(source: Snapshot, destination: Snapshot, highest: int) -> None:
    has = highest_id(source)
    if has < highest:
        raise SlateError(
            "not-a-prefix",
            f"{destination.place} has events that {source.place} lacks.",
            why=f"It has {highest:,}, the source {has:,}. The source lost some, when a standby took over that had not "
            "yet got them, or is another one, or is being recovered.",
            hint="If it lost them, slate-recover brings them back from this destination. Else name the right one.",
        )


def _snapshot(reached: Reached) -> Snapshot:
    """On a connection of its own, which it takes for itself."""
    again = reached.again()
    with server_errors(f"read the events of {reached.place}"):
        return Snapshot(again)
