"""Method restore-events: the source's server fetches the events itself, in one transaction."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, LiteralString

import psycopg

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, connect, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.parallel import beside
from init_slate_db.core.progress import Progress
from recovery import way
from recovery.backup import Backup

# Seconds between two looks at how far the server is.
_LOOK_INTERVAL = 0.5
_RECOVER = """
SELECT slate.recover_events(p.host, p.database, p.role, p.password, p.port, p.options) FROM pg_temp.slate_backup AS p
"""
_HOW_FAR = """
SELECT pg_database_size(current_database()), p.phase, p.blocks_done + p.tuples_done, p.partitions_done
FROM (SELECT) AS one LEFT JOIN pg_stat_progress_create_index AS p ON p.pid = %s
"""
# In the order in which an index goes through them; the first is in all of them.
_PHASES = ("", "scanning", "sorting", "loading")
_COUNT_INDEXES = """
SELECT count(*) FROM pg_index AS i WHERE i.indrelid = (
  SELECT c.oid FROM pg_class AS c WHERE c.relname = 'events' AND c.relnamespace = 'public'::regnamespace)
"""


def restore(source: Reached, backup: Backup, progress: Progress) -> int:
    """Restores the events of the recovery that has begun. Returns how many there are.

    :raises SlateError: what the server says; nothing is restored then.
    """
    connection = source.connection
    with server_errors("restore the events"), _watched(source, backup, progress), connection.transaction():
        # Else a server would go on for minutes after this process was killed.
        with suppress(psycopg.Error), connection.transaction():
            connection.execute("SET LOCAL client_connection_check_interval = '2s'")
        way.hand_over(connection, backup)
        row = connection.execute(_RECOVER).fetchone()
    assert row
    progress.reach(row[0])
    return int(row[0])


@contextmanager
def _watched(source: Reached, backup: Backup, progress: Progress) -> Iterator[None]:
    """Tells the progress while the block runs, from a second connection: what the first does is not visible yet."""
    # A server that hangs must not keep us.
    with beside(partial(_watch, source, backup, progress), patience=2 * _LOOK_INTERVAL):
        yield


def _watch(source: Reached, backup: Backup, progress: Progress, done: threading.Event) -> None:
    with suppress(psycopg.Error, SlateError), connect(source.parameters, source.options) as connection:
        pid = source.connection.info.backend_pid
        index_count = _row(connection, _COUNT_INDEXES)[0]
        at_first = _row(connection, _HOW_FAR, pid)[0]
        index, before = 0, (0, 0, 0)
        while not done.wait(_LOOK_INTERVAL):
            size, phase, worked, partitions = _row(connection, _HOW_FAR, pid)
            if phase is not None:
                # PostgreSQL does not say which index it is; where the work begins anew, it is the next.
                now = (partitions, max(number for number, word in enumerate(_PHASES) if word in phase), worked)
                if index == 0 or now < before:
                    index = min(index + 1, index_count)
                before = now
                progress.describe(f"index {index} of {index_count}")
                progress.reach(backup.extent.events)
            elif index == 0:
                grown = min(1.0, (size - at_first) / max(1, backup.extent.bytes))
                progress.reach(grown * backup.extent.events)


def _row(connection: Connection, query: LiteralString, *parameters: int) -> tuple[Any, ...]:
    row = connection.execute(query, parameters).fetchone()
    assert row
    return row
