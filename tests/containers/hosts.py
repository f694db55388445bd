"""Two servers in containers on one network, where each knows the other by a name that means nothing elsewhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.network import Network

IMAGE = os.environ.get("SLATE_TEST_POSTGRES_IMAGE", "localhost/postgres:15")
PASSWORD = "it's a \\ pass=word %41"

NEED_AN_ENGINE = [
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


@contextmanager
def two_hosts() -> Iterator[Hosts]:
    """Starts source-host and backup-host; afterwards they are gone."""
    with Network() as network:

        def server(alias: str) -> PostgresContainer:
            container = PostgresContainer(IMAGE, username="postgres", password=PASSWORD, dbname="postgres", driver=None)
            container.with_command("postgres -c wal_level=logical")
            return container.with_network(network).with_network_aliases(alias)

        with server("source-host") as source, server("backup-host") as backup:
            yield Hosts(int(source.get_exposed_port(5432)), int(backup.get_exposed_port(5432)))
