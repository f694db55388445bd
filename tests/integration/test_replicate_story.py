"""The whole story: a source is loaded and dies, is recovered from its destination, and is followed again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands, recovery, servers
from tests.links import Pair, close
from tests.load import Load, load, summary
from tests.recovery import address
from tests.servers import Server, wait_for


@pytest.fixture
def source_server(server: Server, server_directory: Path, name: str) -> Iterator[Server]:
    """The source's own server, which will die."""
    running = servers.start(server_directory / f"{name}-dies", server.version)
    yield running
    if running.cluster.is_running():
        running.cluster.stop("immediate")


@pytest.fixture
def pair(source_server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A source made by init-slate-db, and a destination on a server of the other version, which add makes."""
    pair = Pair(source_server, backup_server, name)
    made = commands.run(["-n", name, "-t", "source"], source_server.environment())
    assert made.returncode == ExitStatus.DONE, made.stderr
    pair.add("--create")
    yield pair
    drop(backup_server, pair.copy)


def drop(server: Server, database: str) -> None:
    """Drops a database that may follow another."""
    if database in server.databases():
        close(Pair(server, server, database.removesuffix("_copy")))


def load_and_die(pair: Pair) -> Load:
    """Clients write; when the destination has it all, the source's server dies."""
    with load(pair.source_address(), seconds=2) as running:
        running.wait_until(0.9)
        wait_for(lambda: pair.highest() > 0, "the first events there")
    with pair.source() as source:
        last = source.execute("SELECT max(id) FROM events").fetchone()
    assert last
    pair.wait_for_event(last[0])
    pair.source_server.kill()
    return running


def check_followed(new: Pair, running: Load, events: int) -> None:
    """The new source holds what was acknowledged, takes new events, and the destination gets them."""
    with new.source() as source:
        running.check(source)
    assert new.append(1) == events + 1
    new.wait_for_event(events + 1)
    with new.source() as source, new.destination() as destination:
        assert summary(source) == summary(destination)
    verified = new.run("verify")
    assert verified.returncode == ExitStatus.DONE, verified.stderr
    assert verified.stdout.endswith("identical\n")


@pytest.mark.parametrize("method", ["restore-events", "copy"])
def test_a_recovered_source_is_followed_by_its_old_destination_and_by_a_new_one(
    pair: Pair, server: Server, method: str
) -> None:
    running = load_and_die(pair)
    events = pair.highest()
    backup = address(pair.destination_server, pair.copy)
    ended = recovery.run(
        ["--from", backup, "-d", pair.name, "--create", "--method", method, "--yes"], server.environment()
    )
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    old = Pair(server, pair.destination_server, pair.name)
    old.add()
    check_followed(old, running, events)
    new = Pair(server, server, pair.name)
    try:
        new.add("--create")
        assert len(new.slots()) == 2
        with new.source() as source, new.destination() as destination:
            assert summary(source) == summary(destination)
        assert new.run("verify").returncode == ExitStatus.DONE
    finally:
        for one in (new, old):
            assert one.run("remove", "--yes").returncode == ExitStatus.DONE
        server.drop(new.copy)


def test_a_promoted_destination_is_followed_by_a_new_one(pair: Pair, server: Server) -> None:
    running = load_and_die(pair)
    events = pair.highest()
    backup = address(pair.destination_server, pair.copy)
    promotion = ["--from", backup, "-d", pair.copy, "--method", "promote", "--yes"]
    early = recovery.run(promotion, pair.destination_server.environment())
    assert early.returncode == ExitStatus.REFUSED
    assert "subscription" in early.stderr
    quickly = ("--connect-timeout", "500")
    removed = wait_for(lambda: remove_lost_source(pair, *quickly), "the destination to notice")
    assert "Link" in removed
    ended = recovery.run(promotion, pair.destination_server.environment())
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    new = Pair(pair.destination_server, server, pair.copy)
    try:
        new.add("--create")
        check_followed(new, running, events)
        assert new.run("remove", "--yes").returncode == ExitStatus.DONE
    finally:
        server.drop(new.copy)


def remove_lost_source(pair: Pair, *more: str) -> str:
    """What remove says; nothing while it still takes the source for alive."""
    ended = pair.run("remove", "--lost", "source", "--yes", *more)
    return ended.stdout if ended.returncode == ExitStatus.DONE else ""
