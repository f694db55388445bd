"""Snapshots of event stores: whatever becomes of their functions, a rollback brings them back, and the events stay."""

from collections.abc import Iterator

import psycopg
import pytest

from init_slate_db.core.creation.plan import ROLES
from tests import commands, partitions
from tests.pov import Connection, install, revision, roll_back, snapshot
from tests.servers import Server

BREAK = """
CREATE OR REPLACE FUNCTION append_events(events jsonb, OUT first_id bigint, OUT last_id bigint, OUT ts timestamptz)
LANGUAGE sql AS 'SELECT 1 / 0, 1::bigint, now()';
ALTER TABLE events DISABLE TRIGGER check_sql_command;
DROP TRIGGER notify_insert ON events;
DROP FUNCTION restore_events
"""
STATE = "SELECT count(*), min(id), max(id), md5(string_agg(e::text, '|' ORDER BY id)) FROM events AS e"


@pytest.fixture
def prefix(server: Server, name: str) -> Iterator[str]:
    """A prefix of roles, which are gone after the test."""
    prefix = f"pov_{name}"
    yield prefix
    server.drop(name)
    with server.connect() as connection:
        for role in ROLES:
            connection.execute(f"DROP ROLE IF EXISTS {prefix}_{role}".encode())


def states(connection: Connection) -> list[object]:
    """The events, and the file of every table that holds some."""
    files = "SELECT relid::text, pg_relation_filenode(relid) FROM pg_partition_tree('events') ORDER BY 1"
    return [connection.execute(STATE.encode()).fetchone(), connection.execute(files).fetchall()]


def breaks_and_comes_back(connection: Connection, taken: int, digest: str) -> None:
    connection.execute(BREAK.encode())
    with pytest.raises(psycopg.errors.DivisionByZero):
        partitions.append(connection, 1)
    before = states(connection)
    roll_back(connection, taken)
    assert revision(connection) == digest
    assert states(connection) == before


def test_a_source_in_partitions_comes_back_whatever_partitions_were_added(server: Server, name: str) -> None:
    partitions.make_source(server, name)
    with server.connect(name) as connection:
        install(connection)
        partitions.append(connection, 10)
        taken, digest = snapshot(connection), revision(connection)
        partitions.append(connection, 3 * partitions.SIZE)
        assert revision(connection) == digest, "partitions are data"
        breaks_and_comes_back(connection, taken, digest)
        assert partitions.append(connection, 1) == (3 * partitions.SIZE + 11,) * 2
        with pytest.raises(psycopg.Error, match="cannot perform SQL command on events table"):
            connection.execute("DELETE FROM events")


@pytest.mark.parametrize("options", [(), ("--partition-size", str(partitions.SIZE))], ids=["plain", "partitions"])
def test_a_source_with_roles_comes_back_by_its_owner_and_every_role_keeps_its_rights(
    server: Server, name: str, prefix: str, options: tuple[str, ...]
) -> None:
    made = commands.run(["-n", name, "-t", "source", "--roles", prefix, *options], server.environment())
    assert made.returncode == 0, made.stderr
    with server.connect(name) as connection:
        connection.execute(f"GRANT CREATE ON SCHEMA public TO {prefix}_owner".encode())
        connection.execute(f"GRANT CREATE ON DATABASE {name} TO {prefix}_owner".encode())
        connection.execute(f"SET ROLE {prefix}_owner".encode())
        install(connection)
        partitions.append(connection, 10)
        taken, digest = snapshot(connection), revision(connection)
        breaks_and_comes_back(connection, taken, digest)
        connection.execute(f"SET ROLE {prefix}_writer".encode())
        assert partitions.append(connection, 1) == (11, 11)
        connection.execute(f"SET ROLE {prefix}_reader".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            partitions.append(connection, 1)
