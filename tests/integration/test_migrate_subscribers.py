"""slate-schema migrate on a source with two subscribers: each gets a patch in its turn, also when one is down."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.publishing import APPEND, COLUMNS, Publishing, publishing
from tests.servers import Server

ADD = "ALTER TABLE events ADD COLUMN origin text DEFAULT 'here'"
DROP = "ALTER TABLE events DROP COLUMN origin"
NEW = [("event",), ("id",), ("origin",), ("ts",)]
OLD = [("event",), ("id",), ("ts",)]


@pytest.fixture
def three(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Publishing]:
    """A source with two events, and two destinations that have them."""
    with publishing((server, backup_server, backup_server), name, tmp_path) as three:
        yield three


def times(nodes: Publishing, minor: int) -> list[float]:
    """When the patch 1-MINOR-0 was complete on each node, in seconds."""
    query = f"SELECT extract(epoch FROM ended_at) FROM slate.patch WHERE minor = {minor}"
    return [answer[0][0] for answer in nodes.ask_all(query)]


def test_what_is_added_comes_to_both_subscribers_first_and_what_is_removed_last(three: Publishing) -> None:
    three.write(p1_0_0_std=ADD)
    three.migrate()
    three.append()
    assert three.ask_all(COLUMNS) == [NEW] * 3
    rows = "SELECT id, ts, event, origin FROM events ORDER BY id"
    assert three.ask(rows) == three.ask(rows, 1) == three.ask(rows, 2)
    source, *others = times(three, 0)
    assert max(others) < source
    three.write(p1_1_0_std=DROP)
    three.migrate()
    three.append()
    assert three.ask_all(COLUMNS) == [OLD] * 3
    assert three.ledgers() == [["1-0-0", "1-1-0"]] * 3
    source, *others = times(three, 1)
    assert source < min(others)


def test_a_subscriber_that_is_down_keeps_the_others_from_being_changed(three: Publishing) -> None:
    three.write(p1_0_0_std=ADD, p2_0_0_direct="CREATE TABLE t ()")
    with out_of_reach(three, 2):
        status, _, told = three.run("migrate", "--yes", "--connect-timeout", "500")
        assert status == ExitStatus.FAILED
        assert f"{three.names[2]}" in told
    assert three.ledgers() == [[], [], []]
    assert three.ask_all(COLUMNS) == [OLD] * 3
    three.migrate("--all")
    three.append()
    assert three.ledgers() == [["1-0-0", "2-0-0"]] * 3


@contextmanager
def out_of_reach(nodes: Publishing, number: int) -> Iterator[None]:
    """Nobody can connect to the node, as long as the block runs."""
    command = f"ALTER DATABASE {nodes.names[number]} ALLOW_CONNECTIONS "
    with nodes.servers[number].connect() as connection:
        connection.execute(f"{command} false".encode())
        try:
            yield
        finally:
            connection.execute(f"{command} true".encode())


def test_a_subscriber_that_fails_behind_another_is_told_node_by_node_and_the_next_run_completes(
    three: Publishing,
) -> None:
    with holding_events(three, 2):
        three.write(p1_0_0_std=ADD)
        # Trying the patch on that node takes the lock before anything is changed.
        status, told, log = three.run("migrate", "--yes", "--lock-timeout", "100", "--lock-tries", "2")
        assert status == ExitStatus.FAILED
        assert f"No lock was had on {three.place(2)} to try patch 1-0-0" in log
    assert three.ask_all(COLUMNS) == [OLD] * 3
    for number in three.numbers:
        three.ask("CREATE SEQUENCE tries", number)
    # On the second subscriber it fails when it is applied, behind the try that takes the first number.
    last = f"current_database() = '{three.names[2]}'"
    fails = f"DO $$ BEGIN IF nextval('tries') = 2 AND {last} THEN RAISE 'the second time'; END IF; END $$"
    three.write(p1_0_0_std=f"{ADD}; {fails}")
    status, told, log = three.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert f"Patch 1-0-0 failed on {three.place(2)}: the second time" in log
    assert told == (
        "Patch 1-0-0 std:\n"
        f"  {three.place(0)}: not applied\n  {three.place(1)}: applied\n  {three.place(2)}: not applied\n"
    )
    assert three.ask_all(COLUMNS) == [OLD, NEW, OLD]
    three.append()
    three.migrate()
    three.append()
    assert three.ask_all(COLUMNS) == [NEW] * 3
    assert three.ledgers() == [["1-0-0"]] * 3


@contextmanager
def holding_events(nodes: Publishing, number: int) -> Iterator[None]:
    """A transaction on the node that has read its events."""
    with nodes.servers[number].connect(nodes.names[number]) as holder, holder.transaction():
        holder.execute("SELECT FROM events")
        yield


def test_a_subscriber_that_receives_nothing_is_told_and_gets_what_is_removed_with_the_next_run(
    three: Publishing,
) -> None:
    three.write(p1_0_0_std=ADD)
    three.migrate()
    three.stop_following(1)
    three.ask(APPEND)
    three.write(p1_1_0_std=DROP)
    status, told, log = three.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert f"{three.place(1)} has not received yet what was sent before." in log
    assert told == (
        f"Patch 1-1-0 std:\n  {three.place(0)}: applied\n  {three.place(1)}: not applied\n  {three.place(2)}: applied\n"
    )
    assert three.ask_all(COLUMNS) == [OLD, NEW, OLD]
    three.follow_again(1)
    three.migrate()
    three.append()
    assert three.ask_all(COLUMNS) == [OLD] * 3
    assert three.ledgers() == [["1-0-0", "1-1-0"]] * 3
