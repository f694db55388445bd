"""What slate-replicate says and does where a destination is set up, and not all is well with it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands, servers
from tests.links import COMMAND, Pair, open_pair
from tests.recovery import ONE_DIRECTION
from tests.servers import Server, wait_for

pytestmark = ONE_DIRECTION

ONE_WORKER = "wal_level = logical\nmax_logical_replication_workers = 1\n"
NO_TRIGGERS = """
CREATE FUNCTION no_triggers() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no triggers here''; END';
CREATE EVENT TRIGGER no_triggers ON ddl_command_start WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION no_triggers()
"""
# The sessions of add alone, none of the server's own that replicate.
END_ADD = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'slate-replicate' AND backend_type = 'client backend'
"""
ADD_ASKS = """
SELECT query_start FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slate-replicate'
AND backend_type = 'client backend' AND query ~ 'pg_replication_slots'
"""
# For longer than any limit.
WAITS_LONG = """
SELECT FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'slate-replicate' AND wait_event_type = 'Lock'
  AND clock_timestamp() - query_start > interval '2s'
"""
UNGUARD = ["DROP TRIGGER refuse_while_following ON events", "ALTER TABLE events DISABLE TRIGGER refuse_while_following"]


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A destination that follows a source of twenty events."""
    with open_pair(server, backup_server, name) as pair:
        pair.add()
        yield pair


@pytest.fixture
def busy(server: Server, server_directory: Path) -> Iterator[Server]:
    """A server that can follow one source, and no second."""
    busy = servers.start(server_directory / "busy", server.version, ONE_WORKER)
    yield busy
    busy.cluster.stop("immediate")


def hold_back(pair: Pair) -> None:
    """Switches the subscription off."""
    with pair.destination() as destination:
        destination.execute(f"ALTER SUBSCRIPTION {pair.slots()[0]} DISABLE".encode())
    with pair.source() as source:
        active = "SELECT FROM pg_replication_slots WHERE active AND database = current_database()"
        wait_for(lambda: not source.execute(active).rowcount, "the end of the walsender")


def status(pair: Pair, *more: str) -> "tuple[int, dict[str, Any]]":
    """Exit status, and what is said of the one destination."""
    arguments = ["status", pair.source_address(), "--format", "json", *more]
    ended = commands.run(arguments, pair.destination_server.environment(), COMMAND)
    (one,) = json.loads(ended.stdout)["destinations"]
    return ended.returncode, one


@pytest.mark.parametrize("unguard", UNGUARD, ids=["dropped", "disabled"])
def test_a_guard_that_somebody_took_away_is_missed_and_brought_back(pair: Pair, unguard: str) -> None:
    with pair.destination() as destination:
        destination.execute(unguard.encode())
    assert status(pair)[1]["refuses_writes"] is False
    told = commands.run(["status", pair.source_address()], pair.destination_server.environment(), COMMAND)
    assert "others may write there, too; slate-replicate add ends that" in told.stdout
    planned = pair.run("add", "--dry-run")
    assert "let nobody else write to the destination" in planned.stderr + planned.stdout
    assert status(pair)[1]["refuses_writes"] is False
    pair.add()
    assert status(pair)[1]["refuses_writes"] is True
    with pair.destination() as destination, pytest.raises(psycopg.Error) as refused:
        destination.execute("INSERT INTO events VALUES (21, now(), '{}')")
    assert refused.value.sqlstate == "SL005"
    pair.wait_for_event(pair.append())
    assert pair.same_events()


def test_a_destination_that_holds_more_than_the_source_is_not_up_to_date(pair: Pair) -> None:
    with pair.destination() as destination:
        destination.execute(UNGUARD[1].encode())
        destination.execute("INSERT INTO events VALUES (21, now(), '{}'), (22, now(), '{}')")
    code, one = status(pair, "--max-lag", "1000")
    assert code == ExitStatus.DIFFERENT
    assert (one["state"], one["highest_id"], one["lag_events"], one["follows"]) == (
        "ahead of the source",
        22,
        None,
        False,
    )
    assert "events 21 to 22 there are not the source's" in one["reason"]


def test_add_does_not_say_that_a_destination_follows_before_it_does(server: Server, busy: Server, name: str) -> None:
    with open_pair(server, busy, name) as first, open_pair(server, busy, f"{name}_second") as second:
        first.add()
        ended = second.run("add", "--yes")
        assert ended.returncode == ExitStatus.FAILED
        assert ended.stdout == ""
        assert "is set up to follow" in ended.stderr
        assert "max_logical_replication_workers are busy" in ended.stderr
        assert status(second)[1]["state"] == "not connected"
        assert first.run("remove", "--yes").returncode == ExitStatus.DONE
        second.add()
        second.wait_for_event(second.append())
        assert second.same_events()


def test_add_does_not_call_a_destination_unconnected_whose_source_it_cannot_ask_any_more(
    server: Server, busy: Server, name: str
) -> None:
    with open_pair(server, busy, name) as first, open_pair(server, busy, f"{name}_second") as second:
        first.add()
        words = ["add", second.source_address(), second.destination_address(), "--yes"]
        process = commands.start(words, server.environment(), COMMAND)
        with second.destination() as destination, second.source() as source:
            subscribed = "SELECT FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = %s)"
            wait_for(lambda: destination.execute(subscribed, (second.copy,)).rowcount, "the subscription")
            asked = set()

            def asks_again() -> bool:
                asked.update(source.execute(ADD_ASKS).fetchall())
                return len(asked) > 2

            wait_for(asks_again, "add to look who is connected")
            source.execute(END_ADD)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == ExitStatus.FAILED
        assert output == ""
        assert "has not connected" not in errors
        assert "warning: What stands: the destination follows, as soon as it has connected.\n" in errors
        assert "error: The connection to the server was lost when it was to say who is connected.\n" in errors


@pytest.mark.parametrize("is_off", [True, False], ids=["switched off", "following"])
def test_a_guard_that_cannot_be_made_leaves_nothing_and_what_stands_is_told(pair: Pair, is_off: bool) -> None:
    if is_off:
        hold_back(pair)
    with pair.destination() as destination:
        destination.execute("DROP TRIGGER refuse_while_following ON events; DROP FUNCTION refuse_while_following")
        destination.execute(NO_TRIGGERS)
        ended = pair.run("add", "--yes")
        assert ended.returncode == ExitStatus.FAILED
        assert "no triggers here" in ended.stderr
        stands = "or does not follow yet" if is_off else "follows, and lets others write, too"
        assert re.search(f"What stands: .* {stands}\\.", ended.stderr), ended.stderr
        assert destination.execute("SELECT FROM pg_proc WHERE proname = 'refuse_while_following'").rowcount == 0
        enabled = "SELECT subenabled FROM pg_subscription WHERE subname = %s"
        assert destination.execute(enabled, pair.slots()).fetchone() == (not is_off,)
        destination.execute("DROP EVENT TRIGGER no_triggers")
    pair.add()
    pair.wait_for_event(pair.append())
    assert pair.same_events()


@pytest.mark.parametrize("limit", ["statement_timeout", "idle_session_timeout"])
@pytest.mark.parametrize(("verb", "blocked"), [("add", "source"), ("add", "destination"), ("remove", "destination")])
def test_limits_that_are_meant_for_other_clients_end_no_long_work(
    server: Server, backup_server: Server, name: str, *, verb: str, blocked: str, limit: str
) -> None:
    with open_pair(server, backup_server, name) as pair:
        if verb == "remove":
            pair.add()
        connect = pair.source if blocked == "source" else pair.destination
        with connect() as blocker, connect() as observer:
            for one, database in ((server, pair.name), (backup_server, pair.copy)):
                with one.connect() as connection:
                    connection.execute(f"ALTER DATABASE {database} SET {limit} = '1s'".encode())
            with blocker.transaction():
                # Beside this lock no publication is made, no event copied, and no trigger dropped.
                blocker.execute("LOCK TABLE events IN SHARE UPDATE EXCLUSIVE MODE")
                words = [verb, pair.source_address(), pair.destination_address(), "--yes"]
                process = commands.start(words, server.environment(), COMMAND)
                wait_for(lambda: process.poll() is not None or observer.execute(WAITS_LONG).rowcount, "a long wait")
            output, errors = process.communicate(timeout=60)
        assert process.returncode == ExitStatus.DONE, output + errors


def test_failover_slots_need_versions_that_have_them(server: Server, backup_server: Server, name: str) -> None:
    with open_pair(server, backup_server, name) as pair:
        ended = pair.run("add", "--failover", "--yes")
        old = [one.version for one in (server, backup_server) if one.version < 17]
        if not old:
            assert ended.returncode == ExitStatus.DONE
            return
        assert ended.returncode == ExitStatus.REFUSED
        for version in old:
            assert f"its server is PostgreSQL {version}, and " in ended.stderr
        assert pair.traces() == []


OWN = "INSERT INTO events SELECT i, now(), jsonb_build_object('lost', i) FROM generate_series(19, 25) AS i"


@pytest.mark.parametrize("linked", [False, True], ids=["no link", "an earlier link"])
def test_a_destination_that_is_ahead_is_set_back_and_what_it_had_is_kept(
    server: Server, backup_server: Server, name: str, tmp_path: Path, linked: bool
) -> None:
    with open_pair(server, backup_server, name) as pair:
        pair.add()
        pair.wait_for_event(20)
        if linked:
            hold_back(pair)
        else:
            assert pair.run("remove", "--yes").returncode == ExitStatus.DONE
        with pair.destination() as destination:
            destination.execute("SET session_replication_role = replica")
            destination.execute("DELETE FROM events WHERE id > 18")
            destination.execute(OWN)
        pair.append(3)
        file = tmp_path / "ahead"
        if not linked:
            refused = pair.run("add", "--yes")
            assert refused.returncode == ExitStatus.REFUSED
            assert "--set-back FILE" in refused.stderr
        planned = pair.run("add", "--dry-run", "--set-back", str(file))
        assert planned.returncode == ExitStatus.DONE, planned.stderr
        step = f'write events 19 to 25 of the destination to "{file}", and delete them there'
        assert step in planned.stdout
        assert not file.exists()
        pair.add("--set-back", str(file))
        lines = [line.split("\t") for line in file.read_text().splitlines()]
        assert [(int(line[0]), json.loads(line[2])) for line in lines] == [(i, {"lost": i}) for i in range(19, 26)]
        assert file.stat().st_mode & 0o777 == 0o600
        pair.wait_for_event(pair.append())
        assert pair.same_events()
        assert status(pair)[1]["refuses_writes"] is True


def test_a_destination_with_another_history_altogether_is_not_set_back(
    server: Server, backup_server: Server, name: str, tmp_path: Path
) -> None:
    with open_pair(server, backup_server, name) as pair:
        with pair.destination() as destination:
            destination.execute("INSERT INTO events VALUES (1, now(), '{}')")
        file = tmp_path / "ahead"
        ended = pair.run("add", "--yes", "--set-back", str(file))
        assert ended.returncode == ExitStatus.REFUSED
        assert not file.exists()
        file.write_text("taken")
        ended = pair.run("add", "--yes", "--set-back", str(file))
        assert ended.returncode == ExitStatus.BAD_OPTIONS
        assert "is there already; name a new file" in ended.stderr
        assert file.read_text() == "taken"


def test_what_stops_an_add_that_sets_back_leaves_events_and_no_file(
    server: Server, backup_server: Server, name: str, tmp_path: Path
) -> None:
    with open_pair(server, backup_server, name) as pair:
        with pair.destination() as destination:
            destination.execute("INSERT INTO events VALUES (1, now(), '{}')")
            with pair.source() as source:
                (event,) = source.execute("SELECT id, ts, event::text FROM events WHERE id = 1").fetchall()
            destination.execute("UPDATE events SET ts = %s, event = %s::jsonb", event[1:])
            destination.execute("INSERT INTO events VALUES (2, now(), '{}')")
            destination.execute("ALTER TABLE events ADD CONSTRAINT few CHECK (id < 15) NOT VALID")
        file = tmp_path / "ahead"
        ended = pair.run("add", "--yes", "--set-back", str(file))
        assert ended.returncode == ExitStatus.FAILED, ended.stderr
        assert not file.exists()
        assert pair.highest() == 2
