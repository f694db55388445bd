"""The indexes of a destination that is being filled: set aside, and brought back whatever happens meanwhile.

The commands that bring them back are kept in the comment on the guard's trigger, in the transaction that drops them.
"""

import json
from collections.abc import Iterator

from psycopg import errors, sql

from init_slate_db.core.connection import Connection
from replication import indexes

# Who reads the destination is not kept waiting for longer than this behind one who reads for long.
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
_READ = """
SELECT obj_description(t.oid, 'pg_trigger') FROM pg_trigger AS t
WHERE t.tgrelid = 'public.events'::regclass AND t.tgname = 'refuse_while_following'
"""
_COMMENT = "COMMENT ON TRIGGER refuse_while_following ON public.events IS {}"
_KEY = "indexes_set_aside"
# What keeps an id from being there twice stays.
_KEPT = ("; ALTER TABLE public.events ADD CONSTRAINT ", "; CREATE UNIQUE INDEX ")


def set_aside(connection: Connection) -> bool:
    """Drops the indexes that are not unique. For the owner of events, on a destination that has its guard.

    Returns whether it did so; it does not where others use the table for long.
    """
    try:
        with connection.transaction():
            connection.execute(_LOCK_TIMEOUT)
            commands = indexes.set_aside(connection)
            for command in commands:
                if _is_kept(command):
                    indexes.bring_back(connection, command)
            _write(connection, [command for command in commands if not _is_kept(command)])
    except errors.LockNotAvailable:
        return False
    return True


def left(connection: Connection) -> list[str]:
    """The commands of indexes that are still set aside."""
    row = connection.execute(_READ).fetchone()
    try:
        return list(json.loads(row[0])[_KEY]) if row and row[0] else []
    except (ValueError, KeyError, TypeError):
        # Somebody's own comment.
        return []


def bring_back(connection: Connection) -> Iterator[tuple[int, int]]:
    """Builds what is set aside, index by index; yields the number of each, from 1, and of all, before it is built."""
    commands = left(connection)
    for number, command in enumerate(commands, 1):
        yield number, len(commands)
        with connection.transaction():
            indexes.bring_back(connection, command)
            _write(connection, commands[number:])


def _is_kept(command: str) -> bool:
    return any(words in command for words in _KEPT)


def _write(connection: Connection, commands: list[str]) -> None:
    text = json.dumps({_KEY: commands}) if commands else None
    connection.execute(sql.SQL(_COMMENT).format(sql.Literal(text)))
