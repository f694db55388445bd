"""Sets a database aside: it gets another name, and nothing in it is touched."""

import threading
from contextlib import suppress
from functools import partial

import psycopg
from psycopg import errors, sql

from init_slate_db.core.connection import Connection, connect, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.parallel import beside
from recovery.sessions import is_of
from recovery.target import Target

_SESSIONS = f"""
SELECT a.pid FROM pg_stat_activity AS a
WHERE a.datid = %s AND a.pid <> pg_backend_pid() AND {is_of(("client backend", "walsender"))}
"""
_END_SESSION = "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a WHERE a.datid = %s AND a.pid = %s"
_SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE database = %s AND NOT temporary ORDER BY slot_name"
# Seconds between two rounds of ending sessions, while PostgreSQL waits (five seconds at most) for them to be gone.
_ROUND = 0.2


def set_aside(target: Target, new_name: str) -> None:
    """Renames the database, and ends the sessions in it.

    The rename itself locks the database before it waits for the sessions to end, so that no new one slips in; and it
    is done or not done.

    :raises SlateError: what the server says; the database has its name then, though sessions may have ended.
    """
    if target.database:
        target.database.connection.close()
    server = target.server.connection
    with (
        connect(target.server.parameters, target.server.options) as helper,
        beside(partial(_end_sessions, helper, target.oid)),
        server_errors("set the database aside"),
    ):
        _rename(server, target, new_name)


def notes_on_slots(target: Target, aside: str) -> list[str]:
    """What to know of the slots that a database took with it when it was set aside."""
    slots: list[tuple[str]] = []
    # All is done by now, whether or not the server can be asked once more; the first connection may be long gone.
    with (
        suppress(psycopg.Error, SlateError),
        connect(target.server.parameters, target.server.options) as connection,
    ):
        slots = connection.execute(_SLOTS, (aside,)).fetchall()
    return [
        f'Slot {name} of "{aside}" still keeps the server from removing log. If its destination is to follow the new'
        f" source: slate-replicate add. Else: SELECT pg_drop_replication_slot('{name}')."
        for (name,) in slots
    ]


def _rename(server: Connection, target: Target, new_name: str) -> None:
    with server.transaction():
        row = server.execute("SELECT oid::bigint FROM pg_database WHERE datname = %s", (target.name,)).fetchone()
        if row is None or row[0] != target.oid:
            raise SlateError(
                "target-not-new",
                f"{target.place} is no longer the database that was looked at.",
                hint="Run the command again.",
            )
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        try:
            server.execute(rename.format(sql.Identifier(target.name), sql.Identifier(new_name)))
        except errors.ObjectInUse as error:
            raise SlateError(
                "server-error",
                f"Sessions in {target.place} could not all be ended.",
                why=error.diag.message_detail or str(error),
                hint="End them on the server as a superuser, or use a role that may: GRANT pg_signal_backend.",
            ) from error


def _end_sessions(helper: Connection, oid: int, done: threading.Event) -> None:
    with suppress(psycopg.Error):
        while not done.wait(_ROUND):
            for (pid,) in helper.execute(_SESSIONS, (oid,)).fetchall():
                # Those that this role may not end stay, and the rename says so.
                with suppress(errors.InsufficientPrivilege):
                    helper.execute(_END_SESSION, (oid, pid))
