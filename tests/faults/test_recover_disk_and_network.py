"""A full disk and a silent network: a clear end, and a way on."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.faults.conftest import SmallDisk
from tests.proxy import Proxy
from tests.recovery import ONE_DIRECTION, Site, address, append, open_site, start
from tests.servers import Server, wait_for

EVENTS = 60_000
# Room for a new database, and for some of the events.
# A person who presses Ctrl-C waits no longer, in seconds.
PATIENCE = 15

pytestmark = ONE_DIRECTION


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    with open_site(server, backup_server, name, tmp_path, EVENTS) as site:
        yield site


@pytest.fixture
def site_on_small_disk(site: Site, small_disk: SmallDisk) -> Iterator[Site]:
    """A site whose source, new and empty, is on the small disk."""
    site.make_source()
    small_disk.move(site.server, site.name)
    yield site
    small_disk.leave(site.server, site.name)


@pytest.mark.parametrize(("method", "more"), [("copy", ["--resume"]), ("restore-events", [])])
def test_a_full_disk_ends_with_a_clear_error_and_goes_on_when_there_is_space(
    site_on_small_disk: Site, small_disk: SmallDisk, method: str, more: list[str]
) -> None:
    site = site_on_small_disk
    ended = site.run("--method", method)
    assert ended.returncode == ExitStatus.FAILED
    assert "error: The server has no space left to " in ended.stderr
    assert "  Make space on its disk, then run the command again.\n" in ended.stderr
    assert "warning: What stands: " in ended.stderr
    small_disk.enlarge()
    again = site.run("--method", method, *more)
    assert again.returncode == ExitStatus.DONE, again.stderr
    assert site.same_events()
    assert append(site.server, site.name) == EVENTS + 1


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


def test_ctrl_c_ends_a_copy_whose_network_is_silent(site: Site) -> None:
    site.make_source()
    gate = Gate(passing=2_000_000)
    with Proxy(site.backup_server, rewrite=gate) as proxy:
        arguments = ["--from", address(site.backup_server, site.backup, port=proxy.port), "-d", site.name]
        process = start([*arguments, "--yes", "--method", "copy"], site.server.environment())
        try:
            wait_for(gate.shut.is_set, "the network to fall silent")
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            gate.ending.set()
    assert process.returncode == ExitStatus.INTERRUPTED
    assert errors.splitlines()[-1] == (
        f"warning: Interrupted: {site.place} keeps the events that it has, and refuses writers."
        " Run the same command with --resume to go on."
    )
    assert "Traceback" not in errors
