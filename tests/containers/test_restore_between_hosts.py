"""Two hosts on one network: the source's server knows the backup by a name that means nothing elsewhere."""

from collections.abc import Iterator

import pytest

from tests.commands import run
from tests.containers.hosts import NEED_AN_ENGINE, PASSWORD, Hosts, two_hosts

pytestmark = NEED_AN_ENGINE


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with two_hosts() as hosts:
        yield hosts


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
