"""Whatever becomes of a link, status says it with a state, a reason and exit status 3; doing what it says mends it."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands, servers
from tests.conftest import VERSIONS
from tests.links import COMMAND, Pair, open_pair
from tests.recovery import ONE_DIRECTION
from tests.servers import Server, wait_for
from tests.slate import create_database

OTHERS_EVENT = "INSERT INTO events VALUES (%s, '2000-01-01', '\"by hand\"')"
ACTIVE = "SELECT FROM pg_replication_slots WHERE active AND database = current_database()"


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A destination that follows a source of twenty events."""
    with open_pair(server, backup_server, name) as pair:
        pair.add()
        yield pair


def status(pair: Pair) -> dict[str, Any]:
    """What is told of the one destination; the exit status fits it."""
    environment = pair.destination_server.environment()
    ended = commands.run(["status", pair.source_address(), "--format", "json"], environment, COMMAND)
    assert ended.stderr == ""
    (one,) = json.loads(ended.stdout)["destinations"]
    assert isinstance(one, dict)
    assert ended.returncode == (ExitStatus.DONE if one["follows"] else ExitStatus.DIFFERENT)
    return one


def wait_for_state(pair: Pair, state: str) -> dict[str, Any]:
    """Until status says so, and twice in a row: what fails, tries again and again."""

    def twice() -> dict[str, Any]:
        first, second = status(pair), status(pair)
        return second if first["state"] == second["state"] == state else {}

    return wait_for(twice, state, seconds=60)


def store_by_hand(pair: Pair, *ids: int) -> None:
    """What nobody should do: past the guard."""
    with pair.destination() as destination:
        destination.execute("ALTER TABLE events DISABLE TRIGGER refuse_while_following")
        for event in ids:
            destination.execute(OTHERS_EVENT, (event,))
        destination.execute("ALTER TABLE events ENABLE TRIGGER refuse_while_following")


def hold_back(pair: Pair) -> None:
    """Switches the subscription off."""
    with pair.destination() as destination:
        destination.execute(f"ALTER SUBSCRIPTION {pair.slots()[0]} DISABLE".encode())
    with pair.source() as source:
        wait_for(lambda: not source.execute(ACTIVE).rowcount, "the end of the walsender")


def check_mended(pair: Pair) -> None:
    """All is well again."""
    pair.wait_for_event(pair.append())
    assert pair.same_events()
    assert wait_for_state(pair, "following")["reason"] == ""
    assert pair.run("verify").returncode == ExitStatus.DONE


@pytest.mark.parametrize("ids", [(21,), (23,), (40,), (21, 22, 40)], ids=["next", "in the batch", "ahead", "several"])
def test_events_stored_by_hand_are_named_and_the_command_that_is_told_removes_them(
    pair: Pair, ids: tuple[int, ...]
) -> None:
    store_by_hand(pair, *ids)
    pair.append(5)
    pair.append(15)
    told = wait_for_state(pair, "failing")
    # One look names those at the end of what is there.
    while not told["follows"]:
        (command,) = re.findall("psql there: (.*)", told["reason"])
        with pair.destination() as destination:
            destination.execute(command.encode())
        told = wait_for(partial(changed, pair, command), "another state")
    check_mended(pair)


def changed(pair: Pair, command: str) -> dict[str, Any]:
    """What is told once it is no longer that command, but another one or none is needed."""
    told = status(pair)
    return told if told["follows"] or ("psql there: " in told["reason"] and command not in told["reason"]) else {}


def test_the_very_event_of_the_source_stored_by_hand_is_in_the_way_until_add_goes_on_behind_it(pair: Pair) -> None:
    hold_back(pair)
    pair.append(3)
    with pair.source() as source, pair.destination() as destination:
        row = source.execute("SELECT id, ts, event::text FROM events WHERE id = 21").fetchone()
        destination.execute("ALTER TABLE events DISABLE TRIGGER refuse_while_following")
        destination.execute("INSERT INTO events VALUES (%s, %s, %s)", row)
        destination.execute("ALTER TABLE events ENABLE TRIGGER refuse_while_following")
        destination.execute(f"ALTER SUBSCRIPTION {pair.slots()[0]} ENABLE".encode())
    told = wait_for_state(pair, "failing")
    assert "is the source's own: slate-replicate remove, then add, go on behind it" in told["reason"]
    assert pair.run("remove", "--yes").returncode == ExitStatus.DONE
    pair.add()
    check_mended(pair)


def test_a_slot_dropped_by_hand_is_missed_and_made_again(pair: Pair) -> None:
    hold_back(pair)
    with pair.source() as source:
        source.execute("SELECT pg_drop_replication_slot(%s)", (pair.slots()[0],))
    pair.append(4)
    told = status(pair)
    assert told["state"] == "no slot"
    assert "slate-replicate add makes it again" in told["reason"]
    pair.add()
    check_mended(pair)


def test_a_subscription_dropped_by_hand_leaves_an_orphaned_slot_that_add_takes_back(pair: Pair) -> None:
    drop_subscription(pair)
    pair.append(4)
    told = status(pair)
    assert told["state"] == "orphaned slot"
    assert told["name"] == pair.slots()[0]
    assert "the destination has no subscription" in told["reason"]
    pair.add()
    check_mended(pair)


def drop_subscription(pair: Pair) -> None:
    (name,) = pair.slots()
    with pair.destination() as destination, pair.source() as source:
        for command in ("ALTER SUBSCRIPTION {} DISABLE", "ALTER SUBSCRIPTION {} SET (slot_name = NONE)"):
            destination.execute(command.format(name).encode())
        destination.execute(f"DROP SUBSCRIPTION {name}".encode())
        wait_for(lambda: not source.execute(ACTIVE).rowcount, "the end of the walsender")


def test_a_disabled_subscription_is_told_and_the_command_that_is_told_enables_it(pair: Pair) -> None:
    hold_back(pair)
    pair.append(4)
    told = status(pair)
    assert told["state"] == "disabled"
    with pair.destination() as destination:
        destination.execute(told["reason"].partition(": ")[2].encode())
    check_mended(pair)


def test_a_replaced_destination_leaves_an_orphaned_slot_that_remove_drops(pair: Pair) -> None:
    drop_subscription(pair)
    (name,) = pair.slots()
    create_database(pair.destination_server, pair.copy, "destination")
    told = status(pair)
    assert told["state"] == "orphaned slot"
    assert "there is another database in its place" in told["reason"]
    # The new one is another destination; the link of the old one is named.
    pair.add()
    assert len(pair.slots()) == 2
    ended = pair.run("remove", "--lost", "destination", "--yes", destination=name)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert name not in pair.slots()
    check_mended(pair)


@ONE_DIRECTION
def test_a_slot_of_another_program_is_told_and_left_alone(pair: Pair) -> None:
    with pair.source() as source:
        source.execute("SELECT pg_create_logical_replication_slot('others', 'test_decoding')")
    environment = pair.destination_server.environment()
    ended = commands.run(["status", pair.source_address(), "--format", "json"], environment, COMMAND)
    assert ended.returncode == ExitStatus.DIFFERENT
    found = {one["name"]: one for one in json.loads(ended.stdout)["destinations"]}
    assert found["others"]["state"] == "idle slot of another program"
    assert found["others"]["held_bytes"] > 0
    assert pair.run("remove", "--yes").returncode == ExitStatus.DONE
    assert pair.slots() == ["others"]


@ONE_DIRECTION
def test_an_orphan_of_ours_is_named_with_the_command_that_drops_it(pair: Pair) -> None:
    (name,) = pair.slots()
    drop_subscription(pair)
    with pair.source() as source:
        source.execute(f"DROP PUBLICATION {name}".encode())
    told = status(pair)
    assert told["state"] == "orphaned slot"
    with pair.source() as source:
        source.execute(told["reason"].partition(": ")[2].encode())
    assert pair.slots() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_slot_that_held_back_too_much_is_lost_and_add_begins_anew(
    server_directory: Path, version: int, backup_server: Server
) -> None:
    settings = "max_slot_wal_keep_size = 16MB\nmax_wal_size = 64MB\nmin_wal_size = 32MB"
    source_server = servers.start(server_directory / f"{version}-slot-lost", version, settings)
    try:
        with open_pair(source_server, backup_server, "slot_lost") as pair:
            pair.add()
            assert status(pair)["safe_bytes"] > 0
            hold_back(pair)
            lose_slot(pair)
            told = status(pair)
            assert told["state"] == "slot lost"
            assert "slate-replicate add begins anew" in told["reason"]
            pair.add()
            check_mended(pair)
    finally:
        source_server.cluster.stop("immediate")


def lose_slot(pair: Pair) -> None:
    """Writes log, in segments of 16 MB, until a checkpoint has removed what the slot needs."""
    with pair.source() as source:
        for _ in range(6):
            with suppress(psycopg.errors.ObjectNotInPrerequisiteState):
                source.execute("SELECT pg_switch_wal()")
            pair.append(1)
        source.execute("CHECKPOINT")
        lost = "SELECT FROM pg_replication_slots WHERE wal_status = 'lost'"
        wait_for(lambda: source.execute(lost).rowcount, "the slot to be lost")
