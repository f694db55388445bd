"""Databases that are prepared for snapshots."""

from typing import Any

import psycopg

from init_slate_db.core.sql_files import read_snapshot_objects
from tests.servers import Server

Connection = psycopg.Connection[tuple[Any, ...]]


def install(connection: Connection) -> None:
    """Prepares the database for snapshots."""
    with connection.transaction():
        for item in read_snapshot_objects():
            connection.execute(item.sql.encode())


def prepared(server: Server, name: str) -> Connection:
    """A connection to a new database that is prepared for snapshots."""
    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 ENCODING "UTF8"')
    connection = server.connect(name)
    install(connection)
    return connection


def snapshot(connection: Connection) -> int:
    """Takes a snapshot; its id."""
    (number,) = connection.execute("SELECT _snapshotid FROM pov()").fetchone() or (0,)
    return int(number)


def revision(connection: Connection) -> str:
    """The id of the revision that is live."""
    (found,) = connection.execute("SELECT _revisionid FROM pov()").fetchone() or ("",)
    return str(found)


def roll_back(connection: Connection, number: int) -> int:
    """Goes back to a snapshot; the id of the one that stands for that."""
    (new,) = connection.execute("SELECT _snapshotid FROM pov(%s)", [number]).fetchone() or (0,)
    return int(new)


def plan(connection: Connection, number: int) -> list[str]:
    """The commands that would lead back to a snapshot."""
    return [command for (command,) in connection.execute("SELECT command FROM pov.plan(%s) ORDER BY step", [number])]
