"""A source in partitions is recovered, compared and followed like any other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.links import Pair, close
from tests.partitions import SIZE, make_source
from tests.recovery import Site, address, append, digest, open_site, run
from tests.servers import Server
from tests.slate import create_database

EVENTS = 3456
_INDEXES = """
SELECT c.relname, i.indisvalid, pg_get_indexdef(c.oid), obj_description(c.oid, 'pg_class'),
       (SELECT count(*) FROM pg_inherits AS h WHERE h.inhparent = c.oid)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = 'events'::regclass ORDER BY 1
"""


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup of some partitions' events, and a new source in partitions with an index of its user."""
    with open_site(server, backup_server, name, tmp_path, EVENTS) as site:
        make_source(server, name)
        with site.connect() as source:
            source.execute("CREATE INDEX users_own ON events ((event ->> 'value')) WHERE id > 5")
            source.execute("COMMENT ON INDEX users_own IS 'the user''s'")
        yield site


@pytest.mark.parametrize("method", ["restore-events", "copy"])
def test_recovery_fills_partitions_and_brings_all_indexes_back(site: Site, method: str) -> None:
    with site.connect() as source:
        before = [
            (name, valid, definition, comment) for name, valid, definition, comment, _ in source.execute(_INDEXES)
        ]
    told = site.recover("--method", method)
    assert (told["verdict"], told["rows_restored"]) == ("identical", EVENTS)
    with site.connect() as source:
        after = source.execute(_INDEXES).fetchall()
        assert [row[:4] for row in after] == before
        # One of each partition: four hold events, one is ahead.
        assert {row[4] for row in after} == {5}
        assert source.execute("SELECT count(*) FROM events_3001").fetchone() == (EVENTS - 3 * SIZE,)
        states = source.execute("SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname = 'notify_insert'").fetchall()
        assert states == [("O",)]
    assert site.same_events()
    assert append(site.server, site.name) == EVENTS + 1


def test_restore_events_alone_fills_partitions(site: Site) -> None:
    info = site.backup_server.parameters(site.backup)
    with site.connect() as source:
        row = source.execute(
            "SELECT * FROM restore_events(%s, %s, %s, %s, %s)",
            (info["host"], info["dbname"], info["user"], info["password"], info["port"]),
        ).fetchone()
    assert row == (EVENTS, EVENTS + 1)
    assert site.same_events()
    with site.connect() as source:
        source.execute("SELECT append_events((SELECT jsonb_agg(n) FROM generate_series(1, 3000) AS n))")


def test_a_source_in_partitions_is_a_backup_like_any_other(site: Site) -> None:
    site.recover()
    copy = f"{site.name}_again"
    try:
        create_database(site.backup_server, copy, "source")
        ended = run(
            ["--from", address(site.server, site.name), "-d", copy, "--yes", "--method", "copy"],
            site.backup_server.environment(),
        )
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert ended.stdout.startswith("IDENTICAL")
        with site.backup_server.connect(copy) as again, site.connect() as source:
            assert digest(again) == digest(source)
    finally:
        site.backup_server.drop(copy)


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A source in partitions, and a destination without."""
    make_source(server, name)
    pair = Pair(server, backup_server, name)
    create_database(backup_server, pair.copy, "destination")
    try:
        pair.append(SIZE + 500)
        yield pair
    finally:
        close(pair)


def test_a_destination_follows_across_partitions(pair: Pair) -> None:
    pair.add()
    pair.wait_for_event(pair.append(4 * SIZE))
    pair.wait_for_event(pair.append())
    assert pair.same_events()
    assert pair.run("verify").returncode == ExitStatus.DONE
