"""slate-diff at a million events: whatever differs is found, and told within bounds."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from init_slate_db.core.addresses import Reached
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import ConnectionOptions
from init_slate_db.core.snapshot import Snapshot
from recovery.diff.comparison import compare
from recovery.diff.result import Comparison
from tests.recovery import address
from tests.servers import Server
from tests.slate import create_database

EVENTS = 1_000_000
LARGEST_MEMORY = 120_000_000
FILL = """
ALTER TABLE events SET (autovacuum_enabled = off);
DROP INDEX events_event_entityname, events_event_operation, events_event_propertyname, events_event_entityid,
           events_event_metadata_command, events_ts;
INSERT INTO events
SELECT i, timestamptz '2026-01-01' + i * interval '1 ms', jsonb_build_object('name', 'Person ' || i, 'value', 1.00)
FROM generate_series(1, 1000000) AS i
"""


@pytest.fixture(scope="module")
def tables(clusters: dict[tuple[int, str], Server]) -> Iterator[tuple[Server, str, str]]:
    """A server, a database of a million events, and its twin, which tests change."""
    server = clusters[min(clusters)]
    left, right = "million_left", "million_right"
    create_database(server, left, "destination")
    with server.connect(left) as connection:
        connection.execute(FILL)
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {right} TEMPLATE {left}".encode())
    yield server, left, right
    server.drop(left)
    server.drop(right)


def compared(tables: tuple[Server, str, str], settings: Settings) -> Comparison:
    server, left, right = tables

    def snapshot(database: str) -> Snapshot:
        parameters = server.parameters(database, client_encoding="UTF8")
        return Snapshot(Reached(server.connect(database), parameters, ConnectionOptions()))

    with snapshot(left) as one, snapshot(right) as other:
        return compare(one, other, settings)


def change(tables: tuple[Server, str, str], *statements: str) -> None:
    server, _, right = tables
    with server.connect(right) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_each_of_many_kinds_of_difference_is_found_and_no_other(tables: tuple[Server, str, str]) -> None:
    assert compared(tables, Settings(jobs=2)).identical
    change(
        tables,
        """UPDATE events SET event = event || '{"name": "Person 77778"}' WHERE id = 77777""",
        "UPDATE events SET ts = ts + interval '1 microsecond' WHERE id = 222222",
        """UPDATE events SET event = event || '{"value": 1.0}' WHERE id = 333333""",
        """UPDATE events AS e SET event = o.event FROM events AS o
           WHERE (e.id, o.id) IN ((444444, 444445), (444445, 444444))""",
        "DELETE FROM events WHERE id = 555555",
        "INSERT INTO events VALUES (1000001, now(), '{}')",
    )
    result = compared(tables, Settings(jobs=2))
    told = [(one.id, one.kind, *(value.path for value in one.values)) for one in result.differences]
    assert told == [
        (77777, "changed", "event.name"),
        (222222, "changed", "ts"),
        (333333, "changed", "event.value"),
        (444444, "changed", "event.name"),
        (444445, "changed", "event.name"),
        (555555, "only_left"),
        (1000001, "only_right"),
    ]
    (value,) = result.differences[2].values
    assert (value.left, value.right) == ("1.00", "1.0")
    assert result.complete


def test_a_shorter_tail_is_found(tables: tuple[Server, str, str]) -> None:
    change(tables, "DELETE FROM events WHERE id > 999990")
    result = compared(tables, Settings(jobs=2, max_differences=1000))
    assert [one.id for one in result.differences][-10:] == list(range(999_991, 1_000_001))
    assert (result.left.highest_id, result.right.highest_id) == (1_000_000, 999_990)


def test_where_everything_differs_memory_and_output_are_bounded(tables: tuple[Server, str, str]) -> None:
    change(tables, "UPDATE events SET ts = ts + interval '1 hour'", "VACUUM events")
    server, left, right = tables
    # What a child inherits of its parent's peak would count in its usage; this is of the process alone.
    program = (
        "import sys; from pathlib import Path; from recovery.diff.cli import main; status = main(sys.argv[1:]);"
        " sys.stderr.write(Path('/proc/self/status').read_text()); sys.exit(status)"
    )
    addresses = [address(server, left), address(server, right)]
    ended = subprocess.run(
        [sys.executable, "-c", program, *addresses, "--jobs", "2"], capture_output=True, text=True, check=False
    )
    lines = ended.stdout.splitlines()
    assert ended.returncode == ExitStatus.DIFFERENT
    assert lines[-1] == "different: 100 events told, there are more (--max-differences)"
    assert len(lines) < 500
    (peak,) = re.findall(r"^VmHWM:\s*(\d+) kB$", ended.stderr, re.MULTILINE)
    assert int(peak) * 1024 < LARGEST_MEMORY
