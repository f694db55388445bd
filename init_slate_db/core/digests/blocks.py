"""Digests of events tables, block by block.

A block is 4096 ids: block n has those from n * 4096 + 1 to (n + 1) * 4096. What is digested, each time with SHA-256:

- an event: its id (8 bytes, big-endian), its ts (8 bytes, big-endian, microseconds since 2000-01-01 00:00 UTC), the
  byte 1, and its JSON document as PostgreSQL writes it for jsonb, in UTF-8: what int8send(id) || timestamptz_send(ts)
  || jsonb_send(event) gives where client_encoding is UTF8;
- a block: the digests of its events, in the order of their ids (of equal ids, in that of the digests);
- the table: the digests of the blocks that hold any event, in their order.

So the same events have the same digest, whatever server they are on, and however many connections read them. The one
exception: a database that is not UTF8 may order the keys of a document in another way, if they are not ASCII.
"""

from collections.abc import Callable, Mapping, Sequence

from init_slate_db.core.connection import Connection
from init_slate_db.core.digests.questions import answers
from init_slate_db.core.digests.settings import LARGEST_ID, SMALLEST_ID, Settings
from init_slate_db.core.digests.side import Range, RangeDigest, Side

BLOCK_SIZE = 4096

# One question's share: at 65,536 events answered in about 0.15 s, which keeps all connections busy to the end.
_BLOCKS_A_PIECE = 16
# Looking for a block that is not there costs about as much as reading a page. More of them than this and there are
# holes in the ids, which one pass over the whole table passes over faster.
_BLOCKS_AT_LEAST = 1000
# For an estimate alone: events of 361 bytes.
_EVENTS_A_PAGE = 20

Blocks = dict[int, RangeDigest]


def block_of(id_: int) -> int:
    """The number of the block that the id is in."""
    return (id_ - 1) // BLOCK_SIZE


def block_range(number: int, until_id: int = LARGEST_ID) -> Range:
    """The ids of a block, as far as they are bigints and not beyond until_id."""
    return Range(max(number * BLOCK_SIZE + 1, SMALLEST_ID), min((number + 1) * BLOCK_SIZE, until_id))


def digest_blocks(sides: Sequence[Side], settings: Settings, advanced: Callable[[int], None]) -> list[Blocks]:
    """The digests of all blocks that hold any event, for each side. Connects the sides as often as is of use.

    :param advanced: is told how many events, of all sides, were digested since the last call.
    """
    pieces = [_pieces(side, settings) for side in sides]
    found: dict[int, Blocks] = {id(side): {} for side in sides}
    for side, of_side in zip(sides, pieces, strict=True):
        side.connect(min(settings.jobs, max(1, len(of_side))))

    def digest(side: Side, connection: Connection, piece: Sequence[Range]) -> Blocks:
        if not _is_enumerable(side):
            return side.digest_all(connection, settings.until_id)
        digests = side.digest_ranges(connection, piece)
        return {block_of(part.highest): digest for part, digest in digests.items()}

    for side, blocks in answers(digest, list(zip(sides, pieces, strict=True))):
        found[id(side)] |= blocks
        advanced(count_events(blocks))
    return [found[id(side)] for side in sides]


def differing_blocks(left: Blocks, right: Blocks, until_id: int) -> list[Range]:
    """The ids of the blocks that differ, from the lowest on."""
    return [
        block_range(number, until_id)
        for number in sorted(left.keys() | right.keys())
        if left.get(number) != right.get(number)
    ]


def expected_events(side: Side) -> int:
    """About how many events the side holds, without counting them."""
    survey = side.survey
    if survey.lowest_id is None or survey.highest_id is None:
        return 0
    span = survey.highest_id - survey.lowest_id + 1
    return span if _is_enumerable(side) else min(span, survey.pages * _EVENTS_A_PAGE)


def _pieces(side: Side, settings: Settings) -> list[list[Range]]:
    """The blocks of a side in questions; of a side that is asked for all at once, one question."""
    survey = side.survey
    if survey.lowest_id is None or survey.highest_id is None:
        return []
    if not _is_enumerable(side):
        return [[Range(survey.lowest_id, survey.highest_id)]]
    blocks = range(block_of(survey.lowest_id), block_of(survey.highest_id) + 1)
    return [
        [block_range(number, settings.until_id) for number in blocks[start : start + _BLOCKS_A_PIECE]]
        for start in range(0, len(blocks), _BLOCKS_A_PIECE)
    ]


def _is_enumerable(side: Side) -> bool:
    """Whether the blocks can be asked for one by one."""
    survey = side.survey
    if not survey.indexed or survey.lowest_id is None or survey.highest_id is None:
        return False
    return block_of(survey.highest_id) - block_of(survey.lowest_id) < _BLOCKS_AT_LEAST + survey.pages


def count_events(blocks: Mapping[int, RangeDigest]) -> int:
    return sum(block.events for block in blocks.values())
