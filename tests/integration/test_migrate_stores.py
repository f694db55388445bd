"""Patches in the databases of an event store: what the other commands rely on stays as it is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.migrations import COMMAND, Nodes
from tests.recovery import Site, append, open_site, run
from tests.servers import Server


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup of a hundred events."""
    with open_site(server, backup_server, name, tmp_path) as site:
        yield site


def test_a_backup_to_which_patches_were_applied_can_be_promoted_still(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "patches"
    folder.mkdir()
    backup = Nodes(site.backup_server, (site.backup,), folder)
    backup.write(p1_0_0_direct="CREATE INDEX events_more ON events ((event ->> 'more'))")
    assert backup.migrate()[0] == ExitStatus.DONE
    ended = run([*site.arguments, "--method", "promote", "--yes"], site.backup_server.environment())
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert append(site.backup_server, site.backup) == 101
    assert backup.ledger() == ["1-0-0"]
    backup.write(p2_0_0_std="CREATE TABLE t (n int)")
    assert backup.migrate()[0] == ExitStatus.DONE


@pytest.mark.parametrize("kind", ["source", "destination"])
def test_the_ledger_is_no_difference_from_the_model_of_the_roles(
    server: Server, name: str, tmp_path: Path, kind: str
) -> None:
    environment = server.environment()
    made = commands.run(["-n", name, "-t", kind, "--roles", name], environment)
    assert made.returncode == ExitStatus.DONE, made.stderr
    try:
        node = Nodes(server, (name,), tmp_path)
        node.write(p1_0_0_std="SELECT 1")
        assert node.migrate()[0] == ExitStatus.DONE
        checked = commands.run(["check", "-d", name, "--format", "json"], environment, COMMAND)
        assert json.loads(checked.stdout)["differences"] == []
        if kind == "source":
            node.do("""SELECT append_events('[{"a": 1}]')""")
    finally:
        server.drop(name)
        with server.connect() as connection:
            for role in ("owner", "writer", "reader", "replicator", "recoverer"):
                connection.execute(f"DROP ROLE IF EXISTS {name}_{role}".encode())
