"""slate-replicate add names everything that a server lacks for replication, at once, with what to do."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import servers
from tests.links import open_pair
from tests.recovery import ONE_DIRECTION
from tests.servers import Server

pytestmark = ONE_DIRECTION

UNREADY = """
wal_level = replica
max_replication_slots = 1
max_wal_senders = 0
max_logical_replication_workers = 0
"""


@pytest.fixture
def unready(server: Server, server_directory: Path) -> Iterator[Server]:
    """A server as it is where nobody thought of replication."""
    unready = servers.start(server_directory / "unready", server.version, UNREADY)
    yield unready
    unready.cluster.stop("immediate")


def test_a_source_that_cannot_be_followed_is_told_of_all_that_it_lacks(
    unready: Server, backup_server: Server, name: str
) -> None:
    with open_pair(unready, backup_server, name) as pair:
        ended = pair.run("add", "--yes")
        assert ended.returncode == ExitStatus.REFUSED
        for text in (
            "its wal_level is replica, not logical",
            "Without: slate-replicate follow.",
            "it has 1 replication slots free, and 2 are needed for a moment",
            "Raise max_replication_slots there",
            "it has no walsender free",
            "Raise max_wal_senders there.",
        ):
            assert text in ended.stderr
        assert pair.traces() == []


def test_a_destination_without_workers_cannot_follow(unready: Server, backup_server: Server, name: str) -> None:
    with open_pair(backup_server, unready, name) as pair:
        ended = pair.run("add", "--yes")
        assert ended.returncode == ExitStatus.REFUSED
        assert "its max_logical_replication_workers is 0" in ended.stderr
        assert pair.traces() == []


def test_a_role_that_sees_no_others_sessions_is_told_too_that_no_walsender_is_free(
    server: Server, backup_server: Server, server_directory: Path, name: str
) -> None:
    settings = "wal_level = logical\nmax_wal_senders = 1\n"
    busy = servers.start(server_directory / f"{name}-busy", server.version, settings)
    try:
        with open_pair(busy, backup_server, name) as pair:
            with busy.connect() as connection:
                connection.execute("CREATE ROLE stranger LOGIN REPLICATION PASSWORD 'x'")
            with closing(psycopg.connect(pair.source_address(replication="database"), autocommit=True)):
                ended = pair.run("add", "--dry-run", source=pair.source_address(user="stranger", password="x"))
        assert "it has no walsender free" in ended.stdout + ended.stderr
    finally:
        busy.cluster.stop("immediate")
