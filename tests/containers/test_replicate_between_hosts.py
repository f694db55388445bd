"""Two hosts on one network: mapped ports lead this machine to both; the destination knows the source by its name."""

import json
from collections.abc import Iterator

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands, recovery
from tests.containers.hosts import NEED_AN_ENGINE, Hosts, two_hosts
from tests.links import COMMAND
from tests.servers import wait_for

pytestmark = NEED_AN_ENGINE


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """Two servers that know each other by name, the first with a source of some events."""
    with two_hosts() as hosts:
        created = commands.run(["-n", "events", "-t", "source"], hosts.environment(hosts.source))
        assert created.returncode == 0, created.stderr
        append(hosts, 2500)
        yield hosts


def append(hosts: Hosts, count: int) -> None:
    with hosts.connect(hosts.source, "events") as connection:
        connection.execute(
            "SELECT append_events((SELECT jsonb_agg(jsonb_build_object('n', n)) FROM generate_series(1, %s) AS n))",
            [count],
        )


def test_a_destination_follows_by_the_name_that_its_own_server_knows(hosts: Hosts) -> None:
    both = [f"127.0.0.1:{hosts.source}", f"127.0.0.1:{hosts.backup}"]
    environment = hosts.environment(hosts.source)
    refused = commands.run(["add", *both, "--create", "--yes"], environment, COMMAND)
    assert refused.returncode == ExitStatus.REFUSED
    assert "--source-server-host" in refused.stderr
    way = ["--source-server-host", "source-host:5432"]
    added = commands.run(["add", *both, "--create", "--yes", *way], environment, COMMAND)
    assert added.returncode == ExitStatus.DONE, added.stderr
    append(hosts, 500)
    with hosts.connect(hosts.source, "events") as source, hosts.connect(hosts.backup, "events") as destination:
        wait_for(lambda: destination.execute("SELECT max(id) FROM events").fetchone() == (3000,), "the last event")
        assert recovery.digest(source) == recovery.digest(destination)
    told = commands.run(["status", both[0], "--format", "json"], environment, COMMAND)
    assert told.returncode == ExitStatus.DONE, told.stdout
    (one,) = json.loads(told.stdout)["destinations"]
    assert (one["state"], one["place"], one["lag_events"]) == ("following", f"{both[1]}/events", 0)
    removed = commands.run(["remove", *both, "--yes"], environment, COMMAND)
    assert removed.returncode == ExitStatus.DONE, removed.stderr
    with hosts.connect(hosts.source, "events") as source:
        assert source.execute("SELECT FROM pg_replication_slots").rowcount == 0
