"""slate-replicate follow while the source's server dies and a streaming standby takes over, under a writer's load."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from init_slate_db.core.embedded import SUPERUSER, Cluster, free_port, system_user
from tests import servers
from tests.replication_follow import APPEND, TRANSACTION, Pair, Watcher
from tests.servers import Server, wait_for
from tests.slate import create_database

SETTINGS = "wal_level = replica\nmax_wal_senders = 8\n"
TRANSACTIONS = 300


@dataclass(frozen=True)
class HighlyAvailable:
    """A primary and its synchronous standby, with what leads to whichever of them is the primary."""

    primary: Server
    standby: Server
    conninfo: str


@pytest.fixture
def cluster(server: Server, server_directory: Path, name: str) -> Iterator[HighlyAvailable]:
    with ExitStack() as after:
        primary = servers.start(server_directory / f"{name}-primary", server.version, SETTINGS)
        after.callback(primary.cluster.stop, "immediate")
        create_database(primary, name, "source")
        standby = make_standby(primary, server_directory / f"{name}-standby")
        after.callback(standby.cluster.stop, "immediate")
        with primary.connect() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            wait_for(
                lambda: connection.execute("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'").fetchall(),
                "the synchronous standby",
            )
        yield HighlyAvailable(
            primary,
            standby,
            make_conninfo(
                host="127.0.0.1,127.0.0.1",
                port=f"{primary.port},{standby.port}",
                user=SUPERUSER,
                password=primary.password,
                dbname=name,
            ),
        )


def make_standby(primary: Server, folder: Path) -> Server:
    """A streaming standby, which runs."""
    cluster = Cluster(folder, primary.cluster.installed_binaries)
    cluster._make_directory()
    shutil.copy(primary.cluster.pgpass, cluster.pgpass)
    cluster._set_port(free_port())
    user = system_user()
    command = [str(cluster.binaries / "pg_basebackup"), "-R", "-D", str(cluster.data), "-h", "127.0.0.1"]
    subprocess.run(
        [*command, "-p", str(primary.port), "-U", SUPERUSER, "-c", "fast"],
        env={**os.environ, "PGPASSWORD": primary.password},
        cwd=folder,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        check=True,
    )
    cluster.start()
    return Server(primary.version, cluster)


def write(conninfo: str, transactions: int) -> int:
    """Appends transactions until so many were acknowledged; returns the id of the last one that was."""
    acknowledged = last = 0
    while acknowledged < transactions:
        try:
            with psycopg.connect(conninfo, target_session_attrs="read-write", autocommit=True) as connection:
                while acknowledged < transactions:
                    row = connection.execute(APPEND, (TRANSACTION,)).fetchone()
                    assert row
                    acknowledged, last = acknowledged + 1, row[0]
        except psycopg.OperationalError:
            continue
    return int(last)


def test_what_was_acknowledged_is_followed_over_a_failover(
    cluster: HighlyAvailable, backup_server: Server, name: str
) -> None:
    destination = f"{name}_destination"
    create_database(backup_server, destination, "destination")
    before = Pair(cluster.primary, backup_server, name, destination)
    after = Pair(cluster.standby, backup_server, name, destination)
    try:
        with (
            Watcher(before) as watcher,
            before.following(arguments=[cluster.conninfo, before.arguments[1]]) as running,
        ):
            before.wait_for(write(cluster.conninfo, TRANSACTIONS))
            # The standby, too, is there to be followed only once it is the primary.
            cluster.primary.kill()
            with cluster.standby.connect() as connection:
                connection.execute("SELECT pg_promote()")
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
                connection.execute("SELECT pg_reload_conf()")
            after.wait_for(write(cluster.conninfo, TRANSACTIONS))
            running.wait_for_line("It works again after ")
        assert after.same_events()
        assert watcher.faults == []
    finally:
        backup_server.drop(destination)
