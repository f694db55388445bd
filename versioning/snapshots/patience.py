"""Waiting for other sessions: attempts that begin anew, and who is in the way."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar, cast

import psycopg
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, connect_now, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.parallel import beside

Result = TypeVar("Result")

_logger = logging.getLogger(__name__)

ATTEMPTS = 10
"""How often work is tried that has no option for it: with the waiting, about half a minute."""

_PASSING = ("lock-held", "snapshots-busy")
_LOCK_HINT = "Try again when nobody changes these tables."
# In seconds. Most work waits for nobody, and needs no second session to see for whom.
_BEFORE_FIRST_LOOK = 0.1
_BETWEEN_LOOKS = 0.2
_FOR_THE_WATCHER = 1
# The queries of others may hold passwords, so they are not told.
_TELL = """
SELECT CASE s.pid WHEN 0 THEN 'a prepared transaction' ELSE format('session %%s', s.pid) END
       || coalesce(' of role ' || a.usename, '') || coalesce(' at ' || host(a.client_addr), '')
       || coalesce(' (' || nullif(a.application_name, '') || ')', '')
       || coalesce(', ' || nullif(a.state, 'active'), '')
       || coalesce(', in its transaction since ' || to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"'), '')
FROM ({}) AS s LEFT JOIN pg_stat_activity AS a USING (pid) ORDER BY s.pid
"""
_BLOCKERS = _TELL.format("SELECT DISTINCT b.pid FROM unnest(pg_blocking_pids(%s)) AS b (pid)")
_TAKERS = _TELL.format("""
    SELECT l.pid FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 1
      AND l.classid::bigint << 32 | l.objid::bigint = hashtextextended(%s, 0)""")


@contextmanager
def lock_errors(doing: str) -> Iterator[None]:
    """Turns what the server says against a statement into a SlateError: lock-held where other sessions are in the way.

    :param doing: what failed, as the end of "The server refuses to …".
    """
    try:
        yield
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise SlateError("lock-held", f"Waited in vain for a lock, to {doing}.", hint=_LOCK_HINT) from error
    except psycopg.Error:
        with server_errors(doing):
            raise


def takers(connection: Connection, turn: str) -> list[str]:
    """Who has an advisory lock in the database, in words. turn: the text whose hash it is."""
    return _names(connection, _TAKERS, turn)


def patiently(reached: Reached, attempts: int, work: Callable[[], Result]) -> Result:
    """The result of work, which is done again, up to so many times, while other sessions are in its way.

    The pauses between attempts grow: whoever queues behind one of them gets on meanwhile.

    :param work: leaves nothing behind where it fails.
    :raises SlateError: lock-held or snapshots-busy, with who was in the way; or what else work raises.
    """
    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.25, max=8),
        retry=retry_if_exception(lambda error: isinstance(error, SlateError) and error.code in _PASSING),
        before_sleep=lambda state: _log_retry(state, attempts),
        reraise=True,
    )
    return cast(Result, retrying(_attempt, reached, work))


def _attempt(reached: Reached, work: Callable[[], Result]) -> Result:
    with _watched(reached) as seen:
        try:
            return work()
        except SlateError as error:
            if error.code == "snapshots-busy":
                seen[:] = takers(reached.connection, "pov")
            if error.code not in _PASSING or not seen:
                raise
            who = f"In the way: {'; '.join(seen)}."
            raise SlateError(error.code, error.what, why=f"{error.why} {who}".strip(), hint=error.hint) from error


@contextmanager
def _watched(reached: Reached) -> Iterator[list[str]]:
    """Has a session of its own look meanwhile for whom the connection waits; yields whom it saw last."""
    seen: list[str] = []
    process = reached.connection.info.backend_pid
    with beside(partial(_watch, reached, process, seen), patience=_FOR_THE_WATCHER):
        yield seen


def _watch(reached: Reached, process: int, seen: list[str], ended: threading.Event) -> None:
    if ended.wait(_BEFORE_FIRST_LOOK):
        return
    with suppress(SlateError, psycopg.Error), connect_now(reached.parameters, reached.options) as connection:
        while True:
            seen[:] = _names(connection, _BLOCKERS, process) or seen
            if ended.wait(_BETWEEN_LOOKS):
                return


def _names(connection: Connection, query: str, *parameters: int | str) -> list[str]:
    with suppress(psycopg.Error):
        return [text for (text,) in connection.execute(query.encode(), parameters)]
    return []


def _log_retry(state: RetryCallState, attempts: int) -> None:
    error = state.outcome and state.outcome.exception()
    if isinstance(error, SlateError):
        _logger.info("Attempt %d of %d: %s %s Trying again.", state.attempt_number, attempts, error.what, error.why)
