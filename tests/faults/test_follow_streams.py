"""slate-replicate follow, ended in the middle of the events that it passes on: the stream breaks, byte by byte."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from tests.proxy import Proxy
from tests.recovery import address
from tests.replication_follow import TRANSACTION, Pair, Service, Watcher, open_pair
from tests.servers import Server

# The events are some 4 MB on the network: a fuse that blows after this many bytes at most does so in most batches.
LONGEST = 600_000
BLOWN = 12


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    with open_pair(server, backup_server, name) as pair:
        yield pair


@dataclass
class Fuse:
    """Passes bytes on until so many have passed as were drawn; then does something, and draws again.

    After so many times it blows no more.
    """

    draw: random.Random
    blow: Callable[[], None]
    blown: int = 0
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.draw.randrange(LONGEST)

    def __call__(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left < 0 and self.blown < BLOWN:
            self.blown += 1
            self.left = self.draw.randrange(LONGEST)
            self.blow()
        return data


def cut() -> None:
    """Ends the connection that the bytes are passed on."""
    raise ConnectionResetError


@pytest.mark.parametrize("what", ["network to the source", "network to the destination", "us"])
def test_events_that_break_off_in_the_middle_are_stored_whole_or_not_at_all(pair: Pair, what: str) -> None:
    pair.append(TRANSACTION, transactions=3000)
    with ExitStack() as open_things:
        watcher = open_things.enter_context(Watcher(pair))
        fuse = Fuse(random.Random(what), cut)
        source = open_things.enter_context(
            Proxy(pair.server, rewrite=fuse if what != "network to the destination" else bytes)
        )
        destination = open_things.enter_context(
            Proxy(pair.destination_server, rewrite_back=fuse if what == "network to the destination" else bytes)
        )
        arguments = [
            address(pair.server, pair.name, port=source.port),
            address(pair.destination_server, pair.destination, port=destination.port),
        ]
        service = Service(pair, arguments)
        if what == "us":
            fuse.blow = service.kill
        open_things.enter_context(service)
        pair.wait_for(3000 * TRANSACTION, seconds=200)
    assert fuse.blown > 1
    assert pair.same_events()
    assert watcher.faults == []
