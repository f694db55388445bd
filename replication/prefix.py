"""Whether a destination holds the first events of a source, and nothing else."""

from dataclasses import dataclass

from init_slate_db.core.connection import server_errors
from init_slate_db.core.digests.blocks import Blocks, count_events, differing_blocks, digest_blocks
from init_slate_db.core.digests.extent import Advanced, extent_of, ignore
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.digests.side import Range, Side
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import LogOptions
from init_slate_db.core.progress import progress
from init_slate_db.core.snapshot import Snapshot

_HIGHEST = "SELECT max(id) FROM public.events"


@dataclass(frozen=True)
class Agreement:
    """What both hold of the ids up to until_id, inclusive.

    source_highest, destination_highest: of all ids; 0 where there are no events. source_events, destination_events: how
    many each holds up to until_id; source_digest, destination_digest: of these. first_difference: the ids, both ends
    inclusive, of the first block that differs.
    """

    until_id: int
    source_highest: int
    destination_highest: int
    source_events: int
    destination_events: int
    source_digest: str
    destination_digest: str
    first_difference: Range | None

    @property
    def agrees(self) -> bool:
        """Whether the destination holds nothing that the source does not hold, and nothing less up to its own end."""
        return self.first_difference is None and self.destination_highest <= self.source_highest


def highest_id(snapshot: Snapshot) -> int:
    """The highest id; 0 where there are no events.

    :raises SlateError: connection-lost, or what else the server says: of a database that is no event store, too.
    """
    with server_errors(f"say what {snapshot.place} holds"):
        row = snapshot.connection.execute(_HIGHEST).fetchone()
    return (row and row[0]) or 0


def agree(source: Snapshot, destination: Snapshot, jobs: int, advanced: Advanced = ignore) -> Agreement:
    """Compares by digests what both hold up to the highest id that both have.

    :param jobs: connections a server.
    :param advanced: is told how many events, of both sides, were digested since the last call.
    :raises SlateError: not-an-event-store, no-right, connection-lost, or what else a server says.
    """
    highest = highest_id(source), highest_id(destination)
    settings = Settings(jobs=jobs, until_id=min(highest))
    if settings.until_id < 1:
        return Agreement(0, *highest, 0, 0, "", "", None)
    sides = Side(source, settings), Side(destination, settings)
    blocks: list[Blocks] = digest_blocks(sides, settings, advanced)
    extents = [extent_of(side, of_side) for side, of_side in zip(sides, blocks, strict=True)]
    differing = differing_blocks(blocks[0], blocks[1], settings.until_id)
    return Agreement(
        until_id=settings.until_id,
        source_highest=highest[0],
        destination_highest=highest[1],
        source_events=count_events(blocks[0]),
        destination_events=count_events(blocks[1]),
        source_digest=extents[0].digest,
        destination_digest=extents[1].digest,
        first_difference=differing[0] if differing else None,
    )


def agree_visibly(source: Snapshot, destination: Snapshot, jobs: int, log: LogOptions) -> Agreement:
    """The same, and shows how far it is."""
    total = 2 * min(highest_id(source), highest_id(destination))
    if not total:
        return agree(source, destination, jobs)
    with progress("Comparing what both have", total, log) as bar:
        return agree(source, destination, jobs, bar.advance)


def check_prefix(source: Snapshot, destination: Snapshot, jobs: int, log: LogOptions) -> Agreement:
    """Makes sure that the destination is empty, or holds exactly the first events of the source.

    :raises SlateError: not-a-prefix; and as agree.
    """
    found = agree_visibly(source, destination, jobs, log)
    fault = _fault(found)
    if fault:
        raise SlateError(
            "not-a-prefix",
            f"{destination.place} does not hold the first events of {source.place}.",
            why=fault,
            hint="slate-diff shows what differs. Make a new destination, or mend this one.",
        )
    return found


def find_own(source: Snapshot, destination: Snapshot, found: Agreement) -> int | None:
    """The id from which on the destination holds anything else than the source; None where it holds nothing else.

    :param found: what agree says of the same two snapshots.
    :raises SlateError: no-right, connection-lost, or what else a server says.
    """
    if found.first_difference is None:
        return found.source_highest + 1 if found.destination_highest > found.source_highest else None
    settings = Settings(until_id=found.until_id)
    sides = Side(source, settings), Side(destination, settings)
    here, there = (side.digest_rows(side.connections[0], [found.first_difference]) for side in sides)
    return min(id_ for id_ in here.keys() | there.keys() if here.get(id_) != there.get(id_))


def _fault(found: Agreement) -> str:
    if found.destination_highest > found.source_highest:
        return f"It has events up to {found.destination_highest:,}, the source only up to {found.source_highest:,}."
    if found.first_difference:
        return "Events {:,} to {:,} differ, or some of them are missing.".format(*found.first_difference)
    if found.until_id != found.source_events:
        return f"The ids up to {found.until_id:,} have gaps, or begin not at 1, on both sides."
    return ""
