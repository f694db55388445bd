"""Connecting, with patience for a server that is not there yet, and errors in the operator's terms."""

import logging
import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from init_slate_db.core import conninfo
from init_slate_db.core.conninfo import Parameters
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import ConnectionOptions

Connection = psycopg.Connection[tuple[Any, ...]]

PIN_SEARCH_PATH = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)"
"""Has names mean PostgreSQL's own functions and operators, whatever somebody has put into public: CVE-2018-1058."""
USE_ROLES_SEARCH_PATH = "SET LOCAL search_path = DEFAULT"
"""Has names mean what they mean to the role, for the rest of a transaction that runs SQL of others, as in triggers."""
SESSION_POOLER = "SLATE_SESSION_POOLER"
"""The variable by which the operator says that a pooler gives every client a session of its own."""

_logger = logging.getLogger(__name__)

_IS_OWN = "pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) {}"
_SERVER = """
SELECT pg_catalog.host(pg_catalog.inet_server_addr()) OPERATOR(pg_catalog.||) ':'
       OPERATOR(pg_catalog.||) pg_catalog.inet_server_port()::pg_catalog.text
"""

# Before a session exists libpq tells the cause in words alone, so words are all there is to match on. A server
# that speaks another language than English falls to the last kind: not retried, and told in its own words.
# (words, code, worth another try)
_CAUSES = (
    ("password authentication failed", "wrong-password", False),
    ("no password supplied", "password-needed", False),
    ("empty password", "password-needed", False),
    ("role", "no-such-user", False),
    ("sorry, too many clients already", "no-connections-left", True),
    ("remaining connection slots are reserved", "no-connections-left", True),
    ("too many connections for", "no-connections-left", True),
    ("the database system is", "no-server", True),
    ("Connection refused", "no-server", True),
    ("server closed the connection unexpectedly", "no-server", True),
    ("Connection reset", "no-server", True),
    ("No such file or directory", "no-server", True),
    ("failed to resolve host", "no-such-host", True),
    ("could not translate host name", "no-such-host", True),
    ("session is read-only", "read-only", False),
    ("timeout", "timed-out", True),
    ("timed out", "timed-out", True),
    ("No route to host", "timed-out", True),
    ("Network is unreachable", "timed-out", True),
    ("Host is down", "timed-out", True),
    ("EOF detected", "no-server", True),
    ("database", "database-missing", False),
)
_NEEDS_NOT_EXIST = {"no-such-user", "database-missing"}

_SENTENCES = {
    "wrong-password": (
        "The server at {place} does not accept the password of {user}.",
        "Or there is no such user: PostgreSQL answers both alike. Check PGUSER, PGPASSWORD and .pgpass.",
    ),
    "password-needed": (
        "The server at {place} asks for a password of {user}, and none is given.",
        "Put it into .pgpass or PGPASSWORD.",
    ),
    "no-such-user": ("The server at {place} knows no {user}.", "Name another one: --user or PGUSER."),
    "no-connections-left": (
        "The server at {place} has no connection left.",
        "Close some, raise max_connections, or wait longer: --connect-timeout.",
    ),
    "no-server": (
        "No PostgreSQL server answers at {place}.",
        "Start it, or check the host and the port (where none is given: PGHOST, PGPORT).",
    ),
    "no-such-host": ("The host of {place} has no address.", "Check its spelling and the name server."),
    "read-only": ("None of the servers at {place} can be written to.", "Name the primary, not a standby."),
    "timed-out": (
        "The server at {place} does not answer in time.",
        "Check host, port and firewall, or wait longer: --connect-timeout.",
    ),
    "database-missing": ("The server at {place} has no such database.", "Name another one in the DSN."),
    "connection-failed": ("The server at {place} refuses the connection.", ""),
}


class _AttemptError(Exception):
    """One attempt to connect, judged."""

    def __init__(self, code: str, transient: bool, cause: psycopg.OperationalError) -> None:
        super().__init__(code)
        self.code = code
        self.transient = transient
        self.cause = cause


def server_parameters(options: ConnectionOptions, program: str) -> Parameters:
    """libpq's parameters for the options; the user is asked for where nothing names one and someone can answer."""
    parameters = conninfo.parameters(options, program)
    if options.interactive and not conninfo.known_user(parameters):
        from init_slate_db.core.prompts import ask_user

        parameters |= {"user": user} if (user := ask_user(options.role)) else {}
    return parameters


def connect(parameters: Parameters, options: ConnectionOptions) -> Connection:
    """Opens a connection in autocommit mode, whose search_path is pinned.

    What may pass (refused, starting up, no connection left, no address) is tried again, longer and longer apart,
    until the connect timeout ends. A missing password is asked for where someone can answer, and then put into the
    parameters.

    :raises SlateError: one of the connection codes.
    """
    try:
        return _connect_patiently(parameters, options.connect_timeout / 1000)
    except _AttemptError as failure:
        if failure.code != "password-needed" or not options.interactive:
            raise _as_slate_error(failure, parameters) from failure.cause
    from init_slate_db.core.prompts import ask_password

    parameters["password"] = ask_password(options.role)
    try:
        return _connect_patiently(parameters, options.connect_timeout / 1000)
    except _AttemptError as failure:
        raise _as_slate_error(failure, parameters) from failure.cause


def connect_now(parameters: Parameters, options: ConnectionOptions) -> Connection:
    """Opens one like connect, at the first attempt or not at all, and asks for nothing.

    :raises SlateError: one of the connection codes.
    """
    try:
        return _attempt(parameters, time.monotonic() + options.connect_timeout / 1000)
    except _AttemptError as failure:
        raise _as_slate_error(failure, parameters) from failure.cause


def connect_server(parameters: Parameters, options: ConnectionOptions) -> Connection:
    """Opens a connection to a database that clusters have, postgres or else template1. The parameters then name it.

    :raises SlateError: as connect.
    """
    parameters["dbname"] = "postgres"
    try:
        return connect(parameters, options)
    except SlateError as error:
        if error.code != "database-missing":
            raise
    parameters["dbname"] = "template1"
    return connect(parameters, options)


def pin(parameters: Parameters, connection: Connection) -> Parameters:
    """The parameters that lead to the very server of an open connection, out of several hosts."""
    info = connection.info
    pinned = parameters | {"host": info.host, "port": info.port}
    if info.hostaddr and not info.host.startswith("/"):
        pinned["hostaddr"] = info.hostaddr
    return pinned


def lift_timeouts(connection: Connection) -> None:
    """Has no limit that the server's owner meant for other clients end long work of the session."""
    names = ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"]
    if connection.info.server_version >= 170000:
        names.append("transaction_timeout")
    with server_errors("begin long work"):
        # At once: it is done on every connection of every run.
        connection.execute("; ".join(f"SET {name} = 0" for name in names).encode(), prepare=False)


def _connect_patiently(parameters: Parameters, seconds: float) -> Connection:
    deadline = time.monotonic() + seconds
    attempts = Retrying(
        stop=stop_before_delay(seconds),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        retry=retry_if_exception(lambda error: isinstance(error, _AttemptError) and error.transient),
        before_sleep=lambda state: _log_retry(state, parameters, seconds),
        reraise=True,
    )
    return attempts(_attempt, parameters, deadline)


def _attempt(parameters: Parameters, deadline: float) -> Connection:
    remaining = max(1, math.ceil(deadline - time.monotonic()))
    try:
        return _open(parameters | {"connect_timeout": remaining})
    except psycopg.OperationalError as error:
        raise _judge(error) from error
    except UnicodeError as error:
        # Python's own resolver stands before libpq's, and this is how it refuses "a..b".
        raise _AttemptError("no-such-host", False, psycopg.OperationalError(str(error))) from error


def _open(parameters: Parameters) -> Connection:
    connection = psycopg.connect(**parameters, autocommit=True)
    try:
        # A server tells every client the number of its process; a pooler makes one up. Nothing is set in its session.
        own = "true" if os.environ.get(SESSION_POOLER) == "1" else _IS_OWN.format(connection.info.backend_pid)
        if not connection.execute(f"{PIN_SEARCH_PATH} WHERE {own}".encode()).rowcount:
            raise _pooler(connection, parameters)
    except BaseException:
        connection.close()
        raise
    return connection


def _pooler(connection: Connection, parameters: Parameters) -> SlateError:
    row = connection.execute(_SERVER).fetchone()
    server = f", {row[0]}" if row and row[0] else ""
    return SlateError(
        "pooler",
        f"Behind {conninfo.describe(parameters)} is a pooler, or a proxy that acts as one.",
        why="Where it shares sessions between clients, what is set and locked here would meet the clients of others.",
        hint=f"Name the server itself{server}. If every client has a session of its own: {SESSION_POOLER}=1.",
    )


def _log_retry(state: RetryCallState, parameters: Parameters, seconds: float) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        failure = state.outcome.exception()
        cause = _one_line(failure.cause) if isinstance(failure, _AttemptError) else ""
        _logger.info("%s: %s. Trying again for up to %g s.", conninfo.describe(parameters), cause, seconds)


def _judge(error: psycopg.OperationalError) -> _AttemptError:
    # Names that are quoted may hold any words.
    text = re.sub("\"[^\"]*\"|'[^']*'", "''", str(error))
    for words, code, transient in _CAUSES:
        if words in text and (code not in _NEEDS_NOT_EXIST or "does not exist" in text):
            return _AttemptError(code, transient, error)
    return _AttemptError("connection-failed", False, error)


def _as_slate_error(failure: _AttemptError, parameters: Parameters) -> SlateError:
    sentence, hint = _SENTENCES[failure.code]
    return SlateError(
        failure.code,
        sentence.format(place=conninfo.describe(parameters), user=conninfo.describe_user(parameters)),
        why=_one_line(failure.cause),
        hint=hint,
    )


def _one_line(error: psycopg.Error) -> str:
    """The server's own words for why, on one line."""
    first = str(error).partition("\nMultiple connection attempts failed")[0].splitlines()[0]
    return re.sub("^(connection failed: )?connection to server .*? failed: ", "", first).strip().rstrip(".")


@contextmanager
def server_errors(doing: str) -> Iterator[None]:
    """Turns what the server says against a statement into a SlateError.

    :param doing: what failed, as the end of "The server refuses to …".
    """
    try:
        yield
    except psycopg.OperationalError as error:
        if error.sqlstate is None or error.sqlstate.startswith(("57P", "08")):
            raise SlateError(
                "connection-lost",
                f"The connection to the server was lost when it was to {doing}.",
                why=_one_line(error),
                hint="Look at the server's log, then run the command again.",
            ) from error
        raise _refusal(doing, error) from error
    except psycopg.Error as error:
        raise _refusal(doing, error) from error


def _refusal(doing: str, error: psycopg.Error) -> SlateError:
    if isinstance(error, psycopg.errors.DiskFull):
        return SlateError(
            "disk-full",
            f"The server has no space left to {doing}.",
            why=f"{error.diag.message_primary} (SQLSTATE {error.sqlstate})",
            hint="Make space on its disk, then run the command again.",
        )
    return SlateError(
        "server-error",
        f"The server refuses to {doing}.",
        why=f"{error.diag.message_primary or _one_line(error)} (SQLSTATE {error.sqlstate})",
        hint=error.diag.message_hint or "",
    )
