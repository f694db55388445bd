"""slate-replicate remove: both sides are let go, and the one that is left where the other is lost."""

from collections.abc import Iterator

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.links import COMMAND, Pair, open_pair
from tests.recovery import ONE_DIRECTION
from tests.servers import Server, wait_for
from tests.terminal import terminal

NOWHERE = "host=127.0.0.1 port=1 user=postgres dbname=events connect_timeout=1"


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A destination that follows a source of twenty events."""
    with open_pair(server, backup_server, name) as pair:
        pair.add()
        yield pair


def test_nothing_is_left_of_a_link_but_the_events(pair: Pair) -> None:
    ended = pair.run("remove", "--yes")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert "the destination keeps its events" in ended.stdout
    assert pair.traces() == []
    assert pair.highest() == 20
    with pair.destination() as destination:
        assert destination.execute("SELECT FROM pg_replication_origin").rowcount == 0
        destination.execute("INSERT INTO events VALUES (21, now(), '{}')")


def test_a_second_remove_finds_nothing(pair: Pair) -> None:
    assert pair.run("remove", "--yes").returncode == ExitStatus.DONE
    again = pair.run("remove")
    assert again.returncode == ExitStatus.DONE
    assert again.stdout == "There was nothing to remove.\n"


def test_without_consent_and_in_a_dry_run_nothing_is_done(pair: Pair) -> None:
    traces = pair.traces()
    assert pair.run("remove").returncode == ExitStatus.REFUSED
    planned = pair.run("remove", "--dry-run")
    assert planned.returncode == ExitStatus.DONE
    (name,) = pair.slots()
    for step in (f"drop subscription {name}", f"drop slot {name}", f"drop publication {name}"):
        assert step in planned.stdout
    assert pair.traces() == traces


@ONE_DIRECTION
def test_a_side_that_does_not_answer_is_not_taken_for_lost(pair: Pair) -> None:
    traces = pair.traces()
    quickly = ("remove", "--yes", "--connect-timeout", "500")
    for side, ended in (
        ("source", pair.run(*quickly, source=NOWHERE)),
        ("destination", pair.run(*quickly, destination=NOWHERE)),
    ):
        assert ended.returncode == ExitStatus.FAILED
        assert f"If it is gone for good: --lost {side}." in ended.stderr
    assert pair.traces() == traces


@ONE_DIRECTION
def test_a_side_that_is_alive_is_not_lost(pair: Pair) -> None:
    traces = pair.traces()
    for side in ("source", "destination"):
        ended = pair.run("remove", "--yes", "--lost", side)
        assert ended.returncode == ExitStatus.REFUSED, ended.stdout
        assert "It is not lost: leave --lost out, or stop it first." in ended.stderr
    assert pair.traces() == traces


def test_the_slot_of_a_lost_destination_goes(pair: Pair) -> None:
    with pair.destination_server.connect() as connection:
        connection.execute(f"ALTER DATABASE {pair.copy} ALLOW_CONNECTIONS false".encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (pair.copy,))
    try:
        with pair.source() as source:
            active = "SELECT FROM pg_replication_slots WHERE active AND database = current_database()"
            wait_for(lambda: not source.execute(active).rowcount, "the end of the walsender")
        ended = pair.run("remove", "--yes", "--lost", "destination")
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert pair.slots() == []
        with pair.source() as source:
            assert source.execute("SELECT FROM pg_publication").rowcount == 0
    finally:
        with pair.destination_server.connect() as connection:
            connection.execute(f"ALTER DATABASE {pair.copy} ALLOW_CONNECTIONS true".encode())


@ONE_DIRECTION
def test_a_lost_destination_that_the_source_does_not_know_is_named_with_those_that_it_knows(pair: Pair) -> None:
    ended = pair.run("remove", "--yes", "--lost", "destination", destination=NOWHERE)
    assert ended.returncode == ExitStatus.REFUSED
    assert "The source knows no destination 127.0.0.1:1/events." in ended.stderr
    (name,) = pair.slots()
    assert f"Links: {name} ({pair.destination_place})." in ended.stderr


@ONE_DIRECTION
def test_a_lost_destination_is_named_as_libpq_takes_addresses_and_nobody_is_asked(pair: Pair) -> None:
    port, database = pair.destination_server.port, pair.copy
    named = {
        f"postgresql://elsewhere:1,127.0.0.1:{port}/{database}": {},
        f"postgresql://elsewhere,127.0.0.1/{database}?port={port}": {},
        f"dbname={database}": {"PGHOST": "127.0.0.1", "PGPORT": str(port)},
    }
    for address, variables in named.items():
        environment = {name: value for name, value in pair.source_server.environment().items() if name != "PGUSER"}
        arguments = ["remove", pair.source_address(), address, "--lost", "destination", "--dry-run"]
        with terminal(arguments, environment | variables, COMMAND) as running:
            # It is found, and it is not lost.
            assert running.end() == ExitStatus.REFUSED, running.screen()
            assert f"destination {pair.destination_place} is lost; its link is " in running.output()
    unknown = pair.run("remove", "--yes", "--lost", "destination", destination="postgresql://one:1,two:2/events")
    assert unknown.returncode == ExitStatus.REFUSED
    assert "The source knows no destination one:1/events or two:2/events." in unknown.stderr


def test_the_destination_of_a_lost_source_is_let_go(pair: Pair) -> None:
    with pair.source_server.connect() as server, pair.destination() as destination:
        # As good as lost: nobody may connect, the worker neither.
        server.execute(f"ALTER DATABASE {pair.name} ALLOW_CONNECTIONS false".encode())
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (pair.name,))
        hears = "SELECT FROM pg_stat_subscription WHERE last_msg_receipt_time > now() - interval '1 minute'"
        wait_for(lambda: not destination.execute(hears).rowcount, "the worker's end")
        ended = pair.run("remove", "--yes", "--lost", "source", source=NOWHERE)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert destination.execute("SELECT FROM pg_subscription").rowcount == 0
        assert destination.execute("SELECT FROM pg_replication_origin").rowcount == 0
        destination.execute("INSERT INTO events VALUES (21, now(), '{}')")
        server.execute(f"ALTER DATABASE {pair.name} ALLOW_CONNECTIONS true".encode())
