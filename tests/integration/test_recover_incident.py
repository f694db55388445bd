"""A source is lost, with its server or without: it comes back from a backup, proven identical, and writers go on."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import servers
from tests.recovery import (
    REAL_EVENTS,
    SOURCE_OBJECTS,
    Connection,
    Site,
    address,
    append,
    digest,
    fill_real,
    make_backup,
    open_site,
    read_report,
    run,
)
from tests.servers import Server
from tests.slate import create_database

METHODS = ("restore-events", "copy")
INDEXES = """
SELECT pg_get_indexdef(c.oid), obj_description(c.oid, 'pg_class'), c.reloptions::text, t.spcname::text, i.indisvalid
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
WHERE i.indrelid = 'events'::regclass ORDER BY 1
"""


@pytest.fixture(scope="module")
def real_backup(backup_server: Server) -> Iterator[str]:
    """A backup under the name that both sides have where nobody names another, with the original system's events."""
    create_database(backup_server, "events", "destination")
    with backup_server.connect("events") as connection:
        fill_real(connection)
    yield "events"
    backup_server.drop("events")


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup of a hundred events, of the test's own."""
    with open_site(server, backup_server, name, tmp_path) as site:
        yield site


@pytest.fixture
def lost(server: Server, server_directory: Path, name: str) -> Iterator[Server]:
    """A new server in the place of one whose source was lost: killed with kill -9, its data folder removed."""
    folder = server_directory / f"lost-{name}"
    first = servers.start(folder, server.version)
    create_database(first, "events", "source")
    first.kill()
    shutil.rmtree(first.cluster.data)
    second = servers.start(folder, server.version)
    yield second
    second.cluster.stop("immediate")


def digest_of(server: Server, database: str) -> str:
    with server.connect(database) as connection:
        return digest(connection)


def listen(server: Server, database: str) -> Connection:
    connection = server.connect(database)
    connection.execute("LISTEN eventsinsert")
    return connection


def next_notification(listener: Connection) -> int:
    """The id of the event that the listener hears of next."""
    (heard,) = listener.notifies(timeout=10, stop_after=1)
    return int(json.loads(heard.payload)["id"])


def test_a_source_lost_with_its_server_comes_back_with_every_event(
    lost: Server, backup_server: Server, real_backup: str, tmp_path: Path
) -> None:
    report = tmp_path / "incident.json"
    origin = ["--from", f"127.0.0.1:{backup_server.port}", "--from-password", backup_server.password]
    ended = run([*origin, "--create", "--yes", "--report", str(report)], lost.environment())
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert ended.stdout.startswith("IDENTICAL: 13,050 events restored by restore-events, every one as in the backup\n")
    told = read_report(report)
    assert (told["verdict"], told["method"]) == ("identical", "restore-events")
    assert (told["rows_restored"], told["next_insert_id"]) == (REAL_EVENTS, REAL_EVENTS + 1)
    assert told["source"] == f"127.0.0.1:{lost.port}/events"
    assert told["backup"] == f"127.0.0.1:{backup_server.port}/events"
    assert (told["diff"]["identical"], told["diff"]["events_compared"]) == (True, REAL_EVENTS)
    assert digest_of(lost, "events") == digest_of(backup_server, real_backup)
    assert append(lost, "events") == REAL_EVENTS + 1


@pytest.mark.parametrize("method", METHODS)
def test_each_method_restores_every_event_exactly(site: Site, real_backup: str, method: str) -> None:
    real = Site(site.server, site.backup_server, site.name, real_backup, site.folder)
    told = real.recover("--create", "--method", method)
    assert (told["verdict"], told["method"], told["next_insert_id"]) == ("identical", method, REAL_EVENTS + 1)
    assert real.same_events()
    assert append(site.server, site.name) == REAL_EVENTS + 1


def test_a_promoted_backup_keeps_every_event_and_takes_the_next(server: Server, name: str, tmp_path: Path) -> None:
    create_database(server, name, "destination")
    with server.connect(name) as connection:
        fill_real(connection)
        before = digest(connection)
    told = promote(server, name, tmp_path)
    assert (told["method"], told["next_insert_id"]) == ("promote", REAL_EVENTS + 1)
    assert told["source"] == f"127.0.0.1:{server.port}/{name}"
    assert digest_of(server, name) == before
    assert append(server, name) == REAL_EVENTS + 1


def promote(server: Server, name: str, folder: Path) -> dict[str, Any]:
    """Promotes the backup, which must succeed. Returns the report."""
    report = folder / "report.json"
    arguments = ["--from", address(server, name), "--method", "promote", "--yes", "--report", str(report)]
    ended = run(arguments, server.environment())
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    return read_report(report)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("made", ["before", "by --create"])
def test_a_recovered_source_has_all_that_a_new_one_has(site: Site, method: str, made: str) -> None:
    site.make_source()
    with site.connect() as connection:
        expected = connection.execute(SOURCE_OBJECTS).fetchall()
    if made == "by --create":
        site.server.drop(site.name)
    site.recover("--create", "--method", method)
    with site.connect() as connection:
        assert connection.execute(SOURCE_OBJECTS).fetchall() == expected
        for table in ("recovery", "recovery_range", "recovery_command"):
            assert connection.execute(f"SELECT count(*) FROM slate.{table}".encode()).fetchone() == (0,)


@pytest.mark.parametrize("method", METHODS)
def test_listeners_of_a_source_hear_of_its_recovery_once_at_most(site: Site, method: str) -> None:
    site.make_source()
    with listen(site.server, site.name) as listener:
        site.recover("--method", method)
        assert len(list(listener.notifies(timeout=0))) <= 1
        append(site.server, site.name)
        assert next_notification(listener) == 101


def test_listeners_of_a_promoted_backup_hear_of_new_events_alone(server: Server, name: str, tmp_path: Path) -> None:
    make_backup(server, name)
    with listen(server, name) as listener:
        promote(server, name, tmp_path)
        assert list(listener.notifies(timeout=0)) == []
        append(server, name)
        assert next_notification(listener) == 101


@pytest.mark.parametrize("method", METHODS)
def test_the_users_own_indexes_are_kept(site: Site, space: str, method: str) -> None:
    site.make_source()
    with site.connect() as connection:
        connection.execute(
            f"""
            CREATE INDEX own_space ON events ((event ->> 'text')) TABLESPACE {space};
            CREATE UNIQUE INDEX own_unique ON events (id, ts) INCLUDE (event) WITH (fillfactor = 70);
            CREATE INDEX own_partial ON events USING gin (event jsonb_path_ops) WHERE id > 50;
            COMMENT ON INDEX own_partial IS 'it''s mine';
            ALTER TABLE events ADD CONSTRAINT own_constraint UNIQUE (ts, id);
            COMMENT ON CONSTRAINT own_constraint ON events IS 'mine, too'""".encode()
        )
        before = connection.execute(INDEXES).fetchall()
    site.recover("--method", method)
    with site.connect() as connection:
        assert connection.execute(INDEXES).fetchall() == before
        comment = "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = 'own_constraint'"
        assert connection.execute(comment).fetchone() == ("mine, too",)


def test_indexes_that_a_promoted_backup_lacks_are_named(server: Server, name: str, tmp_path: Path) -> None:
    make_backup(server, name, script="DROP INDEX events_event_operation, events_ts")
    notes = promote(server, name, tmp_path)["notes"]
    assert [note.partition(";")[0] for note in notes] == [
        "Index events_event_operation is missing",
        "Index events_ts is missing",
    ]
    with server.connect(name) as connection:
        # What is named is what brings it back.
        for note in notes:
            connection.execute(note.partition("a source has it: ")[2].encode())
