"""slate-schema migrate where a consumer that is no subscription, Debezium or the like, follows the source."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import pq

from init_slate_db.core.errors import ExitStatus
from tests.publishing import Publishing, publishing
from tests.servers import Server, wait_for

SLOT = "SELECT pg_create_logical_replication_slot('{}', 'pgoutput')"
READ = """
SELECT count(*) FROM pg_logical_slot_get_binary_changes('{}', NULL, NULL, 'proto_version', '1',
                                                        'publication_names', 'for_debezium')
"""
ADD = "ALTER TABLE events ADD COLUMN origin text"


@pytest.fixture
def source(server: Server, name: str, tmp_path: Path) -> Iterator[Publishing]:
    """A source whose events a consumer gets by a slot that has the database's name and no subscription."""
    with publishing((server,), name, tmp_path) as source:
        source.ask("CREATE PUBLICATION for_debezium FOR ALL TABLES")
        source.ask(SLOT.format(name))
        try:
            yield source
        finally:
            source.ask(f"SELECT pg_drop_replication_slot('{name}')")


@pytest.fixture
def followed(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Publishing]:
    """The same, with a subscriber beside that consumer."""
    with publishing((server, backup_server), name, tmp_path) as followed:
        followed.ask("CREATE PUBLICATION for_debezium FOR TABLE events")
        followed.ask(SLOT.format(name))
        try:
            yield followed
        finally:
            followed.ask(f"SELECT pg_drop_replication_slot('{name}')")


def test_patches_that_the_consumer_does_not_see_are_applied_and_it_is_named(source: Publishing) -> None:
    source.write(
        p1_0_0_std="CREATE FUNCTION two() RETURNS integer LANGUAGE sql AS 'SELECT 2'; CREATE TABLE extra (n integer)",
        p1_1_0_std="CREATE INDEX events_late ON events (ts, id); ALTER TABLE events ALTER event SET DEFAULT '{}'",
        p2_0_0_direct="CREATE TABLE more (n integer)",
        p2_1_0_concurrent="CREATE INDEX CONCURRENTLY events_later ON events (ts, id)",
    )
    status, _, log = source.run("migrate", "--yes", "--all")
    assert status == ExitStatus.DONE, log
    slot = f"replication slot {source.names[0]} (not active)"
    assert f"-  {slot} is that of no node: patches that change a published table are refused\n" in log
    assert source.ledgers() == [["1-0-0", "1-1-0", "2-0-0", "2-1-0"]]
    status, told, _ = source.run("status")
    assert status == ExitStatus.DONE
    assert f"note: {slot} is that of no node" in told
    assert slot in json.loads(source.run("status", "--format", "json")[1])["notes"][0]


@pytest.mark.parametrize("kind", ["std", "direct"])
@pytest.mark.parametrize(
    ("patch", "told"),
    [
        (ADD, "adds column public.events.origin"),
        ("ALTER TABLE events DROP COLUMN ts", "drops column public.events.ts"),
        ("ALTER TABLE events RENAME COLUMN event TO document", "renames column public.events.event"),
        ("ALTER TABLE events ALTER id TYPE numeric", "changes the type of column public.events.id"),
    ],
)
def test_a_patch_that_the_consumer_would_see_is_refused_with_the_slot_and_what_can_be_done(
    source: Publishing, patch: str, told: str, kind: str
) -> None:
    source.write(**{f"p1_0_0_{kind}": patch})
    slot = source.names[0]
    for more in ((), ("--dry-run",)):
        said = source.refused(*more)
        assert f"patch-1-0-0-{kind}.sql changes what somebody follows by replication slot {slot} (not active)." in said
        assert f"  {told}\n" in said
        assert f"that copes with the change: --ignore-slot {slot}\n" in said
        assert "--node DSN" in said
        assert f"SELECT pg_drop_replication_slot('{slot}')" in said


def test_a_slot_that_is_ignored_does_not_stand_in_the_way_and_its_consumer_reads_on(source: Publishing) -> None:
    slot = source.names[0]
    source.ask(READ.format(slot))
    source.write(p1_0_0_std=ADD, p1_1_0_direct="ALTER TABLE events RENAME COLUMN origin TO place")
    status, _, log = source.run("migrate", "--yes", "--all", "--ignore-slot", slot)
    assert status == ExitStatus.DONE, log
    assert f"-  replication slot {slot} (not active) is that of no node: ignored\n" in log
    assert source.ledgers() == [["1-0-0", "1-1-0"]]
    source.append()
    ((count,),) = source.ask(READ.format(slot))
    assert count > 2


@contextmanager
def reading(source: Publishing) -> Iterator[None]:
    """A consumer that is connected, as Debezium is."""
    slot = source.names[0]
    options = "proto_version '1', publication_names 'for_debezium'"
    with psycopg.connect(source.address(0), replication="database", autocommit=True) as consumer:
        command = f"START_REPLICATION SLOT {slot} LOGICAL 0/0 ({options})"
        assert consumer.pgconn.exec_(command.encode()).status == pq.ExecStatus.COPY_BOTH
        yield
        # It is in the middle of a stream, which only the end of the connection ends.
        consumer.pgconn.finish()
    wait_for(lambda: source.ask("SELECT NOT bool_or(active) FROM pg_replication_slots") == [(True,)], "its end")


def test_a_consumer_that_is_connected_is_told_as_active(source: Publishing) -> None:
    source.write(p1_0_0_std=ADD)
    with reading(source):
        assert f"by replication slot {source.names[0]} (active)." in source.refused()


def test_beside_a_consumer_that_is_ignored_subscribers_keep_their_order(followed: Publishing) -> None:
    followed.write(p1_0_0_std=ADD)
    assert "--ignore-slot" in followed.refused()
    followed.migrate("--ignore-slot", followed.names[0])
    followed.append()
    assert followed.ledgers() == [["1-0-0"]] * 2
    began = "SELECT extract(epoch FROM started_at) FROM slate.patch"
    assert followed.ask(began, 1) < followed.ask(began)


def test_the_slot_of_a_node_cannot_be_ignored(followed: Publishing) -> None:
    followed.write(p1_0_0_std=ADD)
    said = followed.refused("--ignore-slot", followed.link(), "--ignore-slot", followed.names[0])
    assert f"Replication slot {followed.link()}, which you say to ignore, is that of {followed.place(1)}" in said


def test_a_slot_that_is_not_there_is_warned_of(source: Publishing) -> None:
    source.write(p1_0_0_std="SELECT 1")
    _, _, log = source.run("migrate", "--yes", "--ignore-slot", "debezum")
    assert f"warning: {source.place(0)} has no replication slot debezum to ignore." in log


def test_the_slot_of_a_physical_replica_does_not_matter(server: Server, name: str, tmp_path: Path) -> None:
    with publishing((server,), name, tmp_path) as source:
        source.ask(f"SELECT pg_create_physical_replication_slot('{name}', true)")
        try:
            source.write(p1_0_0_std=ADD)
            status, _, log = source.run("migrate", "--yes")
            assert status == ExitStatus.DONE, log
            assert "slot" not in log
        finally:
            source.ask(f"SELECT pg_drop_replication_slot('{name}')")
