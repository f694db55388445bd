"""One question to the servers of both sides at once, its parts shared out among their connections."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

from init_slate_db.core.connection import Connection
from init_slate_db.core.digests.side import Side
from init_slate_db.core.parallel import in_parallel

Part = TypeVar("Part")
Key = TypeVar("Key")
Value = TypeVar("Value")
Question = Callable[[Side, Connection, Sequence[Part]], dict[Key, Value]]
Answer = tuple[Side, dict[Key, Value]]


def answers(
    question: Question[Part, Key, Value], pieces: Sequence[tuple[Side, Sequence[Sequence[Part]]]]
) -> Iterator[Answer[Key, Value]]:
    """Yields what each piece of each side is answered, as the answers come."""

    def ask(side: Side, piece: Sequence[Part]) -> Callable[[Connection], Answer[Key, Value]]:
        return lambda connection: (side, question(side, connection, piece))

    shares = [(side.connections, [ask(side, piece) for piece in of_side]) for side, of_side in pieces]
    with closing(in_parallel(*shares)) as results:
        yield from results


def ask_both(
    question: Question[Part, Key, Value], left: Side, right: Side, parts: Sequence[Part]
) -> tuple[dict[Key, Value], dict[Key, Value]]:
    """What each side answers to all of the parts."""
    merged: dict[int, dict[Key, Value]] = {id(left): {}, id(right): {}}
    for side, answer in answers(question, [(side, _share_out(parts, len(side.connections))) for side in (left, right)]):
        merged[id(side)] |= answer
    return merged[id(left)], merged[id(right)]


def _share_out(parts: Sequence[Part], shares: int) -> list[Sequence[Part]]:
    """The parts in as many runs, of nearly the same length; none is empty."""
    length = max(1, -(-len(parts) // shares))
    return [parts[start : start + length] for start in range(0, len(parts), length)]
