"""Read-only facts about the source that is to be rebuilt, and about the server that it is on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from init_slate_db.core.addresses import Address, Reached, parameters_of, reach_by, reach_server
from init_slate_db.core.connection import Connection, lift_timeouts, server_errors
from init_slate_db.core.conninfo import Parameters, describe
from init_slate_db.core.errors import SlateError
from recovery.options import PROGRAM
from recovery.sessions import NAME, is_of

# Held on the database while a recovery works on it: by its own number, slate's name in ASCII.
RUN_LOCK = 0x736C617465
# SQLSTATE classes of what a damaged table or disk says.
_CORRUPT = ("XX", "58")
_JOURNAL = "SELECT method, backup, last_id, next_id, started_at FROM slate.recovery"
_STATE = """
SELECT has_table_privilege('slate.recovery', 'SELECT') AS may_read_journal,
       (SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid) FROM pg_class AS c
        WHERE c.oid IN ('public.events'::regclass, 'public.id'::regclass, 'slate.recovery'::regclass,
                        'slate.recovery_range'::regclass, 'slate.recovery_command'::regclass)
          AND NOT pg_has_role(c.relowner, 'USAGE')) AS not_owned,
       has_schema_privilege('public', 'CREATE') AS may_create,
       current_user AS role, (SELECT count(*) FROM public.events) AS events,
       (SELECT max(id) FROM public.events) AS highest_id,
       (SELECT min(id) FROM public.id) AS next_id
"""
_IS_LOCKED = """
SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
               WHERE l.locktype = 'advisory' AND d.datname = current_database()
                 AND l.classid::bigint << 32 | l.objid::bigint = %s)
"""
_IDENTITY = """
SELECT s.system_identifier::text, d.oid::text FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = %s
"""
_IS_SOURCE = """
SELECT to_regclass('public.events') IS NOT NULL, to_regclass('public.id') IS NOT NULL,
       to_regprocedure('slate.finish_recovery()') IS NOT NULL
"""
_SESSIONS = f"""
SELECT a.pid, {NAME}
FROM pg_stat_activity AS a
WHERE a.datname = %(name)s AND a.pid <> pg_backend_pid() AND {is_of(("client backend", "walsender"))}
ORDER BY a.backend_start
"""


@dataclass(frozen=True)
class Journal:
    """What the database itself says of a recovery that has not finished. next_id: None until all events are there."""

    method: str
    backup: dict[str, str]
    last_id: int
    next_id: int | None
    started_at: datetime

    @property
    def identity(self) -> tuple[str, str]:
        """The identity of the backup that the events come from."""
        return self.backup["system_identifier"], self.backup["database_oid"]


@dataclass(frozen=True)
class State:
    """What is in an existing database. is_source: whether it is one of this version; else the rest is as if empty."""

    is_source: bool
    has_events_table: bool = False
    events: int = 0
    highest_id: int | None = None
    next_id: int | None = None
    journal: Journal | None = None
    locked: bool = False
    not_owned: str | None = None
    may_create: bool = True
    role: str = ""

    @property
    def is_new(self) -> bool:
        """Whether it is as init-slate-db left it, or a recovery has not stored anything in it yet."""
        return self.is_source and self.events == 0 and (self.journal is not None or self.next_id == 1)


@dataclass(frozen=True)
class Target:
    """The source to be rebuilt. server: a connection to its server, in another database where it can be avoided.

    identity: as a backup's; None where there is no such database. database: a connection to the database itself; None
    where there is none. state: None where it cannot be read, and unreadable says why.
    sessions: those of others in it, process id and description.
    """

    name: str
    server: Reached
    identity: tuple[str, str] | None
    database: Reached | None
    state: State | None
    unreadable: str
    sessions: tuple[tuple[int, str], ...]

    @property
    def place(self) -> str:
        return f"{describe(self.server.parameters)}/{self.name}"

    @property
    def exists(self) -> bool:
        return self.identity is not None

    @property
    def oid(self) -> int:
        """0 where there is no such database."""
        return int(self.identity[1]) if self.identity else 0

    def close(self) -> None:
        self.server.connection.close()
        if self.database:
            self.database.connection.close()


def look(address: Address, *, from_outside: bool) -> Target:
    """Reads the facts. Writes nothing.

    :param from_outside: the database may be absent or broken: its server is reached through another one, and it is no
        error when it cannot be opened.
    :raises SlateError: one of the connection codes.
    """
    parameters = parameters_of(address, PROGRAM)
    name = str(parameters["dbname"])
    database = None if from_outside else _open_directly(parameters, address)
    if database:
        server, unreadable = database, ""
    else:
        # Of the same parameters, since these have what was asked for on a terminal.
        server = reach_server(parameters, address.connection)
        lift_timeouts(server.connection)
        database, unreadable = _open(server, name)
    # They stay open, and idle, for as long as the recovery takes.
    if database:
        lift_timeouts(database.connection)
    with server_errors("say what it has"):
        identity = server.connection.execute(_IDENTITY, (name,)).fetchone()
        own = (database.connection.info.backend_pid,) if database else ()
        sessions = [s for s in server.connection.execute(_SESSIONS, {"name": name}).fetchall() if s[0] not in own]
        state = None
        if database:
            try:
                state = read_state(database.connection)
            except psycopg.Error as error:
                corrupt = str(error.sqlstate).startswith(_CORRUPT)
                if database.connection.broken or not (from_outside or corrupt):
                    raise
                # What is corrupt cannot be read to its end, but can be set aside.
                unreadable = str(error.diag.message_primary)
    return Target(name, server, identity, database, state, unreadable, tuple(sessions))


def read_state(connection: Connection) -> State:
    """What is in the database that the connection leads to."""
    row = connection.execute(_IS_SOURCE).fetchone()
    assert row
    has_events, has_id, has_journal = row
    if not (has_events and has_id and has_journal):
        return State(is_source=False, has_events_table=has_events)
    if connection.execute(_IS_LOCKED, (RUN_LOCK,)).fetchone() == (True,):
        # Its events are not to be read: the other recovery may have locked them for hours.
        return State(is_source=True, has_events_table=True, locked=True)
    facts: Any = connection.cursor(row_factory=dict_row).execute(_STATE).fetchone()
    journal = connection.execute(_JOURNAL).fetchone() if facts.pop("may_read_journal") else None
    return State(is_source=True, has_events_table=True, journal=Journal(*journal) if journal else None, **facts)


def _open_directly(parameters: Parameters, address: Address) -> Reached | None:
    try:
        return reach_by(parameters, address.connection)
    except SlateError as error:
        if error.code == "database-missing":
            return None
        raise


def _open(server: Reached, name: str) -> tuple[Reached | None, str]:
    """A connection to the database, or why there is none."""
    try:
        return reach_by(server.parameters | {"dbname": name}, server.options), ""
    except SlateError as error:
        return None, error.why
