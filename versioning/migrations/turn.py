"""One run at a time on the same nodes, without a lock that anybody would wait for."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import NamedTuple, TypeVar, cast

import psycopg
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_random

from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.identity import read_identity
from versioning.masking import first_line
from versioning.migrations.ledger import LEDGER, Ledger, Row

_logger = logging.getLogger(__name__)

# Waiting in the server would hold a snapshot, and an index that is being built concurrently waits for every older
# snapshot to go: two runs would wait for each other. So each look is a statement of its own, and between two looks
# nothing is held.
_TRY = "SELECT pg_try_advisory_lock(hashtextextended('slate-schema migrate', 0))"
_LEAVE = "SELECT pg_advisory_unlock(hashtextextended('slate-schema migrate', 0))"
_HOLDER = """
SELECT format('pid %s, role %s at %s%s, since %s', a.pid, coalesce(a.usename, '?'),
              coalesce(host(a.client_addr), 'the socket'), ', ' || nullif(a.application_name, ''),
              to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ'))
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended('slate-schema migrate', 0)
"""
# Whoever writes to the ledger while we have the turn is what an interrupted run left: a slonik whose command was
# killed, a transaction of which the server has not noticed yet that its client is gone, a slon that brings a patch.
_WRITER = """
SELECT a.pid, format('%%s, at work since %%s', coalesce(nullif(a.application_name, ''), '?'),
              to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'))
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.relation = to_regclass(%s) AND l.mode = 'RowExclusiveLock' AND l.granted
  AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
ORDER BY a.xact_start LIMIT 1
"""
_IS_AT_WORK = """
SELECT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.pid = %s AND a.pid <> pg_backend_pid()
               AND (a.backend_start IS NULL OR a.backend_start = %s) AND a.state IS DISTINCT FROM 'idle')
"""
_END_HINT = "Run the command again when it has ended, or wait longer: --wait. To end it: SELECT pg_cancel_backend({})."
InTheWay = TypeVar("InTheWay")


class _Writer(NamedTuple):
    """A server process that writes to the ledger, and in words what it is."""

    pid: int
    what: str

    def __str__(self) -> str:
        return f"process {self.pid}, {self.what}"


@contextmanager
def take_turn(watch: Mapping[str, Connection], seconds: float) -> Iterator[None]:
    """Holds the turn on all nodes while the block runs.

    :param watch: of each node a connection that is used for nothing that takes long.
    :param seconds: how long to wait for another run; 0: not at all.
    :raises SlateError: turn-taken.
    """
    holder = _wait(lambda: _try(watch), seconds, "Another run is at work")
    if holder:
        raise SlateError(
            "turn-taken",
            f"Another run is at work on {holder}.",
            hint="Nothing was changed. Run the command again when that one has ended, or wait longer: --wait.",
        )
    try:
        yield
    finally:
        for connection in watch.values():
            # It ends with the connection at the latest, and is no news beside what the block ended with.
            with suppress(psycopg.Error):
                connection.execute(_LEAVE)


def wait_for_orphans(watch: Mapping[str, Connection], ledgers: Mapping[str, Ledger], seconds: float) -> None:
    """Waits until the servers no longer run what an interrupted run had begun.

    :raises SlateError: turn-taken: something still runs after the seconds.
    """
    for name, ledger in ledgers.items():
        for row in ledger.values():
            if row.begun and _wait(partial(_orphan, watch[name], name, row), seconds, "Still at work"):
                raise SlateError(
                    "turn-taken",
                    f"A statement of patch {row.label} that an interrupted run began still runs on {name}.",
                    why=f"Process {row.begun_pid}: {first_line(row.begun)}",
                    hint=_END_HINT.format(row.begun_pid),
                )
    for name, connection in watch.items():
        if writer := _wait(partial(_find_writer, connection, name), seconds, "Still at work"):
            raise SlateError(
                "turn-taken",
                f"Patches that an interrupted run began are still being applied on {name}.",
                why=f"Process {writer.pid}, {writer.what}.",
                hint=_END_HINT.format(writer.pid),
            )


def _wait(look: Callable[[], InTheWay], seconds: float, what: str) -> InTheWay:
    """Looks until nothing is in the way, or the time is over. What is in the way still, if any."""
    attempts = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_random(0.1, 0.5),
        retry=retry_if_result(bool),
        before_sleep=lambda state: (
            _logger.info("%s: %s. Waiting for up to %g s.", what, state.outcome.result(), seconds)
            if state.attempt_number == 1 and state.outcome
            else None
        ),
    )
    try:
        return attempts(look)
    except RetryError as error:
        return cast("InTheWay", error.last_attempt.result())


def _try(watch: Mapping[str, Connection]) -> str:
    """Takes the turn on all nodes, or on none. Who has it; "": we do."""
    taken: list[Connection] = []
    # In the order of the databases, however they were named: of two runs, one is the first everywhere.
    for name, connection in sorted(watch.items(), key=lambda item: _identity(*item)):
        with server_errors(f"give {name} to one run alone"):
            if connection.execute(_TRY).fetchone() == (True,):
                taken.append(connection)
                continue
            for one in taken:
                one.execute(_LEAVE)
            row = connection.execute(_HOLDER).fetchone()
            return f"{name}: {row[0] if row else 'it is just ending'}"
    return ""


def _identity(name: str, connection: Connection) -> tuple[str, str]:
    with server_errors(f"say which database {name} is"):
        return read_identity(connection)


def _orphan(connection: Connection, name: str, row: Row) -> str:
    with server_errors(f"say what runs on {name}"):
        at_work = connection.execute(_IS_AT_WORK, (row.begun_pid, row.begun_session)).fetchone() == (True,)
    return f"process {row.begun_pid} on {name}, begun by an interrupted run" if at_work else ""


def _find_writer(connection: Connection, name: str) -> _Writer | None:
    with server_errors(f"say who writes to the ledger of {name}"):
        row = connection.execute(_WRITER, (LEDGER,)).fetchone()
    return _Writer(*row) if row else None
