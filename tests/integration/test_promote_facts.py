"""What keeps a backup from becoming the source: who feeds it, what it lacks, what its role may not."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import psycopg
import pytest

from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding
from recovery.backup import Backup
from recovery.methods import promote
from tests.servers import Server, wait_for
from tests.slate import create_database

Connection = psycopg.Connection[tuple[Any, ...]]
SUBSCRIBE = "CREATE SUBSCRIPTION feeds CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false)"
UNSUBSCRIBE = "ALTER SUBSCRIPTION feeds SET (slot_name = NONE); DROP SUBSCRIPTION feeds"
OWNER = "CREATE ROLE promotes; ALTER TABLE events OWNER TO promotes; GRANT CREATE ON SCHEMA public TO promotes;"
GRANT = "GRANT CREATE ON DATABASE promote_facts TO promotes;"
ROLE = "SET LOCAL ROLE promotes"


@dataclass
class Looked:
    """As much of a backup as promoting asks for. No connection is its snapshot's."""

    place: str = "b:5432/e"
    last_id: int = 3
    unique: bool = True
    own: list[Any] = field(default_factory=list)

    @property
    def extent(self) -> Any:
        return type("Extent", (), {"unique_ids": self.unique})

    @property
    def snapshot(self) -> Any:
        return type("Snapshot", (), {"connections": lambda _, count: self.own})()


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """A destination with three events, for tests that roll back."""
    create_database(server, "promote_facts", "destination")
    with server.connect("promote_facts") as connection:
        connection.execute("INSERT INTO events SELECT n, now(), '1' FROM generate_series(1, 3) AS n")
    yield "promote_facts"
    server.drop("promote_facts")


@pytest.fixture
def backup(server: Server, database: str) -> Iterator[Connection]:
    """A transaction in it, rolled back in the end."""
    server.wait_until_alone(database)
    with server.transaction(database) as connection:
        yield connection


def run(connection: Connection, script: str) -> None:
    connection.execute(script.encode())


def examine(connection: Connection) -> tuple[list[Finding], tuple[str, ...]]:
    return promote.examine(connection, cast(Backup, Looked()))


def against(connection: Connection) -> list[str]:
    """The codes of what speaks against it."""
    # Else the sessions of a transaction's first look are shown again.
    run(connection, "SELECT pg_stat_clear_snapshot()")
    return [one.against.code for one in examine(connection)[0] if one.against]


@pytest.mark.parametrize(
    ("script", "codes"),
    [
        ("SELECT", []),
        ("CREATE TABLE id ()", ["target-not-new"]),
        ("CREATE SCHEMA slate; CREATE TABLE slate.recovery ()", ["target-not-new"]),
        ("CREATE SCHEMA slate", []),
        ("ALTER TABLE events DROP CONSTRAINT events_pkey, ALTER id DROP NOT NULL", ["invalid-backup"]),
        ("ALTER TABLE events ALTER ts DROP NOT NULL", ["invalid-backup"]),
        ("ALTER TABLE events ADD COLUMN more text", []),
        ("CREATE EXTENSION dblink", []),
        # What a server without PostgreSQL's contrib package shows.
        ("CREATE TEMP TABLE pg_available_extensions AS SELECT 'plpgsql'::name AS name", ["dblink-missing"]),
        ("CREATE SCHEMA other; CREATE EXTENSION dblink SCHEMA other", ["invalid-backup"]),
        ("CREATE SCHEMA other; CREATE EXTENSION pg_trgm SCHEMA other", []),
        (f"{OWNER} {GRANT} CREATE EXTENSION dblink; {ROLE}", []),
        (f"{OWNER} {GRANT} {ROLE}", ["no-right"]),
        (f"{OWNER} CREATE EXTENSION dblink; {ROLE}", ["no-right"]),
        (
            f"{OWNER} {GRANT} CREATE EXTENSION dblink; REVOKE CREATE ON SCHEMA public FROM promotes, PUBLIC; {ROLE}",
            ["no-right"],
        ),
        (f"{OWNER} {GRANT} CREATE EXTENSION dblink; ALTER TABLE events OWNER TO postgres; {ROLE}", ["no-right"]),
    ],
)
def test_a_backup_that_can_be_no_source_or_not_by_this_role_is_told(
    backup: Connection, script: str, codes: list[str]
) -> None:
    run(backup, script)
    assert against(backup) == codes


def test_indexes_that_a_source_has_are_missed(backup: Connection) -> None:
    assert examine(backup)[1] == ()
    run(backup, "DROP INDEX events_ts")
    findings, notes = examine(backup)
    assert notes == ("Index events_ts is missing; a source has it: CREATE INDEX events_ts ON public.events (ts);",)
    assert notes[0] in [one.text for one in findings]


# --- Who feeds it


def test_only_subscriptions_that_may_fill_its_events_are_named(
    server: Server, backup: Connection, database: str
) -> None:
    run(backup, SUBSCRIBE)
    try:
        assert against(backup) == ["backup-fed"]
        # It knows its tables now: another one, then events too.
        run(backup, "CREATE TABLE another (id int)")
        related = "INSERT INTO pg_subscription_rel SELECT oid, %s::regclass, 'r' FROM pg_subscription"
        backup.execute(related, ["another"])
        assert against(backup) == []
        backup.execute(related, ["events"])
        assert against(backup) == ["backup-fed"]
    finally:
        backup.rollback()
    with server.connect() as elsewhere:
        run(elsewhere, SUBSCRIBE)
        try:
            assert against(backup) == []
        finally:
            for command in UNSUBSCRIBE.split("; "):
                run(elsewhere, command)


@pytest.mark.parametrize(
    ("script", "feeds"),
    [
        ("SELECT 1", False),
        ("SELECT count(*) FROM events", False),
        ("SELECT 'inserted', 'copying', 'reinsert'", False),
        ("SELECT 1 AS insert", True),
        ("SELECT 1 AS copy", True),
        ("SELECT 1 AS merge", True),
        ("SET application_name = 'Slate-Replicator'", True),
        ("BEGIN; LOCK TABLE events IN ACCESS SHARE MODE; SELECT 1", False),
        ("BEGIN; LOCK TABLE events IN ROW SHARE MODE; SELECT 1", False),
        ("BEGIN; LOCK TABLE events IN ROW EXCLUSIVE MODE; SELECT 1", True),
        ("BEGIN; LOCK TABLE events IN SHARE MODE; SELECT 1", True),
        ("BEGIN; LOCK TABLE other IN ROW EXCLUSIVE MODE; SELECT 1", False),
    ],
)
def test_only_sessions_that_may_write_events_are_named(
    server: Server, backup: Connection, database: str, script: str, feeds: bool
) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(server.connect(database))
        run(other, "CREATE TABLE IF NOT EXISTS other (id int)")
        run(other, script)
        assert (against(backup) == ["backup-fed"]) is feeds
        if feeds:
            said = [one.against.why for one in examine(backup)[0] if one.against]
            assert f"session {other.info.backend_pid} of postgres at 127.0.0.1" in said[0]
        # In another database it feeds nothing here.
        elsewhere = stack.enter_context(server.connect())
        run(elsewhere, "SELECT 1 AS insert")
        other.close()
        wait_for(lambda: against(backup) == [], "the session's end")


def test_a_session_that_hides_what_it_does_counts_as_a_writer(
    server: Server, backup: Connection, database: str
) -> None:
    run(backup, f"{OWNER} {GRANT} CREATE EXTENSION dblink; {ROLE}")
    with server.connect(database) as other:
        run(other, "SELECT 1")
        assert against(backup) == ["backup-fed"]
        run(backup, "RESET ROLE; GRANT pg_read_all_stats TO promotes; SET LOCAL ROLE promotes")
        assert against(backup) == []


# --- Promoting it


def refusal(connection: Connection, looked: Looked) -> SlateError:
    with pytest.raises(SlateError) as caught:
        promote.promote(connection, cast(Backup, looked))
    return caught.value


def test_it_is_promoted_as_it_was_looked_at_or_not_at_all(backup: Connection) -> None:
    for last_id in (2, 4):
        said = refusal(backup, Looked(last_id=last_id))
        assert (said.code, said.why) == (
            "other-backup",
            f"It had ids 1 to {last_id}; now they are 1 to 3.",
        )
    with backup.transaction(force_rollback=True):
        run(backup, "DELETE FROM events WHERE id = 1")
        assert refusal(backup, Looked()).why == "It had ids 1 to 3; now they are 2 to 3."
    run(backup, SUBSCRIBE)
    assert refusal(backup, Looked()).code == "backup-fed"
    assert backup.execute("SELECT to_regclass('id'), to_regnamespace('slate')").fetchone() == (None, None)


@pytest.mark.parametrize("before", ["SELECT", "CREATE EXTENSION dblink", "CREATE SCHEMA slate"])
def test_promoted_it_is_a_source_that_goes_on_behind_its_last_event(backup: Connection, before: str) -> None:
    run(backup, before)
    assert promote.promote(backup, cast(Backup, Looked())) == 4
    assert backup.execute("SELECT first_id FROM append_events('[1]')").fetchone() == (4,)


def test_nobody_writes_while_it_is_promoted(backup: Connection) -> None:
    promote.promote(backup, cast(Backup, Looked()))
    held = "SELECT mode FROM pg_locks WHERE relation = 'events'::regclass AND pid = pg_backend_pid()"
    assert ("ShareRowExclusiveLock",) in backup.execute(held).fetchall()
    assert backup.execute("SHOW lock_timeout").fetchone() == ("10s",)


def test_our_own_sessions_are_no_writers(server: Server, backup: Connection, database: str) -> None:
    with server.connect(database) as own:
        run(own, "SELECT 1 AS insert")
        assert refusal(backup, Looked()).code == "backup-fed"
        assert promote.promote(backup, cast(Backup, Looked(own=[own]))) == 4


def test_nobody_stores_events_from_the_last_look_to_the_end_of_a_promotion(
    monkeypatch: pytest.MonkeyPatch, server: Server, name: str
) -> None:
    create_database(server, name, "destination")
    insert = "INSERT INTO events SELECT n, now(), '1' FROM generate_series(%s::bigint, 3) AS n"
    look = promote._feeders

    def look_and_write(connection: Connection, own: list[int]) -> Any:
        with server.connect(name) as writer:
            writer.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                writer.execute(insert, [3])
        server.wait_until_alone(name, connection)
        return look(connection, own)

    monkeypatch.setattr(promote, "_feeders", look_and_write)
    with server.connect(name) as connection:
        connection.execute(insert, [1])
        assert promote.promote(connection, cast(Backup, Looked(own=[connection]))) == 4
