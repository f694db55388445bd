"""Two hosts on one network: the source's server knows the backup by a name that means nothing elsewhere."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.network import Network

from tests.commands import run

IMAGE = os.environ.get("SLATE_TEST_POSTGRES_IMAGE", "localhost/postgres:15")
PASSWORD = "it's a \\ pass=word %41"

pytestmark = [
    pytest.mark.containers,
    pytest.mark.skipif(
        "DOCKER_HOST" not in os.environ and os.environ.get("CI") != "true", reason="no container engine: DOCKER_HOST"
    ),
]


@dataclass(frozen=True)
class Hosts:
    """The mapped ports of the two servers, as this machine reaches them."""

    source: int
    backup: int

    def environment(self, port: int) -> dict[str, str]:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return bare | {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres", "PGPASSWORD": PASSWORD}

    def connect(self, port: int, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=port, user="postgres", password=PASSWORD, dbname=database, autocommit=True
        )


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with Network() as network:

        def server(alias: str) -> PostgresContainer:
            container = PostgresContainer(IMAGE, username="postgres", password=PASSWORD, dbname="postgres", driver=None)
            return container.with_network(network).with_network_aliases(alias)

        with server("source-host") as source, server("backup-host") as backup:
            yield Hosts(int(source.get_exposed_port(5432)), int(backup.get_exposed_port(5432)))


def test_a_lost_source_is_restored_from_the_backup_host(hosts: Hosts) -> None:
    for port, table_type in ((hosts.source, "source"), (hosts.backup, "destination")):
        created = run(["-n", "events", "-t", table_type], hosts.environment(port))
        assert created.returncode == 0, created.stderr
    with hosts.connect(hosts.backup, "events") as backup:
        backup.execute("""
            INSERT INTO events
            SELECT n, timestamptz '2026-01-01' + n * interval '1 second', jsonb_build_object('n', n)
            FROM generate_series(1, 2500) AS n
        """)
        rows = backup.execute("SELECT * FROM events ORDER BY id").fetchall()
    with hosts.connect(hosts.source, "events") as source:
        restored = source.execute(
            "SELECT * FROM restore_events('backup-host', 'events', 'postgres', %s)", (PASSWORD,)
        ).fetchone()
        assert restored == (2500, 2501)
        assert source.execute("SELECT * FROM events ORDER BY id").fetchall() == rows
        next_event = source.execute("SELECT first_id FROM append_events('[{}]')").fetchone()
        assert next_event == (2501,)
