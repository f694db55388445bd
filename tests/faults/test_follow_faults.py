"""slate-replicate follow, while everything around it and it itself are killed, under a writer's load."""

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.effort import moments
from tests.recovery import address
from tests.replication_follow import TRANSACTION, Network, Pair, Service, Watcher, Writer, open_pair
from tests.servers import Server, wait_for

FAULTS = moments(15, 30)
# How many transactions pass at most from one fault to the next: some hit right after another, some in quiet following.
LONGEST_PAUSE = 120


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    with open_pair(server, backup_server, name) as pair:
        yield pair


class Story:
    """A destination that follows over networks that can be cut, and what may happen to it."""

    def __init__(self, pair: Pair, open_things: ExitStack) -> None:
        self.pair = pair
        self.networks = [
            open_things.enter_context(Network(server)) for server in (pair.server, pair.destination_server)
        ]
        arguments = [
            address(pair.server, pair.name, port=self.networks[0].port),
            address(pair.destination_server, pair.destination, port=self.networks[1].port),
        ]
        self.service = open_things.enter_context(Service(pair, arguments))
        self.faults: dict[str, Callable[[], None]] = {
            "us": self.service.kill,
            "source": partial(_crash, pair.server),
            "destination": partial(_crash, pair.destination_server),
            "network to the source": partial(_cut, self.networks[0]),
            "network to the destination": partial(_cut, self.networks[1]),
        }


def _cut(network: Network) -> None:
    network.cut()
    wait_for(lambda: network.refused, "an attempt to connect")
    network.mend()


def _crash(server: Server) -> None:
    server.kill()
    server.restart()


def _wait_for_transactions(writer: Writer, number: int) -> None:
    due = writer.transactions + number
    wait_for(lambda: writer.transactions >= due, f"{number} transactions")


def test_no_fault_leaves_a_gap_a_duplicate_or_half_a_transaction(pair: Pair) -> None:
    draw = random.Random(20261121)
    with ExitStack() as open_things, Watcher(pair) as watcher:
        pair.append(TRANSACTION, transactions=1500)
        story = Story(pair, open_things)
        with Writer(pair) as writer:
            kinds = list(story.faults) * (FAULTS // len(story.faults))
            draw.shuffle(kinds)
            for kind in kinds:
                _wait_for_transactions(writer, draw.randrange(LONGEST_PAUSE))
                story.faults[kind]()
        with pair.connect() as source:
            row = source.execute("SELECT max(id) FROM events").fetchone()
        assert row
        pair.wait_for(row[0])
    assert pair.same_events()
    assert watcher.faults == []
    assert watcher.looks > FAULTS
    # What a fault ended is a loss at the first connection: all others are waited out.
    assert set(story.service.statuses) <= {-signal.SIGKILL, ExitStatus.FAILED}, story.service.lines
