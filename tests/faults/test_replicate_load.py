"""Destinations under load, with servers killed, the network cut and the source failed over: what was promised holds.

The promises are written down in docs/replication.md, setup by setup.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from init_slate_db.core.errors import ExitStatus
from tests import commands, recovery, servers
from tests.conftest import VERSIONS
from tests.links import COMMAND
from tests.load import Load, load, summary
from tests.proxy import Proxy
from tests.recovery import Connection
from tests.servers import Server, start_standby, wait_for
from tests.slate import create_database

# A minute or more shows more; make test keeps it short.
SECONDS = float(os.environ.get("SLATE_LOAD_SECONDS", "10"))
DATABASE = "loaded"
# What is cut off is noticed within seconds, and tried again at once.
SETTINGS = """
log_statement = none
wal_retrieve_retry_interval = 200ms
wal_receiver_timeout = 3s
wal_sender_timeout = 3s
"""


@dataclass(frozen=True)
class Site:
    """A source that is a primary and a standby, and its destinations."""

    primary: Server
    standby: Server
    destinations: tuple[Server, ...]

    @property
    def dsn(self) -> str:
        """Of the source: both hosts, and whichever can be written to."""
        return make_conninfo(**self.primary.parameters(DATABASE, **both_hosts(self.primary.port, self.standby.port)))

    def run(self, verb: str, destination: Server, *more: str) -> "tuple[int, str]":
        """Exit status, and what was said."""
        arguments = [verb, self.dsn, make_conninfo(**destination.parameters(DATABASE)), *more]
        ended = commands.run(arguments, self.primary.environment(), COMMAND)
        return ended.returncode, ended.stdout + ended.stderr

    def add(self, destination: Server, *more: str) -> None:
        code, said = self.run("add", destination, "--yes", *more)
        assert code == ExitStatus.DONE, said

    def add_again(self, destination: Server, running: Load, file: Path, *more: str) -> None:
        """After a failover to a synchronous standby. Where the destination is ahead of that, it is of what nobody was
        told."""
        code, said = self.run("add", destination, "--yes", *more)
        if code == ExitStatus.REFUSED and "does not hold the first events" in said:
            self.add(destination, "--set-back", str(file), *more)
            acknowledged = {name for writer in running.writers for name in writer.sizes}
            kept = [json.loads(line.split("\t")[2])["transaction"] for line in file.read_text().splitlines()]
            assert kept
            assert acknowledged.isdisjoint(kept)
            return
        assert code == ExitStatus.DONE, said

    def fail_over(self) -> None:
        self.primary.kill()
        self.standby.promote()

    def check(self, running: Load) -> None:
        """Every destination ends with the very events of the source, and those are the acknowledged ones."""
        with self.standby.connect(DATABASE) as source:
            running.check(source)
            expected = summary(source)
        for destination in self.destinations:
            with destination.connect(DATABASE) as connection:
                wait_for_event(connection, expected[1], seconds=90)
                assert summary(connection) == expected
        self.verify()

    def verify(self) -> None:
        """The command finds the destinations identical, under load, too."""
        for destination in self.destinations:
            code, said = self.run("verify", destination)
            assert code == ExitStatus.DONE, said


def both_hosts(*ports: int | str) -> dict[str, str]:
    return {
        "host": ",".join("127.0.0.1" for _ in ports),
        "port": ",".join(str(port) for port in ports),
        "target_session_attrs": "read-write",
    }


def wait_for_event(connection: Connection, last_id: int, seconds: float = 30) -> None:
    wait_for(lambda: highest(connection) >= last_id, f"event {last_id}", seconds)


def highest(connection: Connection) -> int:
    row = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    assert row
    return int(row[0])


@contextmanager
def open_site(
    directory: Path, version: int, followers: tuple[int, ...], *, primary: str = "", standby: str = ""
) -> Iterator[Site]:
    """Starts the servers, with further settings of the primary's and the standby's, and makes the databases."""
    directory = Path(tempfile.mkdtemp(dir=directory))
    directory.chmod(0o755)
    running: list[Server] = []
    try:
        first = servers.start(directory / "primary", version, SETTINGS + primary)
        running.append(first)
        second = start_standby(directory / "standby", first, standby)
        running.append(second)
        for number, follower in enumerate(followers):
            running.append(servers.start(directory / f"destination-{number}", follower, SETTINGS))
            create_database(running[-1], DATABASE, "destination")
        create_database(first, DATABASE, "source")
        yield Site(first, second, tuple(running[2:]))
    finally:
        for server in running:
            server.cluster.stop("immediate")


def test_no_acknowledged_event_is_lost_where_a_synchronous_standby_takes_over(
    server_directory: Path, tmp_path: Path
) -> None:
    """Two destinations: one's server is killed, the other's network is cut, then the source fails over."""
    with open_site(server_directory, VERSIONS[0], (VERSIONS[0], VERSIONS[-1])) as site:
        # Set now, since the standby, once promoted, is not to wait for one in turn.
        site.primary.set(synchronous_standby_names="standby")
        cut, killed = site.destinations
        with Proxy(site.primary) as first, Proxy(site.standby) as second, load(site.dsn, SECONDS) as running:
            way = make_conninfo(**both_hosts(first.port, second.port))
            site.add(cut, "--source-server-host", way)
            site.add(killed)
            running.wait_until(0.15)
            killed.kill()
            first.cut()
            running.wait_until(0.35)
            killed.restart()
            first.mend()
            running.wait_until(0.55)
            first.close()
            site.fail_over()
            # On 15 no slot survives that.
            for number, destination in enumerate(site.destinations):
                more = ["--source-server-host", way] if destination is cut else []
                site.add_again(destination, running, tmp_path / f"ahead-{number}", *more)
            running.wait_until(0.75)
            site.verify()
        assert all(writer.connections >= 2 for writer in running.writers)
        site.check(running)


def test_with_failover_slots_destinations_go_on_by_themselves(server_directory: Path) -> None:
    version = VERSIONS[-1]
    with open_site(
        server_directory,
        version,
        (version,),
        standby="hot_standby_feedback = on\nsync_replication_slots = on",
    ) as site:
        site.primary.set(synchronous_standby_names="standby", synchronized_standby_slots="standby")
        (destination,) = site.destinations
        with load(site.dsn, SECONDS / 2) as running:
            site.add(destination, "--failover")
            ready = "SELECT FROM pg_replication_slots WHERE failover AND synced AND NOT temporary"
            with site.primary.connect() as primary, site.standby.connect() as standby:
                # Else it is the server that logs one, every fifteen seconds.
                log = "SELECT pg_log_standby_snapshot()"
                wait_for(lambda: primary.execute(log) and standby.execute(ready).rowcount, "the slot on the standby")
            running.wait_until(0.5)
            site.fail_over()
            running.wait_until(0.75)
            site.verify()
        site.check(running)
        code, said = site.run("add", destination)
        assert (code, "follows already" in said) == (ExitStatus.DONE, True), said


@pytest.fixture
def ahead(server_directory: Path) -> Iterator[Site]:
    """An asynchronous standby that took over without the last events, which the destination has."""
    with open_site(server_directory, VERSIONS[0], (VERSIONS[-1],)) as site:
        (destination,) = site.destinations
        site.add(destination)
        append(site, 10)
        with site.primary.connect(DATABASE) as source, site.standby.connect(DATABASE) as standby:
            wait_for_event(standby, highest(source))
        site.standby.cluster.stop()
        append(site, 5)
        with destination.connect(DATABASE) as connection:
            wait_for_event(connection, 15)
        site.primary.kill()
        site.standby.restart()
        site.standby.promote()
        yield site


def append(site: Site, count: int) -> None:
    with psycopg.connect(site.dsn, autocommit=True) as source:
        source.execute("SELECT append_events((SELECT jsonb_agg(i) FROM generate_series(1, %s) AS i))", (count,))


def test_a_destination_ahead_of_the_new_primary_is_refused_and_the_source_recovered_from_it(ahead: Site) -> None:
    (destination,) = ahead.destinations
    append(ahead, 1)
    code, said = ahead.run("add", destination, "--yes")
    assert code == ExitStatus.REFUSED
    assert "does not hold the first events of" in said
    code, said = ahead.run("verify", destination)
    assert code == ExitStatus.DIFFERENT
    assert "The source lacks events 12 to 15." in said
    backup = make_conninfo(**destination.parameters(DATABASE))
    ended = recovery.run(
        ["--from", backup, "-d", DATABASE, "--replace", "--yes"], ahead.standby.environment(PGDATABASE=DATABASE)
    )
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    ahead.add(destination)
    append(ahead, 1)
    with ahead.standby.connect(DATABASE) as source, destination.connect(DATABASE) as connection:
        assert highest(source) == 16
        wait_for_event(connection, 16)
        assert summary(connection) == summary(source)


def test_a_new_destination_is_the_other_way_out(ahead: Site) -> None:
    (destination,) = ahead.destinations
    new = make_conninfo(**destination.parameters(f"{DATABASE}_new"))
    code, said = ahead.run("remove", destination, "--yes")
    assert code == ExitStatus.DONE, said
    ended = commands.run(["add", ahead.dsn, new, "--create", "--yes"], ahead.standby.environment(), COMMAND)
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    append(ahead, 1)
    with ahead.standby.connect(DATABASE) as source, destination.connect(f"{DATABASE}_new") as connection:
        wait_for_event(connection, 11)
        assert summary(connection) == summary(source)
