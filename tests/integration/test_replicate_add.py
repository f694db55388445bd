"""slate-replicate add: a destination follows a source; what speaks against it is refused before anything is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.embedded import SUPERUSER
from init_slate_db.core.errors import ExitStatus
from tests.links import COMMAND, Pair, open_pair
from tests.recovery import ONE_DIRECTION
from tests.servers import Server, wait_for
from tests.slate import create_database
from tests.terminal import terminal

USERS_INDEX = "CREATE INDEX users_own ON events ((event ->> 'value')) WHERE id > 5"


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A source of twenty events, and an empty destination on a server of the other version."""
    with open_pair(server, backup_server, name) as pair:
        yield pair


def test_an_empty_destination_gets_all_events_and_those_that_follow(pair: Pair) -> None:
    with pair.destination() as destination:
        destination.execute(USERS_INDEX)
        query = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'events'::regclass ORDER BY 1"
        before = destination.execute(query).fetchall()
    ended = pair.add()
    assert ended.stdout.startswith(
        f"{pair.destination_place} follows {pair.source_place}: 20 events copied, link slate_"
    )
    pair.wait_for_event(pair.append(3))
    assert pair.same_events()
    with pair.destination() as destination:
        assert destination.execute(query).fetchall() == before


def test_a_destination_with_the_first_events_gets_those_that_are_missing(pair: Pair) -> None:
    pair.add()
    assert pair.run("remove", "--yes").returncode == ExitStatus.DONE
    pair.append(7)
    ended = pair.add()
    assert ": 7 events copied" in ended.stdout
    pair.wait_for_event(pair.append())
    assert pair.same_events()


def test_a_second_add_finds_nothing_to_do(pair: Pair) -> None:
    pair.add()
    traces = pair.traces()
    again = pair.add()
    assert again.stdout.startswith(f"{pair.destination_place} follows {pair.source_place} already")
    assert pair.traces() == traces


def test_publication_slot_and_subscription_bear_one_name(pair: Pair) -> None:
    pair.add()
    (name,) = pair.slots()
    with pair.source() as source, pair.destination() as destination:
        published = source.execute(
            "SELECT pubname, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication"
        ).fetchall()
        subscribed = destination.execute(
            "SELECT subname, subslotname, subpublications, subenabled, subbinary FROM pg_subscription"
        ).fetchall()
    assert published == [(name, True, False, False, False, True)]
    assert subscribed == [(name, name, [name], True, True)]


@pytest.mark.parametrize(
    "command",
    [
        "INSERT INTO events VALUES (21, now(), '{}')",
        "UPDATE events SET ts = now()",
        "DELETE FROM events WHERE false",
        "TRUNCATE events",
        "COPY events FROM PROGRAM 'true'",
    ],
)
def test_a_destination_that_follows_refuses_other_writes(pair: Pair, command: str) -> None:
    pair.add()
    with pair.destination() as destination, pytest.raises(Exception, match="of a destination that follows") as caught:
        destination.execute(command.encode())
    assert getattr(caught.value, "sqlstate", "") == "SL005"
    pair.wait_for_event(pair.append())
    assert pair.same_events()


def test_the_destination_is_made_where_there_is_none(pair: Pair) -> None:
    pair.destination_server.drop(pair.copy)
    refused = pair.run("add", "--yes")
    assert refused.returncode == ExitStatus.FAILED
    assert "Add --create to have a destination made." in refused.stderr
    pair.add("--create")
    pair.wait_for_event(pair.append())
    assert pair.same_events()


@ONE_DIRECTION
def test_what_was_answered_is_not_asked_for_again_once_the_destination_is_made(pair: Pair, tmp_path: Path) -> None:
    pair.destination_server.drop(pair.copy)
    environment = pair.source_server.environment(HOME=str(tmp_path))
    del environment["PGUSER"], environment["PGPASSWORD"]
    places = (f"postgresql://{pair.source_place}", f"postgresql://{pair.destination_place}")
    with terminal(["add", *places, "--create", "--yes"], environment, COMMAND) as running:
        for role, server in (("source", pair.source_server), ("destination", pair.destination_server)):
            running.answer(f"Database User of the {role}:", SUPERUSER.encode() + b"\r")
            running.answer(f"Database Password of the {role}:", server.password.encode() + b"\r")
        assert running.end() == ExitStatus.DONE, running.screen()
    assert pair.same_events()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(pair: Pair) -> None:
    ended = pair.run("add", "--dry-run")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert "the destination is empty; the source has 20 events" in ended.stdout
    assert ended.stdout.endswith("Nothing was done: --dry-run.\n")
    assert pair.traces() == []


def test_without_consent_nothing_is_done(pair: Pair) -> None:
    ended = pair.run("add")
    assert ended.returncode == ExitStatus.REFUSED
    assert "Nothing was changed: nobody can be asked to agree to the plan here." in ended.stderr
    assert pair.traces() == []


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("INSERT INTO events SELECT 1, '2000-01-01', '{}'", "Events 1 to 1 differ"),
        ("INSERT INTO events SELECT i, now(), '{}' FROM generate_series(1, 30) AS i", "It has events up to 30"),
        ("INSERT INTO events SELECT 5, now(), '{}'", "Events 1 to 5 differ, or some of them are missing."),
    ],
    ids=["differs", "ahead", "gap"],
)
def test_a_destination_that_holds_other_events_is_refused(pair: Pair, script: str, fault: str) -> None:
    with pair.destination() as destination:
        destination.execute(script.encode())
    ended = pair.run("add", "--yes")
    assert ended.returncode == ExitStatus.REFUSED
    assert f"{pair.destination_place} does not hold the first events of {pair.source_place}." in ended.stderr
    assert fault in ended.stderr
    assert pair.traces() == []


def test_a_table_of_another_shape_is_refused(pair: Pair) -> None:
    with pair.source() as source:
        source.execute("ALTER TABLE events ADD COLUMN note text")
    ended = pair.run("add", "--yes")
    assert ended.returncode == ExitStatus.REFUSED
    assert f"There are further columns: note ({pair.source_place})." in ended.stderr
    assert pair.traces() == []


@ONE_DIRECTION
@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_database_without_events_is_refused_as_such(pair: Pair, side: str) -> None:
    ended = pair.run("add", "--yes", environment=None, **{side: pair.destination_address(dbname="postgres")})
    assert ended.returncode == ExitStatus.REFUSED
    place = f"127.0.0.1:{pair.destination_server.port}/postgres"
    cannot = {"source": "cannot be followed", "destination": "cannot follow"}[side]
    assert f"error: {place} {cannot}: it has no table public.events.\n" in ended.stderr
    assert pair.traces() == []


def test_a_destination_that_another_subscription_fills_is_refused(pair: Pair) -> None:
    with pair.destination() as destination:
        destination.execute("CREATE SUBSCRIPTION other CONNECTION 'host=/nowhere' PUBLICATION p WITH (connect = false)")
    ended = pair.run("add", "--yes")
    assert ended.returncode == ExitStatus.REFUSED
    assert 'subscription "other" fills it' in ended.stderr


@ONE_DIRECTION
def test_source_and_destination_are_not_to_be_mixed_up(pair: Pair) -> None:
    same = pair.run("add", "--yes", destination=pair.source_address())
    assert same.returncode == ExitStatus.REFUSED
    assert "it is a source itself" in same.stderr
    turned = pair.run("add", "--yes", source=pair.destination_address(), destination=pair.source_address())
    assert turned.returncode == ExitStatus.REFUSED
    assert pair.traces() == []


@ONE_DIRECTION
def test_the_way_from_the_destinations_server_is_tried_before_anything_is_done(pair: Pair) -> None:
    ended = pair.run("add", "--yes", "--source-server-host", "127.0.0.1:1")
    assert ended.returncode == ExitStatus.REFUSED
    assert "The destination's server does not get through to the source." in ended.stderr
    assert "--source-server-host" in ended.stderr
    assert pair.traces() == []


def test_a_source_that_was_set_aside_gives_its_destination_to_the_new_one(pair: Pair) -> None:
    """As slate-recover --replace leaves it: the slot belongs to the database that was renamed."""
    pair.add()
    (slot,) = pair.slots()
    aside = f"{pair.name}_aside"
    with pair.source_server.connect() as connection:
        connection.execute(f"ALTER DATABASE {pair.name} ALLOW_CONNECTIONS false".encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (pair.name,))
        alive = "SELECT FROM pg_stat_activity WHERE datname = %s"
        wait_for(lambda: not connection.execute(alive, (pair.name,)).rowcount, "the end of its sessions")
        connection.execute(f"ALTER DATABASE {pair.name} RENAME TO {aside}".encode())
    try:
        create_database(pair.source_server, pair.name, "source")
        with pair.destination() as destination, pair.source() as source:
            rows = destination.execute("SELECT id, ts, event::text FROM events ORDER BY id").fetchall()
            source.cursor().executemany("INSERT INTO events VALUES (%s, %s, %s)", rows)
            source.execute("UPDATE id SET id = 21")
        pair.add()
        assert pair.slots() == [slot]
        pair.wait_for_event(pair.append())
        assert pair.same_events()
    finally:
        pair.source_server.drop(aside)
