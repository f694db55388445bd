"""What slate-replicate status tells of a destination's lag is the truth, to within one event and one second.

Every figure is held against what the test reads just before and just after; how long anything takes is no matter.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests import commands
from tests.links import COMMAND, Pair, open_pair
from tests.load import load
from tests.recovery import Connection
from tests.servers import Server

_TRUTH = """
SELECT (SELECT max(id) FROM events), pg_current_wal_lsn() - '0/0', extract(epoch FROM clock_timestamp())::float8,
       confirmed_flush_lsn - '0/0', restart_lsn - '0/0'
FROM pg_replication_slots WHERE slot_name = %s
"""
_TS = "SELECT extract(epoch FROM ts)::float8 FROM events WHERE id = %s"


@dataclass(frozen=True)
class Truth:
    """What both sides are at one moment. now: the source's clock, in seconds; wal, confirmed, restart: in bytes."""

    source_id: int
    wal: int
    now: float
    confirmed: int
    restart: int
    destination_id: int


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A destination that follows a source of twenty events."""
    with open_pair(server, backup_server, name) as pair:
        pair.add()
        yield pair


def truth(pair: Pair) -> Truth:
    """Read on both sides at once, as nearly as a test can."""
    destination_id = pair.highest()
    with pair.source() as source:
        row = source.execute(_TRUTH, pair.slots()).fetchone()
    assert row
    return Truth(row[0], int(row[1]), row[2], int(row[3]), int(row[4]), destination_id)


def ts(pair: Pair, event: int) -> float:
    """When the source stamped the event, by its clock, in seconds."""
    with pair.source() as source:
        row = source.execute(_TS, (event,)).fetchone()
    assert row
    return float(row[0])


def status(pair: Pair) -> dict[str, Any]:
    ended = commands.run(
        ["status", pair.source_address(), "--format", "json"], pair.destination_server.environment(), COMMAND
    )
    assert ended.stderr == ""
    (one,) = json.loads(ended.stdout)["destinations"]
    assert isinstance(one, dict)
    return one


@contextmanager
def held(pair: Pair) -> Iterator[Connection]:
    """The destination is connected and hears of everything, and can store none of it."""
    with pair.destination() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE events IN SHARE MODE")
        yield blocker


def check(pair: Pair, before: Truth, told: dict[str, Any], after: Truth) -> None:
    """Each figure lies between the truth before and the truth after."""
    assert before.destination_id <= told["highest_id"] <= after.destination_id
    assert before.source_id - told["highest_id"] <= told["lag_events"] <= after.source_id - told["highest_id"]
    assert max(0, before.wal - after.confirmed) <= told["lag_bytes"] <= after.wal - before.confirmed
    assert max(0, before.wal - after.restart) <= told["held_bytes"] <= after.wal - before.restart
    if told["lag_events"]:
        # The oldest event that it lacks has been there for so long.
        lacks = ts(pair, told["highest_id"] + 1)
        assert before.now - lacks - 1 <= told["lag_seconds"] <= after.now - lacks + 1
    else:
        assert told["lag_seconds"] == 0


def look(pair: Pair) -> dict[str, Any]:
    """What status tells, held against the truth."""
    before = truth(pair)
    told = status(pair)
    check(pair, before, told, truth(pair))
    return told


def test_a_destination_that_is_held_lags_by_the_events_that_were_stored_meanwhile(pair: Pair) -> None:
    pair.wait_for_event(pair.append(5))
    with held(pair):
        first = pair.append(7)
        told = look(pair)
        assert (told["state"], told["highest_id"], told["lag_events"]) == ("following", 25, 7)
        # The next ones do not make the oldest of them any younger.
        oldest = ts(pair, 26)
        wait_a_second(pair, oldest)
        pair.append(100)
        told = look(pair)
        assert told["lag_events"] == 107
        assert told["lag_seconds"] >= 1
        assert first == 32
    pair.wait_for_event(132)
    told = look(pair)
    assert (told["highest_id"], told["lag_events"], told["lag_seconds"]) == (132, 0, 0)


def wait_a_second(pair: Pair, since: float) -> None:
    """Until the source's clock is a second past the moment."""
    deadline = time.monotonic() + 30
    while truth(pair).now < since + 1:
        assert time.monotonic() < deadline


def test_a_switched_off_destination_lags_by_bytes_that_its_slot_holds(pair: Pair) -> None:
    with pair.destination() as destination:
        destination.execute(f"ALTER SUBSCRIPTION {pair.slots()[0]} DISABLE".encode())
    pair.append(1)
    small = look(pair)
    pair.append(5000)
    large = look(pair)
    assert (small["state"], small["lag_events"], large["lag_events"]) == ("disabled", 1, 5001)
    # 5,000 events of a hundred bytes and more each.
    assert large["lag_bytes"] - small["lag_bytes"] > 500_000
    assert large["held_bytes"] >= large["lag_bytes"]


def test_under_load_every_figure_lies_between_the_truth_before_and_after(pair: Pair) -> None:
    with load(pair.source_address(), seconds=3) as running:
        for part in (0.2, 0.4, 0.6, 0.8):
            running.wait_until(part)
            look(pair)
        with held(pair):
            running.wait_until(1)
            assert look(pair)["lag_events"] > 0
    with pair.source() as source:
        row = source.execute("SELECT max(id) FROM events").fetchone()
    assert row
    pair.wait_for_event(row[0])
    assert look(pair)["lag_events"] == 0
