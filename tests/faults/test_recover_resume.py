"""A recovery that is interrupted at any moment, again and again, ends as if it had never been."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import servers
from tests.conftest import VERSIONS
from tests.effort import moments
from tests.proxy import Proxy
from tests.recovery import address, append, digest, make_backup
from tests.servers import Server, wait_for

RECOVERING = Path(__file__).with_name("recovering.py")
EVENTS = 10_000
# Of a run, in seconds: from before it connects until behind its end.
LATEST_MOMENT = 1.3
INDEXES = 7


class CuttingProxy(Proxy):
    """A proxy whose connections can all be cut at once."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def cut(self) -> None:
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def _pass_on(self, client: socket.socket) -> None:
        with self._lock:
            self._open.append(client)
        try:
            super()._pass_on(client)
        except OSError:
            # The server behind it is down.
            client.close()


@dataclass
class Chain:
    """Recoveries of one source from one backup, on servers of their own, each through a proxy."""

    source: Server
    backup: Server
    source_proxy: CuttingProxy
    backup_proxy: CuttingProxy
    method: str
    random: random.Random
    wanted: str
    told: list[str] = field(default_factory=list)

    def start(self, *more: str) -> "subprocess.Popen[str]":
        backup = address(self.backup, "store", port=self.backup_proxy.port)
        arguments = [
            "--from",
            backup,
            "-d",
            "store",
            "--create",
            "--yes",
            "--method",
            self.method,
            "--jobs",
            "2",
            *more,
        ]
        return subprocess.Popen(
            [sys.executable, str(RECOVERING), "none", "before", "0", *arguments, "--connect-timeout", "20000"],
            env=self.source.environment(PGPORT=self.source_proxy.port, PYTHONPATH=str(Path(__file__).parents[2])),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupt(self, how: str) -> bool:
        """Runs the recovery and interrupts it at a random moment. False where it had ended by itself before."""
        process = self._started()
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.random.uniform(0, LATEST_MOMENT))
        ended = process.poll() is not None
        if not ended:
            self.ways[how](process)
        output, errors = process.communicate(timeout=60)
        self.told.append(f"--- {how}, ended before: {ended}, status {process.returncode}\n{output}{errors}")
        if ended:
            assert process.returncode == ExitStatus.DONE, self.told[-1]
        # Python has its own words for a Ctrl-C that comes before it has begun with our code.
        assert "Traceback" not in errors or errors.startswith("Fatal Python error: init")
        self.check_what_stands()
        return not ended

    def _started(self) -> "subprocess.Popen[str]":
        """The next run, as what an operator is told by the one before asks for."""
        return self.start("--resume") if self.has_events() else self.start()

    @property
    def ways(self) -> "dict[str, Callable[[subprocess.Popen[str]], None]]":
        return {
            "kill -9 of slate-recover": lambda process: process.kill(),
            "Ctrl-C": lambda process: process.send_signal(signal.SIGINT),
            "kill -9 of the source's server": lambda _: restart(self.source),
            "kill -9 of the backup's server": lambda _: restart(self.backup),
            "cut to the source": lambda _: self.source_proxy.cut(),
            "cut to the backup": lambda _: self.backup_proxy.cut(),
        }

    def has_events(self) -> bool:
        with self.source.connect() as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = 'store'").rowcount:
                return False
        self.wait_until_free()
        with self.source.connect("store") as connection:
            return bool(connection.execute("SELECT FROM events LIMIT 1").rowcount)

    def wait_until_free(self) -> None:
        """The server notices within seconds that a killed client is gone."""

        def free() -> bool:
            with self.source.connect() as connection:
                query = "SELECT FROM pg_stat_activity WHERE application_name = 'slate-recover' AND datname IS NOT NULL"
                return not connection.execute(query).rowcount

        wait_for(free, "the killed recovery's sessions to end")

    def is_finished(self) -> bool:
        if "store" not in self.source.databases():
            return False
        with self.source.connect("store") as connection:
            return bool(connection.execute("SELECT FROM id").rowcount)

    def check_what_stands(self) -> None:
        """Either the recovery has finished, or writers are refused and the journal says what is there."""
        if "store" not in self.source.databases() or self.is_finished():
            return
        with self.source.connect("store") as connection:
            with pytest.raises(psycopg.Error) as refused:
                connection.execute("SELECT append_events('[1]')")
            assert refused.value.sqlstate == "SL004"
            if self.method == "copy":
                query = """
                    SELECT (SELECT count(*) FROM events),
                           (SELECT coalesce(sum(last_id - first_id + 1), 0) FROM slate.recovery_range)
                """
                events, stored = connection.execute(query).fetchone() or (None, None)
                assert events == stored

    def complete(self) -> None:
        """Lets the recovery come to its end, and makes sure that it is as one that was never interrupted."""
        if not self.is_finished():
            process = self._started()
            output, errors = process.communicate(timeout=60)
            assert process.returncode == ExitStatus.DONE, "\n".join([*self.told[-3:], output, errors])
        with self.source.connect("store") as connection:
            assert digest(connection) == self.wanted
            query = "SELECT count(*) FROM pg_index WHERE indrelid = 'events'::regclass AND indisvalid"
            assert connection.execute(query).fetchone() == (INDEXES,)
            assert connection.execute("SELECT count(*) FROM slate.recovery").fetchone() == (0,)
        assert append(self.source, "store") == EVENTS + 1
        self.source.drop("store")


def restart(server: Server) -> None:
    """What a crash of the machine does: everything ends at once, and comes back."""
    server.kill()
    server.restart()


@pytest.fixture(scope="module", params=[0, -1], ids=["15-from-18", "18-from-15"])
def pair(request: pytest.FixtureRequest, server_directory: Path) -> Iterator[tuple[Server, Server, str]]:
    """A source's server and a backup's that may be killed, and the digest of the backup."""
    index: int = request.param
    folder = f"resume{index}"
    source = servers.start(server_directory / f"{folder}-source", VERSIONS[index])
    backup = servers.start(server_directory / f"{folder}-backup", VERSIONS[-1 - index])
    try:
        make_backup(backup, "store", EVENTS)
        with backup.connect("store") as connection:
            wanted = digest(connection)
        yield source, backup, wanted
    finally:
        source.cluster.stop("immediate")
        backup.cluster.stop("immediate")


@pytest.fixture
def make_chain(pair: tuple[Server, Server, str]) -> Iterator[Callable[[str, int], Chain]]:
    source, backup, wanted = pair
    source_proxy, backup_proxy = CuttingProxy(source), CuttingProxy(backup)
    with source_proxy, backup_proxy:

        def make(method: str, seed: int) -> Chain:
            return Chain(source, backup, source_proxy, backup_proxy, method, random.Random(seed), wanted)

        yield make
    source.drop("store")


def interrupt_again_and_again(chain: Chain, ways: list[str]) -> None:
    """Interrupts recoveries in each of these ways once, one and the same as long as it has not finished."""
    chain.random.shuffle(ways)
    while ways:
        if chain.interrupt(ways[-1]):
            ways.pop()
        if chain.is_finished():
            chain.complete()
    chain.complete()


# For each pair of versions 9, or 25, so 50 in all.
COPY_INTERRUPTIONS = {
    "kill -9 of slate-recover": moments(3, 10),
    "kill -9 of the source's server": moments(2, 5),
    "kill -9 of the backup's server": moments(2, 4),
    "cut to the source": moments(1, 3),
    "cut to the backup": moments(1, 3),
}
RESTORE_INTERRUPTIONS = {
    "kill -9 of slate-recover": moments(1, 3),
    "Ctrl-C": moments(1, 2),
    "kill -9 of the source's server": moments(1, 2),
    "kill -9 of the backup's server": moments(1, 2),
    "cut to the source": moments(1, 2),
    "cut to the backup": 1,
}


def expand(counts: dict[str, int]) -> list[str]:
    return [way for way, count in counts.items() for _ in range(count)]


def test_copy_resumes_after_interruptions_at_random_moments(make_chain: Callable[[str, int], Chain]) -> None:
    seed = int(os.environ.get("SLATE_TEST_SEED", "20261121"))
    interrupt_again_and_again(make_chain("copy", seed), expand(COPY_INTERRUPTIONS))


def test_restore_events_begins_anew_after_interruptions_at_random_moments(
    make_chain: Callable[[str, int], Chain],
) -> None:
    seed = int(os.environ.get("SLATE_TEST_SEED", "20261121"))
    interrupt_again_and_again(make_chain("restore-events", seed), expand(RESTORE_INTERRUPTIONS))
