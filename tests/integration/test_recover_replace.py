"""A corrupt source is set aside under another name, whole; nobody gets between, and nothing is lost silently."""

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from init_slate_db.core.addresses import Address
from init_slate_db.core.embedded import free_port
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import ConnectionOptions
from recovery.replacement import set_aside
from recovery.target import look
from tests.recovery import ONE_DIRECTION, Site, append, digest, make_backup, open_site, run, wait_for
from tests.servers import Server

OLD_EVENTS = 7


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup, and a source that is not what it should be."""
    with open_site(server, backup_server, name, tmp_path) as site:
        site.make_source()
        for _ in range(OLD_EVENTS):
            append(server, name)
        yield site


def digest_of(server: Server, database: str) -> str:
    with server.connect(database) as connection:
        return digest(connection)


def test_without_replace_an_existing_source_is_refused_and_stays_as_it_is(site: Site) -> None:
    databases, before = site.server.databases(), digest_of(site.server, site.name)
    for more in ([], ["--create"]):
        ended = site.run(*more)
        assert ended.returncode == ExitStatus.REFUSED
        assert f"error: {site.place} is not a new source.\n  It has 7 events, highest id 7, next id 8." in ended.stderr
        assert (
            "Add --replace to set it aside under another name, with all its data, and make a new one." in ended.stderr
        )
    assert (site.server.databases(), digest_of(site.server, site.name)) == (databases, before)
    assert append(site.server, site.name) == OLD_EVENTS + 1


def test_replace_keeps_the_old_database_with_all_its_data_under_a_name_with_the_time(site: Site) -> None:
    before = digest_of(site.server, site.name)
    told = site.recover("--replace")
    (aside,) = site.aside()
    assert re.fullmatch(rf"{site.name}_replaced_[0-9]{{8}}T[0-9]{{6}}Z", aside)
    assert f'The database that was there is "{aside}" now; drop it when nobody needs it.' in told["notes"]
    assert digest_of(site.server, aside) == before
    assert append(site.server, aside) == OLD_EVENTS + 1
    assert site.same_events()


def test_sessions_in_the_old_database_are_told_before_and_ended(site: Site) -> None:
    with site.server.connect(site.name, application_name="shop") as client:
        pid = client.info.backend_pid
        site.server.wait_until_alone(site.name, client)
        told = site.run("--replace", "--dry-run")
        line = f"session {pid} is in it and will be ended: postgres at 127.0.0.1 (shop)"
        assert line in told.stdout
        assert "ending 1 sessions in it" in told.stdout
        assert client.execute("SELECT 1").fetchone() == (1,)
        ended = site.run("--replace")
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert line in ended.stderr
        with pytest.raises(psycopg.OperationalError) as caught:
            client.execute("SELECT 1")
        assert caught.value.sqlstate == "57P01"


def test_slots_that_went_aside_are_told_with_what_ends_them(site: Site) -> None:
    slot = f"{site.name}_slot"
    with site.connect() as source:
        source.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (slot,))
    try:
        notes = site.recover("--replace")["notes"]
        (aside,) = site.aside()
        assert f'Slot {slot} of "{aside}" still keeps the server from removing log.' in " ".join(notes)
    finally:
        with site.server.connect() as server:
            server.execute("SELECT pg_drop_replication_slot(%s)", (slot,))


@dataclass
class Client:
    """A program that connects again and again, and stores an event each time. It never gives up."""

    site: Site
    stored: list[tuple[int, int]] = field(default_factory=list)
    refusals: set[str | None] = field(default_factory=set)
    stopping: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            try:
                with self.site.connect() as connection:
                    event = json.dumps([{"number": number}])
                    row: Any = connection.execute("SELECT first_id FROM append_events(%s)", [event]).fetchone()
                    self.stored.append((number, row[0]))
            except psycopg.Error as error:
                self.refusals.add(error.sqlstate)
            time.sleep(0.001)


@pytest.mark.parametrize("method", ["restore-events", "copy"])
def test_a_client_that_never_gives_up_gets_not_between_and_loses_nothing(site: Site, method: str) -> None:
    client = Client(site)
    thread = threading.Thread(target=client.work, daemon=True)
    thread.start()
    try:
        wait_for(lambda: client.stored, "the client to store an event")
        ended = site.run("--replace", "--method", method)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        wait_for(lambda: client.stored[-1][1] > 100, "the client to store an event in the recovered source")
    finally:
        client.stopping.set()
        thread.join()
    (aside,) = site.aside()
    found = set()
    for database in (aside, site.name):
        with site.server.connect(database) as connection:
            query = "SELECT (event ->> 'number')::int, id FROM events WHERE event ? 'number'"
            found |= set(connection.execute(query).fetchall())
    assert set(client.stored) <= found
    # What it could not store, it was told of: it is not let in, its session was ended, or no events are taken yet.
    assert client.refusals <= {None, "57P01", "SL004"}
    assert client.refusals
    with site.connect() as source, site.connect_backup() as backup:
        query = "SELECT id, ts, event FROM events WHERE id <= 100 ORDER BY id"
        assert source.execute(query).fetchall() == backup.execute(query).fetchall()


def test_a_database_that_cannot_be_opened_is_set_aside(site: Site) -> None:
    before = digest_of(site.server, site.name)
    with site.server.connect() as connection:
        connection.execute(f"ALTER DATABASE {site.name} ALLOW_CONNECTIONS false".encode())
        ended = site.run("--replace")
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        assert f"{site.place} cannot be read (" in ended.stderr
        assert f'database "{site.name}" is not currently accepting connections); it will be set aside' in ended.stderr
        (aside,) = site.aside()
        connection.execute(f'ALTER DATABASE "{aside}" ALLOW_CONNECTIONS true'.encode())
    assert digest_of(site.server, aside) == before
    assert site.same_events()


def test_a_corrupt_table_is_set_aside_as_it_is(site: Site) -> None:
    with site.server.connect() as connection:
        # A copy, of which the server holds no page in memory yet.
        connection.execute(f"ALTER DATABASE {site.name} RENAME TO {site.name}_replaced_copied".encode())
        copy = f"CREATE DATABASE {site.name} TEMPLATE {site.name}_replaced_copied STRATEGY file_copy"
        connection.execute(copy.encode())
        connection.execute(f"DROP DATABASE {site.name}_replaced_copied".encode())
    with site.connect() as connection:
        row: Any = connection.execute("SELECT pg_relation_filepath('events')").fetchone()
    file = site.server.cluster.data / row[0]
    garbage = b"\xff" * file.stat().st_size
    file.write_bytes(garbage)
    ended = site.run("--replace")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert f"{site.place} cannot be read (invalid page in block 0 of relation" in ended.stderr
    assert site.same_events()
    assert append(site.server, site.name) == 101
    (aside,) = site.aside()
    with site.server.connect(aside) as connection:
        assert connection.execute("SELECT id FROM id").fetchone() == (OLD_EVENTS + 1,)
    assert file.read_bytes() == garbage


def test_a_way_that_leads_nowhere_sets_nothing_aside(site: Site) -> None:
    before = site.server.databases()
    ended = site.run("--replace", "--from-server-host", f"127.0.0.1:{free_port()}")
    assert ended.returncode == ExitStatus.REFUSED
    assert "The source's server does not reach the backup at " in ended.stderr
    assert site.server.databases() == before
    assert append(site.server, site.name) == OLD_EVENTS + 1


def test_a_database_that_is_no_source_is_set_aside(site: Site) -> None:
    make_backup(site.server, site.name, 3)
    ended = site.run("--replace")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert f"{site.place} is no source that this version made; it will be set aside" in ended.stderr
    (aside,) = site.aside()
    with site.server.connect(aside) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (3,)


def test_replace_needs_no_database_to_replace(site: Site) -> None:
    site.server.drop(site.name)
    assert site.recover("--replace")["verdict"] == "identical"
    assert site.aside() == []


def test_a_new_source_is_used_as_it_is_and_not_set_aside(site: Site) -> None:
    site.make_source()
    assert site.recover("--replace")["verdict"] == "identical"
    assert site.aside() == []


def test_an_invalid_backup_sets_nothing_aside(site: Site) -> None:
    with site.connect_backup() as connection:
        connection.execute("DELETE FROM events WHERE id = 50")
    ended = site.run("--replace")
    assert ended.returncode == ExitStatus.REFUSED
    assert site.aside() == []
    assert append(site.server, site.name) == OLD_EVENTS + 1


@pytest.fixture
def operator(site: Site) -> Iterator[str]:
    """A role that owns the database and may make others, but is no superuser."""
    role = f"{site.name}_operator"
    with site.server.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'operator'".encode())
        connection.execute(f"ALTER DATABASE {site.name} OWNER TO {role}".encode())
        yield role
        for database in (site.name, *site.aside()):
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'.encode())
        connection.execute(f"DROP ROLE {role}".encode())


def test_who_could_not_make_the_new_source_sets_nothing_aside(site: Site, operator: str) -> None:
    environment = site.server.environment(PGUSER=operator, PGPASSWORD="operator")
    ended = run([*site.arguments, "--replace", "--yes"], environment)
    assert ended.returncode == ExitStatus.FAILED
    assert f'Role "{operator}" may not create the extension dblink' in ended.stderr
    assert site.aside() == []
    assert append(site.server, site.name) == OLD_EVENTS + 1


@ONE_DIRECTION
def test_a_session_that_the_operator_may_not_end_keeps_the_old_name_and_data(site: Site, operator: str) -> None:
    before = digest_of(site.server, site.name)
    options = ConnectionOptions(host="127.0.0.1", port=site.server.port, user=operator, password="operator")
    with site.connect() as session:
        # PostgreSQL waits for the session for five seconds, then gives up.
        target = look(Address(options, site.name), from_outside=True)
        with pytest.raises(SlateError, match=f"Sessions in {site.place} could not all be ended.") as caught:
            set_aside(target, f"{site.name}_replaced_never")
        target.close()
        assert caught.value.code == "server-error"
        assert "There is 1 other session using the database." in caught.value.why
        assert "GRANT pg_signal_backend" in caught.value.hint
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert site.aside() == []
    assert digest_of(site.server, site.name) == before


def test_who_may_end_sessions_ends_those_that_it_may_not_look_into(site: Site, operator: str) -> None:
    clerk = f"{site.name}_clerk"
    with site.server.connect() as connection:
        connection.execute(
            f"CREATE ROLE {clerk} LOGIN PASSWORD 'clerk'; GRANT pg_signal_backend TO {operator}".encode()
        )
    options = ConnectionOptions(host="127.0.0.1", port=site.server.port, user=operator, password="operator")
    try:
        with site.server.connect(site.name, user=clerk, password="clerk") as session:
            target = look(Address(options, site.name), from_outside=True)
            ((pid, who),) = target.sessions
            assert pid == session.info.backend_pid
            assert who.startswith(clerk)
            set_aside(target, f"{site.name}_replaced_whole")
            target.close()
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
        assert site.aside() == [f"{site.name}_replaced_whole"]
    finally:
        with site.server.connect() as connection:
            connection.execute(f"DROP ROLE {clerk}".encode())


def test_another_database_that_has_taken_the_name_meanwhile_is_left_alone(site: Site) -> None:
    options = ConnectionOptions(host="127.0.0.1", port=site.server.port, user="postgres", password=site.server.password)
    target = look(Address(options, site.name), from_outside=True)
    site.server.drop(site.name)
    for is_there in (False, True):
        if is_there:
            site.make_source()
        with pytest.raises(SlateError) as caught:
            set_aside(target, f"{site.name}_replaced_never")
        assert caught.value.code == "target-not-new"
        assert caught.value.what == f"{site.place} is no longer the database that was looked at."
    target.close()
    assert site.aside() == []
    assert site.name in site.server.databases()
