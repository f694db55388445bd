"""Snapshots of event stores: broken code comes back, events stay; and databases that are made with snapshots."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.sql_files import TableType, read_snapshot_objects
from tests import commands
from tests.integration.test_roles import drop_roles
from tests.servers import Server
from tests.snapshots import COMMAND, Database

INSERT = """SELECT insert_events('($1[1], $2, ''{"entityName": "Person", "operation": "create"}'')')"""
BREAK = """
CREATE OR REPLACE FUNCTION insert_events(insertValues text) RETURNS integer LANGUAGE plpgsql AS
$$ BEGIN UPDATE id SET id = id + 7; RETURN 1 / 0; END $$
"""
DIGEST = """
SELECT count(*), min(id), max(id), encode(sha256(string_agg(convert_to(e::text, 'UTF8'), '' ORDER BY id)), 'hex'),
       pg_relation_filenode('events') FROM events AS e
"""


def create(server: Server, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return commands.run(["-n", name, *arguments], server.environment())


@pytest.fixture
def source(server: Server, name: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A source that init-slate-db has made, with the further arguments of the parameter."""
    further = getattr(request, "param", [])
    try:
        made = create(server, name, "-t", "source", "--with-snapshots", *further)
        assert made.returncode == ExitStatus.DONE, made.stderr
        with server.connect(name) as connection:
            yield Database(server, name, connection)
    finally:
        server.drop(name)
        drop_roles(server, "snapstore")


VARIANTS = [[], ["--partition-size", "1000"], ["--roles", "snapstore"]]


@pytest.mark.parametrize("source", VARIANTS, indirect=True, ids=["plain", "partitions", "roles"])
def test_a_broken_insert_events_comes_back_and_no_event_is_touched(source: Database) -> None:
    source.do(*[INSERT] * 3)
    source.said("snapshot", "--note", "good")
    events = source.rows(DIGEST)
    source.do(BREAK, "DROP TRIGGER notify_insert ON events", "ALTER TABLE events DISABLE TRIGGER ALL")
    with pytest.raises(psycopg.errors.DivisionByZero, match="division by zero"):
        source.do(INSERT)
    said = source.said("diff", "1", status=ExitStatus.DIFFERENT)
    assert "~ function public.insert_events(text)" in said
    source.said("rollback", "1", "--yes")
    assert source.rows(DIGEST) == events
    source.do(INSERT)
    assert source.rows("SELECT count(*), max(id) FROM events") == [(4, 4)]
    assert source.rows("SELECT id FROM id") == [(5,)]
    with pytest.raises(psycopg.Error, match="cannot perform SQL command on events table"):
        source.do("DELETE FROM events")


@pytest.mark.parametrize("source", VARIANTS, indirect=True, ids=["plain", "partitions", "roles"])
def test_one_made_with_snapshots_takes_the_same_ones_as_one_prepared_later(source: Database) -> None:
    first = source.told("snapshot")
    further = source.rows("SELECT count(*) FROM pg_proc WHERE pronamespace = 'pov'::regnamespace")
    assert first["snapshot"] == 1
    source.do("DROP SCHEMA pov CASCADE", "DROP FUNCTION IF EXISTS pov(), pov(integer)")
    source.said("install", "--yes")
    assert source.told("snapshot") == first
    assert source.rows("SELECT count(*) FROM pg_proc WHERE pronamespace = 'pov'::regnamespace") == further


def test_with_roles_snapshots_are_the_owners_and_the_model_has_no_difference(server: Server, name: str) -> None:
    try:
        assert create(server, name, "-t", "source", "--roles", "snapstore", "--with-snapshots").returncode == 0
        with server.connect(name) as connection:
            owners = "SELECT DISTINCT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'pov'::regnamespace"
            assert connection.execute(owners).fetchall() == [("snapstore_owner",)]
        checked = commands.run(["check", "-d", name], server.environment(), COMMAND)
        assert checked.returncode == ExitStatus.DONE, checked.stdout
    finally:
        server.drop(name)
        drop_roles(server, "snapstore")


def test_a_destination_takes_snapshots_too(server: Server, name: str) -> None:
    assert create(server, name, "-t", "destination", "--with-snapshots").returncode == ExitStatus.DONE
    taken = commands.run(["snapshot", "-d", name], server.environment(), COMMAND)
    assert taken.stdout.startswith("Snapshot 1: 0 objects, ")


@pytest.mark.parametrize("table_type", ["source", "destination"])
def test_the_plan_and_the_script_have_the_snapshots_only_where_asked_for(table_type: TableType) -> None:
    objects = read_snapshot_objects()
    plain = commands.run(["-n", "x", "-t", table_type, "--dry-run"], {}).stdout
    asked = commands.run(["-n", "x", "-t", table_type, "--dry-run", "--with-snapshots"], {}).stdout
    assert "snapshots" not in plain
    assert "\n  snapshots  prepared for them\n" in asked
    titles = [line.split(maxsplit=1)[1] for line in asked.splitlines() if "  snapshots: " in line]
    assert titles == [f"snapshots: {item.name}" for item in objects]
    script = commands.run(["-n", "x", "-t", table_type, "--sql", "--with-snapshots"], {}).stdout
    positions = [script.index(item.sql.strip().removesuffix(";")) for item in objects]
    assert positions == sorted(positions)
    assert script.index("BEGIN;") < positions[0] < positions[-1] < script.index("COMMIT;")
    assert "pov" not in commands.run(["-n", "x", "-t", table_type, "--sql"], {}).stdout


@pytest.mark.parametrize(
    "verb", ["snapshot", "history", "show 1", "diff 1", "rollback 1 --yes", "rollback 1 --dry-run", "prune --keep 1"]
)
def test_a_database_that_is_not_prepared_says_what_to_run(server: Server, name: str, verb: str) -> None:
    assert create(server, name, "-t", "destination").returncode == ExitStatus.DONE
    ended = commands.run([*verb.split(), "-d", name], server.environment(), COMMAND)
    assert ended.returncode == ExitStatus.REFUSED
    assert ended.stdout == ""
    assert ended.stderr == (
        f"error: 127.0.0.1:{server.port}/{name} is not prepared for snapshots.\n"
        "  It has no schema pov.\n"
        "  Run slate-schema install first, as the owner of the database.\n"
    )
