"""slate-replicate status and verify: what they tell of destinations, to people and to programs."""

import json
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from init_slate_db.core.embedded import SUPERUSER
from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.links import COMMAND, Pair, open_pair
from tests.proxy import Proxy
from tests.recovery import ONE_DIRECTION
from tests.servers import Server, wait_for
from tests.terminal import terminal


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A destination that follows a source of twenty events."""
    with open_pair(server, backup_server, name) as pair:
        pair.add()
        yield pair


@pytest.fixture
def nameless(server: Server, tmp_path: Path) -> dict[str, str]:
    """An environment that names neither user nor password."""
    environment = server.environment(HOME=str(tmp_path))
    del environment["PGUSER"], environment["PGPASSWORD"]
    return environment


def as_destination(pair: Pair) -> dict[str, str]:
    """An environment whose user and password lead to destinations; the source's address has its own."""
    return pair.destination_server.environment()


def status(pair: Pair, *more: str) -> "tuple[int, dict[str, Any]]":
    """Exit status, and what the JSON says."""
    arguments = ["status", pair.source_address(), "--format", "json", *more]
    ended = commands.run(arguments, as_destination(pair), COMMAND)
    assert ended.stderr == ""
    found: dict[str, Any] = json.loads(ended.stdout)
    return ended.returncode, found


def hold_back(pair: Pair) -> None:
    """Switches the subscription off."""
    with pair.destination() as destination:
        destination.execute(f"ALTER SUBSCRIPTION {pair.slots()[0]} DISABLE".encode())
    with pair.source() as source:
        active = "SELECT FROM pg_replication_slots WHERE active AND database = current_database()"
        wait_for(lambda: not source.execute(active).rowcount, "the end of the walsender")


def test_a_destination_that_follows_is_up_to_date(pair: Pair) -> None:
    pair.wait_for_event(pair.append())
    code, found = status(pair)
    assert code == ExitStatus.DONE
    assert found["source"] == pair.source_place
    assert found["highest_id"] == 21
    (one,) = found["destinations"]
    assert one["name"] == pair.slots()[0]
    assert one["place"] == pair.destination_place
    assert one["state"] == "following"
    assert one["follows"] is True
    assert (one["highest_id"], one["lag_events"], one["lag_seconds"]) == (21, 0, 0)
    assert one["held_bytes"] >= 0


def test_one_that_is_switched_off_is_told_with_what_it_lacks(pair: Pair) -> None:
    hold_back(pair)
    pair.append(30)
    code, found = status(pair)
    assert code == ExitStatus.DIFFERENT
    (one,) = found["destinations"]
    assert (one["state"], one["highest_id"], one["lag_events"]) == ("disabled", 20, 30)
    assert one["lag_seconds"] > 0
    assert one["lag_bytes"] > 0
    assert "ENABLE" in one["reason"]


@ONE_DIRECTION
@pytest.mark.parametrize(
    ("limit", "over"),
    [("30", False), ("29", True), ("1h", False), ("0s", True), ("1GB", False), ("1kB", True)],
)
def test_more_lag_than_allowed_is_told(pair: Pair, limit: str, over: bool) -> None:
    hold_back(pair)
    pair.append(30)
    code, found = status(pair, "--max-lag", limit)
    assert code == ExitStatus.DIFFERENT
    assert found["destinations"][0]["over_max_lag"] is over


@ONE_DIRECTION
def test_a_destination_that_cannot_be_asked_is_over_every_limit(pair: Pair) -> None:
    arguments = ["status", pair.source_address(), "--format", "json", "--max-lag", "1000"]
    environment = pair.source_server.environment(PGUSER="nobody", PGPASSWORD="wrong")
    ended = commands.run(arguments, environment, COMMAND)
    assert ended.returncode == ExitStatus.DIFFERENT
    (one,) = json.loads(ended.stdout)["destinations"]
    assert one["state"] == "following"
    assert one["lag_events"] is None
    assert "cannot be reached from here" in one["reason"]


def test_people_read_the_same(pair: Pair) -> None:
    pair.wait_for_event(pair.append())
    arguments = ["status", pair.source_address()]
    ended = commands.run(arguments, as_destination(pair), COMMAND)
    assert ended.returncode == ExitStatus.DONE
    first, empty, state, position, slot = ended.stdout.splitlines()
    assert first == f"source  {pair.source_place}   highest id 21"
    assert empty == ""
    assert state == f"following  {pair.destination_place}"
    assert position == "  highest id 21: up to date"
    assert slot.startswith(f"  slot {pair.slots()[0]}: ")


@ONE_DIRECTION
def test_watch_tells_again_until_it_is_interrupted(pair: Pair) -> None:
    arguments = ["status", pair.source_address(), "--watch", "0.1", "--format", "json"]
    process = commands.start(arguments, as_destination(pair), COMMAND)
    assert process.stdout
    try:
        assert json.loads(process.stdout.readline())["highest_id"] == 20
        last = pair.append()
        while json.loads(process.stdout.readline())["destinations"][0]["highest_id"] < last:
            pass
    finally:
        process.send_signal(2)
        process.communicate(timeout=30)
    assert process.returncode == ExitStatus.INTERRUPTED


@ONE_DIRECTION
def test_whoever_reads_a_pipe_is_not_a_look_behind(pair: Pair) -> None:
    arguments = ["status", pair.source_address(), "--watch", "86400", "--format", "json"]
    process = commands.start(arguments, as_destination(pair), COMMAND)
    assert process.stdout
    try:
        assert select.select([process.stdout], [], [], 30)[0]
        assert json.loads(process.stdout.readline())["highest_id"] == 20
    finally:
        process.send_signal(2)
        process.communicate(timeout=30)


@ONE_DIRECTION
@pytest.mark.parametrize("format_", ["text", "json"])
def test_watch_ends_when_nobody_reads_it_any_more(pair: Pair, format_: str) -> None:
    arguments = ["status", pair.source_address(), "--watch", "0.1", "--format", format_]
    process = commands.start(arguments, as_destination(pair), COMMAND)
    try:
        assert process.stdout and process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == ExitStatus.DONE
    finally:
        process.kill()
        process.wait(30)
    assert process.stderr and process.stderr.read() == ""
    process.stderr.close()


@ONE_DIRECTION
def test_what_was_answered_is_not_asked_for_again(pair: Pair, nameless: dict[str, str]) -> None:
    with Proxy(pair.source_server) as proxy:
        elsewhere = f"127.0.0.1:{pair.source_server.port}/postgres"
        source = f"host=127.0.0.1 port={proxy.port} dbname={pair.name}"
        arguments = ["status", source, f"postgresql://{elsewhere}", "--watch", "0.1"]
        with terminal(arguments, nameless, COMMAND) as running:
            # One after the other, the destination that was named before the one that the source knows.
            for role, server in (
                ("the source", pair.source_server),
                (f"destination {elsewhere}", pair.source_server),
                (f"destination {pair.destination_place}", pair.destination_server),
            ):
                running.answer(f"Database User of {role}:", SUPERUSER.encode() + b"\r")
                running.answer(f"Database Password of {role}:", server.password.encode() + b"\r")
            wait_for(lambda: proxy.connections > 5, "some looks")


@ONE_DIRECTION
def test_a_destination_that_cannot_be_reached_is_told_by_its_place(pair: Pair) -> None:
    for address in ("postgresql://127.0.0.1:1/elsewhere", "host=127.0.0.1 port=1 dbname=elsewhere"):
        code, found = status(pair, address, "--connect-timeout", "200", "--quiet")
        assert code == ExitStatus.DIFFERENT
        one = found["destinations"][1]
        assert (one["state"], one["place"]) == ("unknown", "127.0.0.1:1/elsewhere")


@ONE_DIRECTION
def test_a_source_that_nobody_follows_has_no_destination(pair: Pair) -> None:
    assert pair.run("remove", "--yes").returncode == ExitStatus.DONE
    ended = commands.run(["status", pair.source_address()], as_destination(pair), COMMAND)
    assert ended.returncode == ExitStatus.DONE
    assert ended.stdout.endswith("No destination follows it.\n")


def test_a_destination_of_the_same_events_is_verified(pair: Pair) -> None:
    pair.wait_for_event(pair.append(5000))
    hold_back(pair)
    pair.append(10)
    ended = pair.run("verify", "--format", "json")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    found = json.loads(ended.stdout)
    assert found["identical"] is True
    assert found["until_id"] == 5020
    assert found["source"]["highest_id"] == 5030
    assert found["source"]["digest"] == found["destination"]["digest"]


@ONE_DIRECTION
@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_database_without_events_is_not_verified(pair: Pair, side: str) -> None:
    ended = pair.run("verify", environment=None, **{side: pair.source_address(dbname="postgres")})
    assert ended.returncode == ExitStatus.REFUSED
    assert ended.stderr.startswith(f"error: The database at 127.0.0.1:{pair.source_server.port}/postgres is no event")


@ONE_DIRECTION
@pytest.mark.parametrize("policy", [False, True], ids=["no SELECT", "row security"])
def test_whoever_may_not_read_all_events_is_told_so_by_verify(pair: Pair, policy: bool) -> None:
    role = f"{pair.name}_stranger"
    with pair.destination() as destination:
        destination.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
        if policy:
            destination.execute(
                f"GRANT SELECT ON events TO {role}; ALTER TABLE events ENABLE ROW LEVEL SECURITY".encode()
            )
    try:
        ended = pair.run("verify", destination=pair.destination_address(user=role, password="x"))
    finally:
        with pair.destination() as destination:
            destination.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
    assert ended.returncode == ExitStatus.FAILED
    if policy:
        assert ended.stderr.startswith(f"error: The server refuses to say what {pair.destination_place} holds.\n")
    else:
        assert ended.stderr.startswith(f'error: The user "{role}" may not read the events of {pair.destination_place}.')


def test_one_changed_event_is_found(pair: Pair) -> None:
    pair.wait_for_event(pair.append(5000))
    with pair.destination() as destination:
        destination.execute("ALTER TABLE events DISABLE TRIGGER refuse_while_following")
        destination.execute("UPDATE events SET ts = ts + interval '1 microsecond' WHERE id = 4500")
    ended = pair.run("verify")
    assert ended.returncode == ExitStatus.DIFFERENT, ended.stderr
    assert "The first difference is among ids 4,097 to 5,020;" in ended.stdout
    assert ended.stdout.endswith("different\n")
    code = pair.run("verify", "--format", "json")
    assert code.returncode == ExitStatus.DIFFERENT
    assert json.loads(code.stdout)["first_difference"] == [4097, 5020]
