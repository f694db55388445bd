"""Sets a destination back to what its source holds, after a failover that left it ahead."""

import os
from pathlib import Path

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from replication import guard

_COPY = "COPY (SELECT id, ts, event FROM public.events WHERE id >= {} ORDER BY id) TO STDOUT"
_DELETE = "DELETE FROM public.events WHERE id >= %s"


def set_back(writer: Connection, first: int, file: Path) -> int:
    """Writes the events from an id on to a new file, then deletes them, in the caller's transaction.

    The file is as COPY writes it, times in UTC: psql reads it by ``\\copy events FROM 'FILE'``.

    :param writer: a session of the owner of events, in a transaction that has locked the table.
    :returns: how many events.
    :raises SlateError: file-not-written; nothing was deleted then.
    """
    try:
        _write(writer, first, file)
    except OSError as error:
        raise SlateError(
            "file-not-written", f'File "{file}" cannot be written: {error.strerror}.', hint="Name another new file."
        ) from error
    # Lets nobody delete, not even us; installed again in the same transaction.
    guard.remove(writer)
    return writer.execute(_DELETE, (first,)).rowcount


def _write(writer: Connection, first: int, file: Path) -> None:
    writer.execute("SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'")
    # Events are confidential, and a file that is there already may hold others.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target, writer.cursor() as cursor:
        with cursor.copy(_COPY.format(first).encode()) as rows:
            for row in rows:
                target.write(row)
        target.flush()
        os.fsync(descriptor)
