"""Databases that are prepared for snapshots."""

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg

from init_slate_db.core.sql_files import read_snapshot_objects
from tests.servers import Server, binaries

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Project:
    """A database of a role that is no superuser, seen by both. quoted: the role's name as SQL has it."""

    superuser: Connection
    own: Connection
    quoted: str
    role: str

    def must_own(self, role: str = "") -> str:
        """The reason why it may not change what is another's, the superuser's unless said otherwise."""
        return f'role "{self.role}" must own it, or be a member of role "{role or self.superuser.info.user}"'


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


def dump(server: Server, name: str) -> Counter[str]:
    """The schema as pg_dump writes it, as a bag of its entries: their order is no property of the database."""
    text = subprocess.run(
        [binaries()[server.version] / "pg_dump", "--schema-only", "--exclude-schema=pov", name],
        env=server.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return Counter(re.split(r"\n--\n-- Name: ", re.sub(r"\\(un)?restrict .*", "", text)))
