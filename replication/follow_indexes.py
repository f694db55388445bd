"""The indexes of a destination that is being filled: set aside, and brought back whatever happens meanwhile.

The guard keeps the commands that bring them back, from the transaction on that drops them.
"""

from collections.abc import Iterator

from psycopg import errors

from init_slate_db.core.connection import Connection
from init_slate_db.core.guard import bring_index_back, keep_indexes, kept_indexes
from replication import indexes

# Who reads the destination is not kept waiting for longer than this behind one who reads for long.
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
# What keeps an id from being there twice stays.
_STAYING = ("; ALTER TABLE public.events ADD CONSTRAINT ", "; CREATE UNIQUE INDEX ")


def set_aside(connection: Connection) -> bool:
    """Drops the indexes that are not unique. For the owner of events, on a destination that has its guard.

    Returns whether it did so; it does not where others use the table for long, or where some are set aside already.
    """
    if kept_indexes(connection):
        return False
    try:
        with connection.transaction():
            connection.execute(_LOCK_TIMEOUT)
            commands = indexes.set_aside(connection)
            for command in commands:
                if _stays(command):
                    indexes.bring_back(connection, command)
            keep_indexes(connection, [command for command in commands if not _stays(command)])
    except errors.LockNotAvailable:
        return False
    return True


def bring_back(connection: Connection) -> Iterator[tuple[int, int]]:
    """Builds what is set aside, index by index; yields the number of each, from 1, and of all, before it is built."""
    commands = kept_indexes(connection)
    for number, command in enumerate(commands, 1):
        yield number, len(commands)
        with connection.transaction():
            bring_index_back(connection, command)
            keep_indexes(connection, commands[number:])


def _stays(command: str) -> bool:
    return any(words in command for words in _STAYING)
