"""The trigger that keeps others from writing to a destination as long as it follows a source."""

from init_slate_db.core.connection import Connection
from init_slate_db.core.sql_files import read_following_objects

_IS_INSTALLED = """
SELECT EXISTS (SELECT FROM pg_trigger AS t
               WHERE t.tgrelid = 'public.events'::regclass AND t.tgname = 'refuse_while_following')
"""
_REMOVE = """
DROP TRIGGER IF EXISTS refuse_while_following ON public.events;
DROP FUNCTION IF EXISTS public.refuse_while_following()
"""


def is_installed(connection: Connection) -> bool:
    """Whether the destination refuses other writes."""
    return connection.execute(_IS_INSTALLED).fetchone() == (True,)


def install(connection: Connection) -> None:
    """Has the destination refuse other writes, in the caller's transaction. For the owner of events."""
    if is_installed(connection):
        return
    for item in read_following_objects():
        connection.execute(item.sql.encode())


def remove(connection: Connection) -> None:
    """Has the destination take other writes again, in the caller's transaction. For the owner of events."""
    connection.execute(_REMOVE)
