"""A full disk and a silent network: a clear end, and a way on."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.embedded import system_user
from init_slate_db.core.errors import ExitStatus
from tests.proxy import Proxy
from tests.recovery import ONE_DIRECTION, Site, address, append, open_site, start
from tests.servers import Server, wait_for

EVENTS = 60_000
# Room for a new database, and for some of the events.
TOO_SMALL, LARGE_ENOUGH = "14m", "400m"
# A person who presses Ctrl-C waits no longer, in seconds.
PATIENCE = 15

pytestmark = ONE_DIRECTION


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    with open_site(server, backup_server, name, tmp_path, EVENTS) as site:
        yield site


@pytest.fixture
def small_disk(server_directory: Path, name: str) -> Iterator[Path]:
    """A disk of its own in memory, which belongs to the server."""
    user = system_user()
    if user is None:
        pytest.skip("only root may mount a small disk")
    folder = server_directory / f"{name}-disk"
    folder.mkdir()
    options = f"size={TOO_SMALL},uid={user.pw_uid},gid={user.pw_gid},mode=0700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def site_on_small_disk(site: Site, small_disk: Path) -> Iterator[Site]:
    """A site whose source, new and empty, is on the small disk."""
    space = f"{site.name}_space"
    site.make_source()
    with site.server.connect() as connection:
        connection.execute(f"CREATE TABLESPACE {space} LOCATION '{small_disk}'".encode())
        connection.execute(f"ALTER DATABASE {site.name} SET TABLESPACE {space}".encode())
    yield site
    site.server.drop(site.name)
    with site.server.connect() as connection:
        connection.execute(f"DROP TABLESPACE {space}".encode())


@pytest.mark.parametrize(("method", "more"), [("copy", ["--resume"]), ("restore-events", [])])
def test_a_full_disk_ends_with_a_clear_error_and_goes_on_when_there_is_space(
    site_on_small_disk: Site, small_disk: Path, method: str, more: list[str]
) -> None:
    site = site_on_small_disk
    ended = site.run("--method", method)
    assert ended.returncode == ExitStatus.FAILED
    assert "error: The server has no space left to " in ended.stderr
    assert "  Make space on its disk, then run the command again.\n" in ended.stderr
    assert "warning: What stands: " in ended.stderr
    subprocess.run(["mount", "-o", f"remount,size={LARGE_ENOUGH}", small_disk], check=True)
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
