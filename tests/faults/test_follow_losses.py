"""What slate-replicate follow does when what it needs goes away and comes back, step by step."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from init_slate_db.core.embedded import SUPERUSER
from init_slate_db.core.errors import ExitStatus
from tests.faults.conftest import SmallDisk
from tests.proxy import Proxy
from tests.recovery import ONE_DIRECTION, address
from tests.replication_follow import COMMAND, Network, Pair, open_pair
from tests.servers import Server, wait_for
from tests.slate import create_database
from tests.terminal import Terminal, terminal

WAITS, WORKS = "Trying again until it works.", "It works again after "
# A person who presses Ctrl-C waits no longer, in seconds.
PATIENCE = 15

pytestmark = ONE_DIRECTION


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    with open_pair(server, backup_server, name) as pair:
        pair.append(100)
        yield pair


def over(pair: Pair, *, source: Proxy | None = None, destination: Proxy | None = None) -> list[str]:
    """The arguments that lead through proxies."""
    return [
        address(pair.server, pair.name, port=source.port if source else pair.server.port),
        address(
            pair.destination_server,
            pair.destination,
            port=destination.port if destination else pair.destination_server.port,
        ),
    ]


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_loss_is_told_of_once_and_waited_out(pair: Pair, side: str) -> None:
    with Network(pair.server if side == "source" else pair.destination_server) as network:
        arguments = over(pair, **{side: network})
        place = f"127.0.0.1:{network.port}/{pair.name if side == 'source' else pair.destination}"
        with pair.following(arguments=arguments) as running:
            running.wait_until_it_follows()
            network.cut()
            line = running.wait_for_line(WAITS)
            assert line.startswith("warning: The connection to the server was lost")
            assert place in line
            wait_for(lambda: network.refused > 3, "attempts to connect")
            network.mend()
            running.wait_for_line(WORKS)
            pair.wait_for(pair.append(3))
    assert sum(WAITS in line for line in running.lines) == 1
    assert sum(WORKS in line for line in running.lines) == 1
    assert not any("Trying again for" in line for line in running.lines)
    assert pair.same_events()


def test_what_was_answered_at_a_terminal_outlives_a_loss(pair: Pair, tmp_path: Path) -> None:
    environment = pair.environment | {"HOME": str(tmp_path)}
    del environment["PGUSER"]
    with Network(pair.server) as one, Network(pair.destination_server) as other:
        places = (f"127.0.0.1:{one.port}/{pair.name}", f"127.0.0.1:{other.port}/{pair.destination}")
        with terminal([f"postgresql://{place}" for place in places], environment, COMMAND) as running:
            for role, server in (("source", pair.server), ("destination", pair.destination_server)):
                running.answer(f"Database User of the {role}:", SUPERUSER.encode() + b"\r")
                running.answer(f"Database Password of the {role}:", server.password.encode() + b"\r")
            pair.wait_for(100)
            for network in (one, other):
                lose(network, running)
            pair.wait_for(pair.append(3))


def lose(network: Network, running: Terminal) -> None:
    """Cuts the network, and mends it when that was noticed; returns when it works again."""
    before = running.screen().count(WORKS)
    network.cut()
    wait_for(lambda: network.refused > 1, "attempts to connect")
    network.mend()
    wait_for(lambda: running.screen().count(WORKS) > before, "the end of the loss")


def test_json_lines_tell_of_a_loss(pair: Pair) -> None:
    with pair.following("--log-format", "json") as running:
        running.wait_until_it_follows()
        pair.server.cluster.stop("immediate")
        running.wait_for_line(WAITS)
        pair.server.restart()
        running.wait_for_line(WORKS)
    lost = next(one for one in running.fields() if WAITS in one["message"])
    back = next(one for one in running.fields() if WORKS in one["message"])
    assert (lost["level"], lost["code"]) == ("WARNING", "connection-lost")
    assert back["highest_id"] == 100
    assert back["seconds"] > 0


class Gate:
    """Lets through what a server says until it is shut."""

    def __init__(self, passing: int) -> None:
        self._passing = passing
        self.shut = threading.Event()
        self.ending = threading.Event()

    def __call__(self, data: bytes) -> bytes:
        self._passing -= len(data)
        if self._passing < 0:
            self.shut.set()
            self.ending.wait()
        return data


@pytest.fixture
def silent(pair: Pair) -> Iterator[tuple[list[str], Gate]]:
    """Arguments that lead over a network to the source, which falls silent in the middle of the events; its gate."""
    pair.append(200, transactions=100)
    gate = Gate(passing=200_000)
    with Proxy(pair.server, rewrite=gate) as proxy:
        yield over(pair, source=proxy), gate
        gate.ending.set()


def test_with_once_a_loss_ends_it(pair: Pair, silent: tuple[list[str], Gate]) -> None:
    arguments, gate = silent
    with pair.following("--once", arguments=arguments) as running:
        wait_for(gate.shut.is_set, "the network to fall silent")
        with pair.server.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slate-replicate'"
            )
        gate.ending.set()
        assert running.end() == ExitStatus.FAILED
    assert any(line.startswith("error: The connection to the server was lost") for line in running.lines)
    pair.follow_once()
    assert pair.same_events()


def test_ctrl_c_ends_it_while_the_network_is_silent(pair: Pair, silent: tuple[list[str], Gate]) -> None:
    arguments, gate = silent
    with pair.following(arguments=arguments) as running:
        wait_for(gate.shut.is_set, "the network to fall silent")
        os.kill(running.process.pid, signal.SIGINT)
        assert running.process.wait(PATIENCE) == ExitStatus.INTERRUPTED
    assert not any("Traceback" in line for line in running.lines)


class Forgetful(Proxy):
    """A network that forgets connections: our end is told, the server's is not."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._to = server
        self._clients: list[socket.socket] = []
        self._upstreams: list[socket.socket] = []

    def __enter__(self) -> "Forgetful":
        super().__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        super().__exit__(*problem)
        for one in self._upstreams:
            one.close()

    def forget(self) -> None:
        for one in self._clients:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._clients.clear()

    def _pass_on(self, client: socket.socket) -> None:
        upstream = socket.create_connection(("127.0.0.1", self._to.port))
        self._clients.append(client)
        self._upstreams.append(upstream)
        threading.Thread(target=self._pump, args=(upstream, client, bytes), daemon=True).start()
        with suppress(OSError):
            while data := client.recv(65536):
                upstream.sendall(data)
        client.close()


def test_a_session_that_the_network_forgot_does_not_lock_it_out(pair: Pair) -> None:
    with (
        Forgetful(pair.destination_server) as network,
        pair.following(arguments=over(pair, destination=network)) as running,
    ):
        running.wait_until_it_follows()
        network.forget()
        running.wait_for_line(WORKS)
        pair.wait_for(pair.append(3))
    assert pair.same_events()


class Failover:
    """Two servers in one connection string, the second of which takes over with what it has of the first's events."""

    def __init__(self, pair: Pair, networks: list[Network], folder: Path) -> None:
        self.pair = pair
        self.first, self.second = networks
        # Of the same name, on the other server: the destination there has another one.
        self.other = Pair(pair.destination_server, pair.destination_server, pair.name, pair.destination)
        passwords = folder / "pgpass"
        ports = ((self.first.port, pair.server), (self.second.port, self.other.server))
        passwords.write_text("".join(f"*:{port}:*:*:{server.password}\n" for port, server in ports))
        passwords.chmod(0o600)
        cluster = make_conninfo(
            host="127.0.0.1,127.0.0.1",
            port=f"{self.first.port},{self.second.port}",
            user=SUPERUSER,
            dbname=pair.name,
            passfile=str(passwords),
        )
        self.arguments = [cluster, pair.arguments[1]]
        self.second.cut()

    def fail_over(self) -> None:
        self.first.cut()
        self.second.mend()


@pytest.fixture
def failover(pair: Pair, tmp_path: Path) -> Iterator[Failover]:
    with Network(pair.server) as first, Network(pair.destination_server) as second:
        failover = Failover(pair, [first, second], tmp_path)
        create_database(failover.other.server, pair.name, "source")
        yield failover
        failover.other.server.drop(pair.name)


def copy_events(pair: Pair, other: Pair) -> None:
    """Gives another source the events that the first has."""
    with pair.connect() as source, other.connect() as target, target.transaction():
        target.execute("ALTER TABLE events DISABLE TRIGGER notify_insert")
        with (
            source.cursor().copy("COPY (SELECT * FROM events ORDER BY id) TO STDOUT") as rows,
            target.cursor().copy("COPY events FROM STDIN") as stored,
        ):
            for row in rows:
                stored.write(row)
        target.execute("UPDATE id SET id = (SELECT max(id) + 1 FROM events)")
        target.execute("ALTER TABLE events ENABLE TRIGGER notify_insert")


def test_a_source_that_takes_over_with_the_same_events_is_followed(failover: Failover) -> None:
    with failover.pair.following(arguments=failover.arguments) as running:
        running.wait_until_it_follows()
        copy_events(failover.pair, failover.other)
        failover.fail_over()
        running.wait_for_line(WORKS)
        failover.pair.wait_for(failover.other.append(5))
    assert failover.other.same_events()


def test_a_source_that_takes_over_with_fewer_events_ends_it(failover: Failover) -> None:
    pair = failover.pair
    with pair.following(arguments=failover.arguments) as running:
        running.wait_until_it_follows()
        copy_events(pair, failover.other)
        pair.wait_for(pair.append(5))
        failover.fail_over()
        assert running.end() == ExitStatus.REFUSED, running.lines
    place = f"127.0.0.1:{failover.second.port}/{pair.name}"
    assert f"error: {pair.destination_place} has events that {place} lacks." in running.lines
    assert any("It has 105, the source 100." in line for line in running.lines)
    assert pair.highest() == 105


def test_a_source_that_takes_over_and_goes_on_otherwise_ends_it(failover: Failover) -> None:
    pair = failover.pair
    with pair.following(arguments=failover.arguments) as running:
        running.wait_until_it_follows()
        copy_events(pair, failover.other)
        pair.wait_for(pair.append(5))
        failover.other.append(7)
        failover.fail_over()
        assert running.end() == ExitStatus.REFUSED, running.lines
    assert any("Events 1 to 105 differ, or some of them are missing." in line for line in running.lines)
    assert pair.highest() == 105


def test_a_full_disk_is_waited_out(pair: Pair, small_disk: SmallDisk) -> None:
    small_disk.move(pair.destination_server, pair.destination)
    try:
        with pair.following() as running:
            running.wait_until_it_follows()
            last = pair.append(300, transactions=400)
            line = running.wait_for_line(WAITS)
            assert "The server has no space left to " in line
            small_disk.enlarge()
            pair.wait_for(last)
        assert pair.same_events()
    finally:
        small_disk.leave(pair.destination_server, pair.destination)
