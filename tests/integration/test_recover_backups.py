"""Only a whole backup is recovered from; of several, the most advanced one that the others do not contradict."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.addresses import Address, reach
from init_slate_db.core.embedded import free_port
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import ConnectionOptions
from recovery.backup import look
from recovery.methods import copy
from recovery.options import BackupAddress
from tests.proxy import Proxy
from tests.recovery import ONE_DIRECTION, Site, address, append, make_backup, open_site, run
from tests.servers import Server
from tests.slate import create_database

METHODS = ("restore-events", "copy")
OTHER_TABLE = "DROP TABLE events; CREATE TABLE events (id integer PRIMARY KEY, ts timestamptz, note text)"

pytestmark = ONE_DIRECTION


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup of a hundred events, of the test's own."""
    with open_site(server, backup_server, name, tmp_path) as site:
        yield site


@pytest.fixture
def further(site: Site) -> Iterator[Callable[..., str]]:
    """Makes one more backup, and returns its name."""
    made: list[str] = []

    def make(events: int | Iterable[int], script: str = "") -> str:
        made.append(f"{site.backup}_{len(made) + 2}")
        make_backup(site.backup_server, made[-1], events, script)
        return made[-1]

    yield make
    for name in made:
        site.backup_server.drop(name)


def place(site: Site, backup: str) -> str:
    return f"127.0.0.1:{site.backup_server.port}/{backup}"


def origins(site: Site, *backups: str) -> list[str]:
    """Options that name the site's backup and those."""
    more = [word for backup in backups for word in ("--from", address(site.backup_server, backup))]
    return [*more, "--create"]


# --- One backup


@pytest.mark.parametrize(
    ("ids", "fault"),
    [
        ([], "it has no events."),
        ([1, 2, 4], "event 3 is missing."),
        ([2, 3], "event 1 is missing."),
        ([0, 1, 2], "its lowest id is 0, not 1."),
        ([-1, 0], "its highest id is 0."),
        ([1, 2, 2, 3], "event 2 is there twice."),
        ([1, 2, 2, 4], "event 2 is there twice."),
        ([1, 1, 1], "event 1 is there twice."),
    ],
    ids=str,
)
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_made(site: Site, ids: list[int], fault: str) -> None:
    make_backup(site.backup_server, site.backup, ids)
    ended = site.run("--create")
    assert ended.returncode == ExitStatus.REFUSED
    assert f"error: No source can be rebuilt from {site.backup_place}: {fault}" in ended.stderr
    assert site.name not in site.server.databases()


def test_what_is_no_event_store_is_refused_before_anything_is_made(site: Site) -> None:
    make_backup(site.backup_server, site.backup, 0, OTHER_TABLE)
    ended = site.run("--create")
    assert ended.returncode == ExitStatus.REFUSED
    assert f"error: The database at {site.backup_place} is no event store.\n" in ended.stderr
    assert "id is integer instead of bigint, event is not there.\n" in ended.stderr
    assert site.name not in site.server.databases()


@pytest.mark.parametrize("method", METHODS)
def test_an_invalid_backup_leaves_a_new_source_as_it_was(site: Site, method: str) -> None:
    site.make_source()
    make_backup(site.backup_server, site.backup, [1, 3])
    assert site.run("--method", method).returncode == ExitStatus.REFUSED
    assert append(site.server, site.name) == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_backup_that_is_written_to_meanwhile_is_restored_as_of_one_moment(site: Site, method: str) -> None:
    stopping = threading.Event()
    stored = 100

    def follow() -> None:
        nonlocal stored
        with site.connect_backup() as connection:
            while not stopping.is_set():
                connection.execute("INSERT INTO events VALUES (%s, now(), '{}')", [stored + 1])
                stored += 1

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        told = site.recover("--create", "--method", method)
    finally:
        stopping.set()
        thread.join()
    last = told["rows_restored"]
    assert (told["verdict"], told["next_insert_id"]) == ("identical", last + 1)
    assert 100 <= last < stored
    query = "SELECT id, ts, event FROM events WHERE id <= %s ORDER BY id"
    with site.connect() as source, site.connect_backup() as backup:
        assert source.execute(query, [stored]).fetchall() == backup.execute(query, [last]).fetchall()


def test_the_source_itself_is_no_backup_of_it(site: Site) -> None:
    create_database(site.server, site.name, "source")
    append(site.server, site.name)
    # By another name of the same server.
    origin = address(site.server, site.name, host="localhost")
    for more in ([], ["--replace"]):
        ended = run(["--from", origin, "-d", site.name, "--yes", *more], site.server.environment())
        assert ended.returncode == ExitStatus.REFUSED
    assert f"error: {site.place}: the backup is the database to be rebuilt itself." in ended.stderr
    assert site.aside() == []
    assert append(site.server, site.name) == 2


# --- The way from the source's server


@pytest.fixture
def reader(site: Site) -> Iterator[str]:
    """A role with the same password on both servers, and a database on the source's with the name of the backup."""
    role = f"{site.name}_reader"
    make_backup(site.server, site.backup)
    for server in (site.server, site.backup_server):
        with server.connect(site.backup) as connection:
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'same'; GRANT SELECT ON events TO {role}".encode())
    yield role
    for server in (site.server, site.backup_server):
        server.drop(site.backup)
        with server.connect() as connection:
            connection.execute(f"DROP ROLE {role}".encode())


def test_another_database_at_the_end_of_the_way_is_refused(site: Site, reader: str) -> None:
    site.make_source()
    origin = address(site.backup_server, site.backup, user=reader, password="same")
    way = f"127.0.0.1:{site.server.port}"
    arguments = ["--from", origin, "-d", site.name, "--yes", "--from-server-host", way]
    ended = run(arguments, site.server.environment())
    assert ended.returncode == ExitStatus.REFUSED
    sentence = f"The source's server finds another database at {way} than backup {site.backup_place}."
    assert f"error: {sentence}" in ended.stderr
    assert "--from-server-host HOST[:PORT], or use --method copy." in ended.stderr
    assert append(site.server, site.name) == 1


def test_a_way_that_leads_nowhere_is_refused_and_copy_needs_none(site: Site) -> None:
    site.make_source()
    way = f"127.0.0.1:{free_port()}"
    ended = site.run("--from-server-host", way)
    assert ended.returncode == ExitStatus.REFUSED
    assert f"error: The source's server does not reach the backup at {way}." in ended.stderr
    assert "Connection refused" in ended.stderr
    assert site.recover("--method", "copy", "--from-server-host", way)["verdict"] == "identical"


def test_the_source_server_goes_the_way_that_is_named_for_it(site: Site) -> None:
    with Proxy(site.backup_server) as way:
        told = site.recover("--create", "--from-server-host", f"127.0.0.1:{way.port}")
        # Once to see that it is the backup, and then on two connections.
        assert way.connections == 3
    assert told["backup"] == site.backup_place
    assert site.same_events()


# --- Several backups


def test_of_several_backups_the_most_advanced_is_taken_and_says_why(site: Site, further: Callable[..., str]) -> None:
    ahead = further(120)
    ended = site.run(*origins(site, ahead))
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert f"{place(site, ahead)} is taken: the most advanced of 2 that agree" in ended.stderr
    assert append(site.server, site.name) == 121


@pytest.mark.parametrize(
    ("ids", "fault"),
    [
        ([*range(1, 50), *range(51, 201)], "event 50 is missing"),
        ([*range(1, 201), 50], "event 50 is there twice"),
        ([], "no events; it has no events"),
    ],
    ids=["gap", "duplicate", "empty"],
)
def test_an_invalid_backup_among_several_is_named_and_stops_nothing(
    site: Site, further: Callable[..., str], ids: list[int], fault: str
) -> None:
    other = further(ids)
    ended = site.run(*origins(site, other))
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith(f"  no  backup {place(site, other)}: ")]
    assert line.endswith(fault)
    assert f"{site.backup_place} is taken: the only valid one" in ended.stderr
    assert site.same_events()


def test_a_backup_that_cannot_be_reached_is_named_and_stops_nothing(site: Site) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    ended = site.run("--from", nowhere, "--create", "--connect-timeout", "500")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert f"no  No PostgreSQL server answers at {nowhere}." in ended.stderr
    assert f"{site.backup_place} is taken: the only valid one" in ended.stderr


def test_a_backup_that_two_others_contradict_is_named_and_not_taken(site: Site, further: Callable[..., str]) -> None:
    odd = further(200, "UPDATE events SET ts = ts + interval '1 microsecond' WHERE id = 60")
    agreeing = further(150)
    ended = site.run(*origins(site, odd, agreeing))
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    said = f"no  backup {place(site, odd)}: event 60 differs from that of the others, which agree"
    assert said in ended.stderr
    assert f"{place(site, agreeing)} is taken: the most advanced of 2 that agree" in ended.stderr
    assert append(site.server, site.name) == 151


def test_two_backups_that_disagree_are_refused_with_the_first_event(site: Site, further: Callable[..., str]) -> None:
    other = further(120, "UPDATE events SET event = '{}' WHERE id IN (60, 70)")
    ended = site.run(*origins(site, other))
    assert ended.returncode == ExitStatus.REFUSED
    both = " and ".join(sorted((site.backup_place, place(site, other))))
    assert f"error: The backups {both} disagree, first on event 60." in ended.stderr
    assert site.name not in site.server.databases()


def test_no_valid_backup_among_several_is_refused(site: Site, further: Callable[..., str]) -> None:
    with site.connect_backup() as connection:
        connection.execute("DELETE FROM events WHERE id = 7")
    ended = site.run(*origins(site, further([])))
    assert ended.returncode == ExitStatus.REFUSED
    assert f"error: No source can be rebuilt from {site.backup_place}: event 7 is missing." in ended.stderr
    assert site.name not in site.server.databases()


def test_a_range_of_which_the_backup_gives_less_is_not_stored(site: Site) -> None:
    site.make_source()
    with site.connect() as writer, site.connect_backup() as reader:
        writer.execute("SELECT slate.begin_recovery('copy', '{}', 100)")
        reader.execute("DELETE FROM events WHERE id = 50")
        with pytest.raises(psycopg.DataError, match="the backup gave 99 events for the ids 1 to 100"):
            copy._copy_range((1, 100), reader, writer)
        assert writer.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert copy._copy_range((1, 49), reader, writer) == 49
        assert copy.stored_ranges(writer) == [(1, 49)]


@pytest.mark.parametrize("changed", [None, 1, 20, 21, 40])
def test_what_was_copied_before_is_compared_in_every_range(site: Site, changed: int | None) -> None:
    site.make_source()
    with site.connect() as writer, site.connect_backup() as reader:
        writer.execute("SELECT slate.begin_recovery('copy', '{}', 100)")
        for one in ((1, 20), (21, 40)):
            copy._copy_range(one, reader, writer)
        reader.execute("UPDATE events SET event = '1' WHERE id = %s", [changed])
    origin = ConnectionOptions(dsn=address(site.backup_server, site.backup))
    target = ConnectionOptions(dsn=address(site.server, site.name))
    source, reached = (reach(Address(one, ""), "test") for one in (target, origin))
    backup = look(BackupAddress(Address(origin, "")), reached, None, None)
    with source.connection, closing(backup.snapshot):
        if changed is None:
            copy.recheck(source, backup)
            return
        with pytest.raises(SlateError) as refused:
            copy.recheck(source, backup)
    first = 1 if changed <= 20 else 21
    assert refused.value.code == "other-backup"
    assert f"its events {first} to {first + 19} are not those copied before" in refused.value.what
