"""What comes between two looks: another recovery, an interrupt while the source is made, a connection that ends."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from init_slate_db.core.addresses import Address
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import ConnectionOptions
from recovery import way
from recovery.backup import Backup
from recovery.execution import _lock
from recovery.target import Target, look
from tests.recovery import Site, open_site
from tests.servers import Server

INTERRUPTED = """
import sys
from recovery import cli, execution

def interrupt(*_):
    raise KeyboardInterrupt

execution.Installation.run = interrupt
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    with open_site(server, backup_server, name, tmp_path) as site:
        yield site


def look_at(site: Site) -> Target:
    server = site.server
    options = ConnectionOptions(host="127.0.0.1", port=server.port, user="postgres", password=server.password)
    return look(Address(options, site.name), from_outside=False)


@pytest.mark.parametrize("by_name", [False, True], ids=["in its database", "on its server"])
def test_of_two_recoveries_that_saw_the_same_one_gets_to_work(site: Site, by_name: bool) -> None:
    if not by_name:
        site.make_source()
    first, second = look_at(site), look_at(site)
    try:
        name = site.name if by_name else ""
        _lock(first, first.server, name)
        # Of another name on the same server it is none of its business.
        _lock(second, second.server, f"{site.name}_other")
        with pytest.raises(SlateError) as refused:
            _lock(second, second.server, name)
        assert refused.value.code == "recovery-running"
    finally:
        first.close()
        second.close()


def test_an_interrupt_while_the_source_is_made_ends_the_recovery(site: Site) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *site.arguments, "--create", "--yes"],
        env=site.server.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == ExitStatus.INTERRUPTED, ended.stderr
    assert "warning: Interrupted: " in ended.stderr
    assert "error: " not in ended.stderr
    assert site.name not in site.server.databases()


def test_a_connection_that_ends_on_the_way_is_not_taken_for_a_way_that_is_closed(site: Site) -> None:
    site.make_source()
    with site.connect() as connection, site.server.connect() as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 10000)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            way.check(connection, cast(Backup, SimpleNamespace(origin=SimpleNamespace(seen_host="b", seen_port=1))))
