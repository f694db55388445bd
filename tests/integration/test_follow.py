"""slate-replicate follow: what it brings, how soon, and how it ends."""

import os
import signal
from collections.abc import Iterator
from functools import partial

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.replication_follow import Pair, open_pair
from tests.servers import Server, wait_for


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    with open_pair(server, backup_server, name) as pair:
        yield pair


def test_once_brings_all_events_and_ends(pair: Pair) -> None:
    pair.append(10, transactions=3)
    assert pair.follow_once() == (
        f"{pair.destination_place} has the first 30 events of {pair.place}; 30 of them are new.\n"
    )
    assert pair.same_events()


def test_once_with_nothing_new_says_so(pair: Pair) -> None:
    pair.append(5)
    pair.follow_once()
    assert pair.follow_once() == (
        f"{pair.destination_place} has the first 5 events of {pair.place}; 0 of them are new.\n"
    )


def test_an_empty_source_is_followed(pair: Pair) -> None:
    assert "has the first 0 events" in pair.follow_once()
    with pair.following() as running:
        running.wait_until_it_follows()
        pair.wait_for(pair.append(3))
    assert pair.same_events()


def test_new_events_come_as_soon_as_the_source_tells_of_them(pair: Pair) -> None:
    with pair.following() as running, pair.connect_destination() as destination:
        running.wait_until_it_follows()

        def has(last: int) -> bool:
            return destination.execute("SELECT FROM events WHERE id = %s", (last,)).fetchone() is not None

        for _ in range(20):
            last = pair.append(2)
            # Well before it would look without being told, which is every five seconds.
            wait_for(partial(has, last), f"event {last}", seconds=4)
    assert pair.same_events()


def test_a_lost_notification_costs_some_seconds_alone(pair: Pair) -> None:
    with pair.following() as running:
        running.wait_until_it_follows()
        with pair.connect() as source:
            source.execute("ALTER TABLE events DISABLE TRIGGER notify_insert")
        pair.wait_for(pair.append(3))
    assert pair.same_events()


def test_ctrl_c_and_sigterm_end_it_as_interrupted(pair: Pair) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with pair.following() as running:
            running.wait_until_it_follows()
            os.kill(running.process.pid, number)
            assert running.end() == ExitStatus.INTERRUPTED
            assert not any("Traceback" in line or "error" in line for line in running.lines)
