"""Runs slate-recover as a user's shell does, on backups made for it, and digests events without the product's help."""

import gzip
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests import commands
from tests.servers import Server, binaries, wait_for
from tests.slate import create_database, shared

__all__ = [
    "COMMAND",
    "ONE_DIRECTION",
    "REAL_EVENTS",
    "SOURCE_OBJECTS",
    "Connection",
    "Site",
    "address",
    "append",
    "digest",
    "fill_real",
    "make_backup",
    "open_site",
    "read_report",
    "run",
    "start",
    "wait_for",
]

COMMAND = (sys.executable, "-m", "recovery")
REAL_EVENTS = 13050

# For what no version of PostgreSQL changes: from the newest version to the oldest alone, instead of both ways.
ONE_DIRECTION = pytest.mark.parametrize(
    "server", list(binaries())[:1], ids=lambda version: f"pg{version}", indirect=True
)

Connection = psycopg.Connection[tuple[Any, ...]]

# What clients of a source rely on: routines, triggers with their state, tables, and what is said of them.
SOURCE_OBJECTS = """
SELECT 'routine', p.oid::regprocedure::text, obj_description(p.oid, 'pg_proc'), pg_get_functiondef(p.oid)
FROM pg_proc AS p WHERE p.pronamespace IN ('public'::regnamespace, 'slate'::regnamespace)
UNION ALL
SELECT 'trigger', pg_get_triggerdef(t.oid), t.tgenabled::text, NULL
FROM pg_trigger AS t WHERE t.tgrelid = 'events'::regclass AND NOT t.tgisinternal
UNION ALL
SELECT 'table', c.oid::regclass::text, obj_description(c.oid, 'pg_class'), NULL
FROM pg_class AS c WHERE c.relkind IN ('r', 'i') AND c.relnamespace IN ('public'::regnamespace, 'slate'::regnamespace)
ORDER BY 1, 2
"""
_FILL = """
INSERT INTO events
SELECT i, timestamptz '2026-01-01' + i * interval '1.000001 s',
       jsonb_build_object('entityName', 'Person', 'entityId', i, 'value', i * 1.50, 'text', 'ä€😀''\\"')
FROM unnest(%s::bigint[]) AS i
"""


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Runs slate-recover without a terminal, for two minutes at most."""
    return commands.run(arguments, environment, COMMAND)


def start(arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Starts slate-recover without a terminal, for a test that does something meanwhile."""
    return commands.start(arguments, environment, COMMAND)


def address(server: Server, database: str, **changes: Any) -> str:
    """A value for --from: the connection string of a database, with the superuser's password unless changed."""
    return make_conninfo(**server.parameters(database, **changes))


def make_backup(server: Server, name: str, events: int | Iterable[int] = 100, script: str = "") -> None:
    """Makes a destination with events, and runs a script in it.

    :param events: how many, or their ids, which may come twice; the table has no primary key then.
    """
    ids = list(range(1, events + 1)) if isinstance(events, int) else list(events)
    create_database(server, name, "destination")
    with server.connect(name) as connection:
        if any(count > 1 for count in Counter(ids).values()):
            connection.execute("ALTER TABLE events DROP CONSTRAINT events_pkey")
        connection.execute(_FILL, [ids])
        connection.execute(script.encode())


def fill_real(connection: Connection) -> None:
    """Stores the 13,050 events that the original system's own loader wrote."""
    with (
        gzip.open(shared("data/slate-person-events.jsonl.gz"), "rt", encoding="utf-8") as file,
        connection.cursor().copy("COPY events (id, ts, event) FROM STDIN") as copy,
    ):
        for line in file:
            event = json.loads(line)
            copy.write_row((event["id"], event["ts"], json.dumps(event["event"])))


def digest(connection: Connection) -> str:
    """sha256 over all events in the order of their ids, in texts that hide nothing and depend on no setting."""
    rows = connection.execute("""
        SELECT id, to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), event::text FROM events ORDER BY id, ts
    """)
    total = hashlib.sha256()
    for row in rows:
        total.update(repr(row).encode())
    return total.hexdigest()


def append(server: Server, database: str, **changes: Any) -> int:
    """Stores one event, and returns the id that it really got."""
    with server.connect(database, **changes) as connection:
        row = connection.execute("SELECT first_id FROM append_events('[{}]')").fetchone()
    assert row
    return int(row[0])


def read_report(path: Path) -> dict[str, Any]:
    """What --report FILE.json wrote."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


@dataclass(frozen=True)
class Site:
    """Where a test recovers: the source called name, which need not be there yet, from a backup on another server."""

    server: Server
    backup_server: Server
    name: str
    backup: str
    folder: Path

    @property
    def place(self) -> str:
        """The source, as messages have it."""
        return f"127.0.0.1:{self.server.port}/{self.name}"

    @property
    def backup_place(self) -> str:
        return f"127.0.0.1:{self.backup_server.port}/{self.backup}"

    @property
    def arguments(self) -> list[str]:
        """From which backup to which source."""
        return ["--from", address(self.backup_server, self.backup), "-d", self.name]

    def run(self, *more: str) -> "subprocess.CompletedProcess[str]":
        """Recovers the source from the backup, without questions."""
        return run([*self.arguments, "--yes", *more], self.server.environment())

    def recover(self, *more: str) -> dict[str, Any]:
        """Recovers the source from the backup, which must succeed. Returns the report."""
        path = self.folder / "report.json"
        ended = self.run("--report", str(path), *more)
        assert ended.returncode == 0, ended.stderr
        return read_report(path)

    def connect(self) -> Connection:
        """A session in the source."""
        return self.server.connect(self.name)

    def connect_backup(self) -> Connection:
        return self.backup_server.connect(self.backup)

    def make_source(self) -> None:
        """Makes the source, new and empty."""
        create_database(self.server, self.name, "source")

    def aside(self) -> list[str]:
        """The names of the databases that were set aside for the source."""
        return sorted(one for one in self.server.databases() if one.startswith(f"{self.name}_replaced_"))

    def same_events(self) -> bool:
        with self.connect() as source, self.connect_backup() as backup:
            return digest(source) == digest(backup)


@contextmanager
def open_site(
    server: Server, backup_server: Server, name: str, folder: Path, events: int | Iterable[int] = 100
) -> Iterator[Site]:
    """Makes a backup; afterwards it is gone, and so is all that a recovery made."""
    site = Site(server, backup_server, name, f"{name}_backup", folder)
    make_backup(backup_server, site.backup, events)
    # Who has just filled it would count as one who writes to it.
    backup_server.wait_until_alone(site.backup)
    try:
        yield site
    finally:
        for database in [name, *site.aside()]:
            server.drop(database)
        backup_server.drop(site.backup)
