"""Runs slate-recover as a user's shell does, on backups made for it, and digests events without the product's help."""

import gzip
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tests.servers import Server, wait_for
from tests.slate import create_database, shared

__all__ = ["COMMAND", "address", "digest", "fill_real", "make_backup", "read_report", "run", "start", "wait_for"]

COMMAND = (sys.executable, "-m", "recovery")
REAL_EVENTS = 13050

Connection = psycopg.Connection[tuple[Any, ...]]

_FILL = """
INSERT INTO events
SELECT i, timestamptz '2026-01-01' + i * interval '1.000001 s',
       jsonb_build_object('entityName', 'Person', 'entityId', i, 'value', i * 1.50, 'text', 'ä€😀''\\"')
FROM unnest(%s::bigint[]) AS i
"""


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Runs slate-recover without a terminal, for two minutes at most."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def start(arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Starts slate-recover without a terminal, for a test that does something meanwhile."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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


def read_report(path: Path) -> dict[str, Any]:
    """What --report FILE.json wrote."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report
