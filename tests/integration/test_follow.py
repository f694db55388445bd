"""slate-replicate follow: what it brings, how soon, and how it ends."""

import os
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import servers
from tests.recovery import ONE_DIRECTION, fill_real
from tests.replication_follow import TRANSACTION, Pair, open_pair
from tests.servers import Server, wait_for
from tests.slate import create_database

Clusters = dict[tuple[int, str], Server]


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
    pair.append(7)
    for number in (signal.SIGINT, signal.SIGTERM):
        with pair.following() as running:
            running.wait_until_it_follows()
            os.kill(running.process.pid, number)
            assert running.end() == ExitStatus.INTERRUPTED
            assert running.lines[-1] == (
                "Interrupted: the destination has the events up to 7. The same command goes on from there."
            )
            assert not any("Traceback" in line or "error" in line for line in running.lines)


def test_timestamps_and_documents_arrive_exactly(pair: Pair) -> None:
    with pair.connect() as source:
        fill_real(source)
        source.execute("UPDATE id SET id = (SELECT max(id) + 1 FROM events)")
        source.execute("""
            SELECT append_events('[{"n": 1.0}, {"n": 1.00}, {"n": 12345678901234567890.12e-20}, null, "ä€😀", []]')
        """)
        row = source.execute("SELECT count(*) FROM events WHERE date_trunc('milliseconds', ts) <> ts").fetchone()
        assert row and row[0] > 0
    pair.follow_once()
    assert pair.same_events()


def test_a_backlog_is_stored_in_whole_transactions(pair: Pair) -> None:
    # Neither a batch of 1000 nor any later one ends where a transaction does; one is larger than a batch.
    pair.append(TRANSACTION, transactions=700)
    pair.append(5000)
    pair.append(TRANSACTION, transactions=1700)
    ended = pair.once("-v")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    ends = [int(end.replace(",", "")) for end in re.findall(r"^Stored events \S+ to (\S+) in", ended.stderr, re.M)]
    with pair.connect() as source:
        rows = source.execute("SELECT max(id) FROM events GROUP BY ts").fetchall()
    assert len(ends) >= 3
    assert set(ends) <= {last for (last,) in rows}
    assert pair.same_events()


@ONE_DIRECTION
def test_memory_does_not_grow_with_a_transaction(pair: Pair) -> None:
    peaks = []
    for events in (2_000, 200_000):
        pair.append(events)
        with pair.following() as running:
            running.wait_until_it_follows()
            status = Path(f"/proc/{running.process.pid}/status").read_text()
        peaks.append(int(status.partition("VmHWM:")[2].split()[0]))
    # The second one is of 25 MB on the network.
    assert peaks[1] < peaks[0] + 5_000, peaks
    assert pair.same_events()


def test_it_tells_how_far_it_is_then_is_quiet(pair: Pair) -> None:
    pair.append(10)
    with pair.following("--log-format", "json") as running:
        running.wait_until_it_follows()
        pair.wait_for(pair.append(10))
        told = running.fields()
    assert [one["message"] for one in told] == [
        f"Copying what {pair.place} has and {pair.destination_place} lacks.",
        f"{pair.destination_place} follows.",
    ]
    assert told[0]["source"] == pair.place and told[0]["destination"] == pair.destination_place
    assert told[1]["highest_id"] == 10


def test_each_batch_is_told_of_where_one_wants_to_know(pair: Pair) -> None:
    with pair.following("--log-format", "json", "-v") as running:
        running.wait_until_it_follows()
        pair.append(10)
        running.wait_for_line("Stored events 1 to 10")
        (told,) = [one for one in running.fields() if "first_id" in one]
    assert (told["level"], told["first_id"], told["last_id"]) == ("DEBUG", 1, 10)


def test_nobody_else_writes_to_a_destination_that_follows(pair: Pair) -> None:
    pair.append(3)
    with pair.following() as running:
        running.wait_until_it_follows()
        with pair.connect_destination() as connection, pytest.raises(psycopg.Error) as refused:
            connection.execute("INSERT INTO events VALUES (4, now(), '1')")
    assert refused.value.sqlstate == "SL005"
    with pair.connect_destination() as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute("DELETE FROM events")
    assert refused.value.sqlstate == "SL005"


def test_a_second_one_is_refused(pair: Pair) -> None:
    with pair.following() as running:
        running.wait_until_it_follows()
        ended = pair.once()
        assert ended.returncode == ExitStatus.REFUSED
        assert f"error: Another program fills {pair.destination_place}.\n" in ended.stderr
        pair.wait_for(pair.append(3))


def test_one_after_another_takes_over_at_once(pair: Pair) -> None:
    for _ in range(3):
        with pair.following() as running:
            running.wait_until_it_follows()
            pair.append(5)
            running.process.kill()
    pair.follow_once()
    assert pair.same_events()


def test_a_destination_follows_a_destination_by_looking(pair: Pair, clusters: Clusters) -> None:
    third = clusters[pair.server.version, "backup"]
    further = Pair(pair.destination_server, third, pair.destination, f"{pair.name}_third")
    create_database(third, further.destination, "destination")
    try:
        with pair.following() as first, further.following() as second:
            first.wait_until_it_follows()
            second.wait_for_line("tells nobody of new events; it is asked every 5 s.")
            further.wait_for(pair.append(5))
        assert further.same_events()
    finally:
        third.drop(further.destination)


@ONE_DIRECTION
@pytest.mark.parametrize("level", ["replica", "minimal"])
def test_wal_level_does_not_matter(
    server_directory: Path, server: Server, backup_server: Server, name: str, level: str
) -> None:
    settings = f"wal_level = {level}\nmax_wal_senders = 0\n"
    own = servers.start(server_directory / f"{name}-{level}", server.version, settings)
    try:
        with open_pair(own, backup_server, name) as pair, pair.following() as running:
            with pair.connect() as source:
                assert source.execute("SHOW wal_level").fetchone() == (level,)
            running.wait_until_it_follows()
            pair.wait_for(pair.append(20))
            assert pair.same_events()
    finally:
        own.cluster.stop("immediate")
