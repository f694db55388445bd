"""Scratch databases: made from nothing to try things in, and always dropped."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, connect, lift_timeouts, server_errors
from init_slate_db.core.errors import SlateError

_logger = logging.getLogger(__name__)

PREFIX = "slate_scratch_"
# How long, in seconds, a session that is just ending may stand in the way of a drop or a copy.
_PATIENCE = 10
_RIGHT = "SELECT rolcreatedb OR rolsuper, rolname, pg_is_in_recovery() FROM pg_roles WHERE rolname = current_user"
_LEFTOVERS = f"""
SELECT datname FROM pg_database
WHERE datname ~ '^{PREFIX}[0-9a-f]{{16}}_[0-9]+$' AND pg_has_role(datdba, 'USAGE') ORDER BY datname
"""
_HELD_KEYS = """
SELECT classid::bigint << 32 | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
"""
# As in the live database, so that the same texts can be stored; template0 takes any.
_LIKE_HERE = """
SELECT format('ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(encoding), datcollate, datctype),
  current_user
FROM pg_database WHERE datname = current_database()
"""


class Scratch:
    """The scratch databases of one run on one server."""

    def __init__(self, server: Connection, reached: Reached) -> None:
        self._server = server
        self._reached = reached
        self._mark = secrets.token_hex(8)
        self._open: dict[str, Connection] = {}
        self._count = 0
        row = server.execute(_LIKE_HERE.encode()).fetchone()
        assert row
        self._likeness, self.role = row
        # Held as long as the connection lives: by this other runs know that the databases are in use.
        server.execute("SELECT pg_advisory_lock(%s)", (_key(self._mark),))

    @property
    def place(self) -> str:
        """The server, for messages."""
        return self._reached.host_and_port

    @property
    def version(self) -> int:
        """The major version of PostgreSQL."""
        return self._server.info.server_version // 10000

    def make(self, template: str | None = None) -> str:
        """Makes a database, and returns its name: an empty one, or a copy of another scratch database."""
        self._count += 1
        name = f"{PREFIX}{self._mark}_{self._count}"
        source = f"TEMPLATE {template}" if template else f"TEMPLATE template0 {self._likeness}"
        if template:
            self._close(template)
        with server_errors("make a scratch database"):
            self._patiently(f"CREATE DATABASE {name} {source}")
        return name

    def connect(self, name: str) -> Connection:
        """The connection to a scratch database, in autocommit mode."""
        if name not in self._open:
            connection = connect(self._reached.parameters | {"dbname": name}, self._reached.options)
            lift_timeouts(connection)
            self._open[name] = connection
        return self._open[name]

    def drop(self, name: str) -> None:
        """Drops a scratch database."""
        self._close(name)
        with server_errors("drop a scratch database"):
            self._patiently(f"DROP DATABASE IF EXISTS {name}")

    def drop_all(self) -> None:
        """Drops all of this run."""
        for number in range(1, self._count + 1):
            self.drop(f"{PREFIX}{self._mark}_{number}")

    def _close(self, name: str) -> None:
        if connection := self._open.pop(name, None):
            connection.close()

    def _patiently(self, statement: str) -> None:
        attempts = Retrying(
            stop=stop_after_delay(_PATIENCE),
            wait=wait_fixed(0.1),
            retry=retry_if_exception_type(psycopg.errors.ObjectInUse),
            reraise=True,
        )
        attempts(self._server.execute, statement.encode())


@contextmanager
def scratch(reached: Reached) -> Iterator[Scratch]:
    """Scratch databases on the server of the connection, until the block ends, however it does.

    :raises SlateError: scratch-refused: the role may make none there.
    """
    with connect(reached.parameters, reached.options) as server:
        lift_timeouts(server)
        _insist_on_right(server, reached)
        _drop_leftovers(server)
        with server_errors("make a scratch database"):
            made = Scratch(server, reached)
        try:
            yield made
        finally:
            _drop_surely(made)


def _drop_surely(made: Scratch) -> None:
    """Drops the databases, though Ctrl-C may come once more meanwhile."""
    try:
        made.drop_all()
    except KeyboardInterrupt:
        with suppress(SlateError, psycopg.Error):
            made.drop_all()
        raise
    except (SlateError, psycopg.Error) as error:
        _logger.warning("Scratch databases %s* remain on %s; the next run drops them: %s", PREFIX, made.place, error)


def _insist_on_right(server: Connection, reached: Reached) -> None:
    with server_errors("say what the role may"):
        row = server.execute(_RIGHT).fetchone()
    assert row
    may, role, in_recovery = row
    if may and not in_recovery:
        return
    raise SlateError(
        "scratch-refused",
        f"No scratch database can be made on {reached.host_and_port}, and without one nothing can be proven.",
        why="It is a standby." if in_recovery else f'Role "{role}" may not create databases.',
        hint="Name another server of the same PostgreSQL version with --scratch DSN"
        + ("." if in_recovery else f', or have a superuser run: ALTER ROLE "{role}" CREATEDB'),
    )


def _drop_leftovers(server: Connection) -> None:
    """Drops what runs left that were killed."""
    with server_errors("say which databases it has"):
        # In this order: a run takes its lock before it creates a database.
        names = [name for (name,) in server.execute(_LEFTOVERS.encode())]
        held = {key % 2**64 for (key,) in server.execute(_HELD_KEYS)}
    for name in names:
        if _key(name.removeprefix(PREFIX).partition("_")[0]) % 2**64 in held:
            continue
        try:
            # What a killed run was doing goes on at the server, maybe for long.
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            _logger.info("Dropped %s, which an interrupted run had left.", name)
        except psycopg.Error as error:
            _logger.warning("%s, which an interrupted run has left, stays: %s", name, error.diag.message_primary)


def _key(mark: str) -> int:
    """The advisory lock of a run: a signed 64-bit number."""
    key = int(mark, 16)
    return key - 2**64 if key >= 2**63 else key
