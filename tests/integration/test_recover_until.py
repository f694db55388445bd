"""A recovery up to an event, or up to a moment: exactly the events up to there, and the next id follows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.recovery import ONE_DIRECTION, Site, append, make_backup, open_site
from tests.servers import Server

METHODS = ("restore-events", "copy")
INDIA = timezone(timedelta(hours=5, minutes=30))

pytestmark = ONE_DIRECTION


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup of a hundred events, about a second apart."""
    with open_site(server, backup_server, name, tmp_path) as site:
        yield site


def moment_of(site: Site, number: int) -> datetime:
    """When the backup's event was stored, to the microsecond."""
    with site.connect_backup() as connection:
        row: Any = connection.execute("SELECT ts FROM events WHERE id = %s", [number]).fetchone()
    return row[0]  # type: ignore[no-any-return]


def check_recovered(site: Site, told: dict[str, Any], last: int) -> None:
    """The source has the events up to the last, no other one, and the report and the next id say so."""
    assert (told["verdict"], told["rows_restored"], told["next_insert_id"]) == ("identical", last, last + 1)
    assert told["diff"]["events_compared"] == last
    assert (told["diff"]["left"]["highest_id"], told["diff"]["right"]["highest_id"]) == (last, last)
    query = "SELECT id, ts, event::text FROM events WHERE id <= %s ORDER BY id"
    with site.connect() as source, site.connect_backup() as backup:
        assert source.execute(query, [1000]).fetchall() == backup.execute(query, [last]).fetchall()
    assert append(site.server, site.name) == last + 1


def check_refused(site: Site, fault: str, *more: str) -> None:
    ended = site.run("--create", *more)
    assert ended.returncode == ExitStatus.REFUSED
    assert f"error: No source can be rebuilt from {site.backup_place}: {fault}." in ended.stderr
    assert site.name not in site.server.databases()


@pytest.mark.parametrize("method", METHODS)
def test_up_to_an_event_means_with_that_event(site: Site, method: str) -> None:
    check_recovered(site, site.recover("--create", "--until-id", "40", "--method", method), 40)


def test_up_to_a_moment_means_with_the_event_of_that_moment(site: Site) -> None:
    told = site.recover("--create", "--until", moment_of(site, 40).astimezone(INDIA).isoformat())
    check_recovered(site, told, 40)


def test_a_microsecond_before_an_event_leaves_it_out(site: Site) -> None:
    before = moment_of(site, 40) - timedelta(microseconds=1)
    check_recovered(site, site.recover("--create", "--until", before.isoformat(), "--method", "copy"), 39)


def test_a_moment_after_the_last_event_means_all(site: Site) -> None:
    check_recovered(site, site.recover("--create", "--until", "2030-01-01T00:00:00Z"), 100)


def test_a_moment_without_a_time_zone_is_wrong(site: Site) -> None:
    ended = site.run("--create", "--until", "2026-11-21T03:00:00")
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    assert '--until: "2026-11-21T03:00:00" names no time zone: add Z for UTC, or +01:00' in ended.stderr


def test_a_moment_before_the_first_event_is_refused(site: Site) -> None:
    check_refused(site, "it has no event up to 2025-01-01 00:00:00Z", "--until", "2025-01-01T00:00:00Z")


def test_a_moment_among_times_out_of_order_is_refused_with_the_ids(site: Site) -> None:
    with site.connect_backup() as connection:
        connection.execute("UPDATE events SET ts = '2026-02-01Z' WHERE id = 30")
    moment = f"{moment_of(site, 40).astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    check_refused(
        site, f"event 30 is later than {moment}, but event 40 is not", "--until", moment_of(site, 40).isoformat()
    )


def test_an_event_behind_the_backups_end_is_refused(site: Site) -> None:
    check_refused(site, "it ends at event 100, before 101", "--until-id", "101")


@pytest.mark.parametrize("method", METHODS)
def test_a_backup_with_a_gap_serves_up_to_the_gap(site: Site, method: str) -> None:
    make_backup(site.backup_server, site.backup, [*range(1, 51), *range(52, 61)])
    check_refused(site, "event 51 is missing", "--until-id", "52")
    check_recovered(site, site.recover("--create", "--until-id", "50", "--method", method), 50)
