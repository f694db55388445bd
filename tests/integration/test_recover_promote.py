"""A backup is promoted to be the source itself: only when nothing feeds it any more, and then wholly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests.recovery import SOURCE_OBJECTS, Site, append, make_backup, open_site, run, wait_for
from tests.servers import Server
from tests.slate import create_database


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup of a hundred events, and another server, that it may have followed."""
    with open_site(server, backup_server, name, tmp_path) as site:
        yield site


def promote(site: Site) -> tuple[int, str]:
    """Promotes the backup. Returns the exit status, and what standard error has."""
    ended = run([*site.arguments, "--method", "promote", "--yes"], site.backup_server.environment())
    return ended.returncode, ended.stderr


def check_refused(site: Site, *sentences: str) -> None:
    """The backup is refused with these sentences, and nothing of a source is in it afterwards."""
    status, told = promote(site)
    assert status == ExitStatus.REFUSED
    for sentence in sentences:
        assert sentence in told
    with site.connect_backup() as connection:
        assert connection.execute("SELECT to_regclass('id'), to_regnamespace('slate')").fetchone() == (None, None)


def check_promoted(site: Site) -> None:
    status, told = promote(site)
    assert status == ExitStatus.DONE, told
    assert append(site.backup_server, site.backup) == 101


def test_a_promoted_backup_has_all_that_a_new_source_has(site: Site) -> None:
    pattern = f"{site.backup}_pattern"
    create_database(site.backup_server, pattern, "source")
    try:
        with site.backup_server.connect(pattern) as connection:
            expected = connection.execute(SOURCE_OBJECTS).fetchall()
    finally:
        site.backup_server.drop(pattern)
    check_promoted(site)
    with site.connect_backup() as connection:
        assert connection.execute(SOURCE_OBJECTS).fetchall() == expected
        with pytest.raises(psycopg.Error, match="cannot perform SQL command on events table"):
            connection.execute("DELETE FROM events")


def ending(name: str) -> list[str]:
    """The commands that a user is told to end the subscription with, also where its publisher is lost."""
    return [
        f'ALTER SUBSCRIPTION "{name}" DISABLE',
        f'ALTER SUBSCRIPTION "{name}" SET (slot_name = NONE)',
        f'DROP SUBSCRIPTION "{name}"',
    ]


@contextmanager
def subscription(site: Site) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A source, and a subscription of the backup's to its events. Gives a session in the backup."""
    site.make_source()
    with site.connect() as source, site.connect_backup() as backup:
        source.execute("CREATE PUBLICATION publication FOR TABLE events")
        dsn = psycopg.conninfo.make_conninfo(**site.server.parameters(site.name)).replace("'", "''")
        options = f"WITH (slot_name = {site.name})"
        backup.execute(f"CREATE SUBSCRIPTION feed CONNECTION '{dsn}' PUBLICATION publication {options}".encode())
        try:
            yield backup
        finally:
            if backup.execute("SELECT FROM pg_subscription WHERE subname = 'feed'").rowcount:
                for command in ending("feed"):
                    backup.execute(command.encode())
            free = "SELECT FROM pg_replication_slots WHERE database = current_database() AND active"
            wait_for(lambda: source.execute(free).rowcount == 0, "the subscription to leave its slot")
            source.execute("SELECT pg_drop_replication_slot(%s)", [site.name])


def test_a_subscription_is_named_with_what_ends_it(site: Site) -> None:
    fed = f"error: Something still writes to backup {site.backup_place}, or may do so."
    told = f'subscription "feed": {"; ".join(ending("feed"))}'
    with subscription(site) as backup:
        check_refused(site, fed, told)
        disable, *others = ending("feed")
        backup.execute(disable.encode())
        check_refused(site, fed, told)
        for command in others:
            backup.execute(command.encode())
        check_promoted(site)


def test_a_subscription_that_never_connected_is_named_too(site: Site) -> None:
    with site.connect_backup() as backup:
        backup.execute("""
            CREATE SUBSCRIPTION silent CONNECTION 'dbname=nowhere' PUBLICATION publication
            WITH (connect = false, slot_name = NONE)""")
        try:
            check_refused(site, f'subscription "silent": {"; ".join(ending("silent"))}')
        finally:
            backup.execute("DROP SUBSCRIPTION silent")


def test_a_session_that_inserts_is_named(site: Site) -> None:
    with site.backup_server.connect(site.backup, application_name="follower") as writer:
        writer.execute("INSERT INTO events VALUES (101, now(), '{}')")
        who = f"session {writer.info.backend_pid} of postgres at 127.0.0.1 (follower): stop that program"
        check_refused(site, "error: Something still writes to backup", who)
        writer.execute("SELECT 1")
        with writer.transaction():
            writer.execute("LOCK TABLE events IN ROW EXCLUSIVE MODE")
            check_refused(site, who)
    status, told = promote(site)
    assert status == ExitStatus.DONE, told
    assert append(site.backup_server, site.backup) == 102


def test_a_session_that_only_reads_hinders_nothing(site: Site) -> None:
    with site.connect_backup() as reader:
        reader.execute("SELECT count(*) FROM events")
        check_promoted(site)


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("ALTER TABLE events DROP CONSTRAINT events_pkey", "its ids have no unique index"),
        (
            "ALTER TABLE events DROP CONSTRAINT events_pkey; CREATE UNIQUE INDEX ON events (id) WHERE id > 1",
            "its ids have no unique index",
        ),
        ("ALTER TABLE events ALTER event DROP NOT NULL", "event may be null"),
        ("ALTER TABLE events ALTER ts DROP NOT NULL, ALTER event DROP NOT NULL", "ts, event may be null"),
    ],
)
def test_a_table_that_would_not_do_for_a_source_is_refused(site: Site, script: str, fault: str) -> None:
    make_backup(site.backup_server, site.backup, script=script)
    check_refused(site, f"error: Backup {site.backup_place} cannot be promoted: {fault}.")


def test_a_source_needs_no_promotion(site: Site) -> None:
    check_promoted(site)
    status, told = promote(site)
    assert status == ExitStatus.REFUSED
    assert f"error: Backup {site.backup_place} cannot be promoted: it is a source already." in told
    assert append(site.backup_server, site.backup) == 102


def test_a_backup_with_a_gap_is_refused(site: Site) -> None:
    make_backup(site.backup_server, site.backup, [1, 2, 4])
    check_refused(site, f"error: No source can be rebuilt from {site.backup_place}: event 3 is missing.")
