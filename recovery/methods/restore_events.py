"""Method restore-events: the source's server fetches the events itself, in one transaction."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from init_slate_db.core.connection import Connection, connect, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.progress import Progress
from recovery import way
from recovery.addresses import Reached
from recovery.backup import Backup

# Seconds between two looks at how far the server is.
_LOOK_INTERVAL = 0.5
_RECOVER = """
SELECT slate.recover_events(p.host, p.database, p.role, p.password, p.port, p.options) FROM pg_temp.slate_backup AS p
"""
_HOW_FAR = """
SELECT pg_database_size(current_database()), p.index_relid::bigint, p.phase
FROM (SELECT) AS one LEFT JOIN pg_stat_progress_create_index AS p ON p.pid = %s
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
        connection.execute("SET LOCAL statement_timeout = 0")
        way.hand_over(connection, backup)
        row = connection.execute(_RECOVER).fetchone()
    assert row
    progress.reach(row[0])
    return int(row[0])


@contextmanager
def _watched(source: Reached, backup: Backup, progress: Progress) -> Iterator[None]:
    """Tells the progress while the block runs, from a second connection: what the first does is not visible yet."""
    done = threading.Event()
    # Joined only when done: a server that hangs must not keep us.
    watcher = threading.Thread(target=_watch, args=(source, backup, progress, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(timeout=2 * _LOOK_INTERVAL)


def _watch(source: Reached, backup: Backup, progress: Progress, done: threading.Event) -> None:
    with suppress(psycopg.Error, SlateError), connect(source.parameters, source.options) as connection:
        pid = source.connection.info.backend_pid
        at_first = _size(connection, pid)
        indexes: list[int] = []
        while not done.wait(_LOOK_INTERVAL):
            row = connection.execute(_HOW_FAR, (pid,)).fetchone()
            assert row
            size, index, phase = row
            if index is not None:
                if index not in indexes:
                    indexes.append(index)
                progress.describe(f"index {len(indexes)}: {phase}")
                progress.reach(backup.extent.events)
            elif not indexes:
                grown = min(1.0, (size - at_first) / max(1, backup.extent.bytes))
                progress.reach(grown * backup.extent.events)


def _size(connection: Connection, pid: int) -> int:
    row = connection.execute(_HOW_FAR, (pid,)).fetchone()
    assert row
    return int(row[0])
