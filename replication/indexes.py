"""The indexes of a destination's events, set aside while many events are stored."""

from init_slate_db.core.connection import Connection
from init_slate_db.core.sql_files import read_object

_NAME = "set_indexes_aside"


def set_aside(connection: Connection) -> list[str]:
    """Drops the indexes, the primary key and the user's own too, in the caller's transaction.

    Returns the commands that bring them back. For the owner of events.
    """
    # A source has this function; a destination has none of the source's, so it borrows it for this transaction.
    function = read_object("function", f"slate.{_NAME}").sql
    connection.execute(function.replace(f"slate.{_NAME}", f"pg_temp.{_NAME}").encode())
    row = connection.execute(f"SELECT pg_temp.{_NAME}()".encode()).fetchone()
    connection.execute(f"DROP FUNCTION pg_temp.{_NAME}()".encode())
    assert row
    return list(row[0])


def bring_back(connection: Connection, command: str) -> None:
    """Builds one of them again."""
    connection.execute(command.encode())
