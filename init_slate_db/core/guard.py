"""The trigger that keeps others from writing to a destination as long as it follows a source."""

import json
from collections.abc import Sequence

from psycopg import sql

from init_slate_db.core.connection import Connection
from init_slate_db.core.sql_files import read_following_objects

_IS_ENABLED = """
SELECT t.tgenabled <> 'D' FROM pg_trigger AS t
WHERE t.tgrelid = to_regclass('public.events') AND t.tgname = 'refuse_while_following'
"""
_ENABLE = "ALTER TABLE public.events ENABLE TRIGGER refuse_while_following"
_READ_COMMENT = """
SELECT obj_description(t.oid, 'pg_trigger') FROM pg_trigger AS t
WHERE t.tgrelid = 'public.events'::regclass AND t.tgname = 'refuse_while_following'
"""
_COMMENT = "COMMENT ON TRIGGER refuse_while_following ON public.events IS {}"
_COMMANDS = "indexes_set_aside"
_OWNER = """
SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c
WHERE c.oid = 'public.events'::regclass AND has_schema_privilege(c.relowner, 'public', 'CREATE')
"""
_OTHER_OWNER = """
SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c
WHERE c.oid = 'public.events'::regclass AND pg_get_userbyid(c.relowner) <> session_user
"""
# A role that is taken by SET ROLE a command could lay down again; that of such a function it cannot. What is put off to
# the end of the transaction would run with the caller's rights.
_AS_OWNER = """
CREATE FUNCTION pg_temp.bring_index_back(command text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
AS 'BEGIN EXECUTE command; SET CONSTRAINTS ALL IMMEDIATE; END';
ALTER FUNCTION pg_temp.bring_index_back(text) OWNER TO {}
"""
_REMOVE = """
DROP TRIGGER IF EXISTS refuse_while_following ON public.events;
DROP FUNCTION IF EXISTS public.refuse_while_following()
"""


def is_installed(connection: Connection) -> bool:
    """Whether the trigger is there, be it disabled."""
    return connection.execute(_IS_ENABLED).fetchone() is not None


def refuses_writes(connection: Connection) -> bool:
    """Whether the destination refuses other writes."""
    return connection.execute(_IS_ENABLED).fetchone() == (True,)


def install(connection: Connection) -> None:
    """Has the destination refuse other writes, in the caller's transaction. For the owner of events."""
    enabled = connection.execute(_IS_ENABLED).fetchone()
    if enabled:
        if enabled == (False,):
            connection.execute(_ENABLE)
        return
    # Of a trigger that somebody dropped by hand, the function is left.
    connection.execute(_REMOVE)
    for item in read_following_objects():
        connection.execute(item.sql.encode())
    # Whoever may write for the owner may then remove it, also where these are two roles.
    for (owner,) in connection.execute(_OWNER).fetchall():
        give = sql.SQL("ALTER FUNCTION public.refuse_while_following() OWNER TO {}")
        connection.execute(give.format(sql.Identifier(owner)))


def keep_indexes(connection: Connection, commands: Sequence[str]) -> None:
    """Notes in the trigger's comment what brings back indexes that the caller's transaction drops. Empty: nothing."""
    text = json.dumps({_COMMANDS: list(commands)}) if commands else None
    connection.execute(sql.SQL(_COMMENT).format(sql.Literal(text)))


def kept_indexes(connection: Connection) -> list[str]:
    """The commands of indexes that are to be brought back still."""
    row = connection.execute(_READ_COMMENT).fetchone()
    try:
        return list(json.loads(row[0])[_COMMANDS]) if row and row[0] else []
    except (ValueError, KeyError, TypeError):
        # Somebody's own comment.
        return []


def bring_index_back(connection: Connection, command: str) -> None:
    """Runs one of the kept commands in the caller's transaction, with the rights of the owner of events.

    The owner can write into the comment what it likes, and the caller may be allowed more.
    """
    owner = connection.execute(_OTHER_OWNER).fetchone()
    if owner is None:
        connection.execute(command.encode())
        return
    connection.execute(sql.SQL(_AS_OWNER).format(sql.Identifier(*owner)))
    connection.execute("SELECT pg_temp.bring_index_back(%s::pg_catalog.text)", (command,))
    connection.execute("DROP FUNCTION pg_temp.bring_index_back(pg_catalog.text)")


def remove(connection: Connection) -> None:
    """Has the destination take other writes again, in the caller's transaction. For the owner of events.

    Builds the indexes first that are set aside.
    """
    for command in kept_indexes(connection):
        bring_index_back(connection, command)
    connection.execute(_REMOVE)
