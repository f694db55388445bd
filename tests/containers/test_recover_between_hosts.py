"""Two hosts on one network: slate-recover reaches the backup by one address, and the source's server by another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import commands, recovery
from tests.containers.hosts import NEED_AN_ENGINE, Hosts, two_hosts

EVENTS = 2500

pytestmark = NEED_AN_ENGINE


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """Two servers that know each other by name, the second with a backup of some events."""
    with two_hosts() as hosts:
        created = commands.run(["-n", "events", "-t", "destination"], hosts.environment(hosts.backup))
        assert created.returncode == 0, created.stderr
        with hosts.connect(hosts.backup, "events") as connection:
            connection.execute(
                """
                INSERT INTO events
                SELECT n, timestamptz '2026-01-01' + n * interval '1 second', jsonb_build_object('n', n)
                FROM generate_series(1, %s) AS n""",
                [EVENTS],
            )
        yield hosts


@pytest.fixture
def source(hosts: Hosts) -> Iterator[str]:
    """The name of a source that is not there, on the source's host."""
    yield "events"
    with hosts.connect(hosts.source, "postgres") as connection:
        connection.execute("DROP DATABASE IF EXISTS events WITH (FORCE)")


@pytest.mark.parametrize("method", ["restore-events", "copy"])
def test_a_lost_source_is_recovered_from_the_backup_host(
    hosts: Hosts, source: str, tmp_path: Path, method: str
) -> None:
    report = tmp_path / "report.json"
    ways = ["--from", f"127.0.0.1:{hosts.backup}", "--from-server-host", "backup-host:5432"]
    more = ["--create", "--yes", "--method", method, "--report", str(report)]
    ended = recovery.run([*ways, *more], hosts.environment(hosts.source))
    assert ended.returncode == 0, ended.stderr
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (told["verdict"], told["method"], told["next_insert_id"]) == ("identical", method, EVENTS + 1)
    with hosts.connect(hosts.source, source) as connection, hosts.connect(hosts.backup, "events") as backup:
        assert recovery.digest(connection) == recovery.digest(backup)
        assert connection.execute("SELECT first_id FROM append_events('[{}]')").fetchone() == (EVENTS + 1,)


def test_without_the_name_that_the_source_host_knows_it_is_refused_and_told_what_to_add(
    hosts: Hosts, source: str
) -> None:
    ended = recovery.run(["--from", f"127.0.0.1:{hosts.backup}", "--create", "--yes"], hosts.environment(hosts.source))
    assert ended.returncode == 4
    assert f"error: The source's server does not reach the backup at 127.0.0.1:{hosts.backup}." in ended.stderr
    assert "--from-server-host HOST[:PORT]" in ended.stderr
    # What was begun goes on when the same command has the right way.
    ways = ["--from", f"127.0.0.1:{hosts.backup}", "--from-server-host", "backup-host"]
    again = recovery.run([*ways, "--create", "--yes"], hosts.environment(hosts.source))
    assert again.returncode == 4, again.stderr
    assert f"backup-host:{hosts.backup}" in again.stderr
    again = recovery.run([*ways[:3], "backup-host:5432", "--yes"], hosts.environment(hosts.source))
    assert again.returncode == 0, again.stderr
