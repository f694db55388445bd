"""Patience with locks: tries again, longer and longer apart, and tells who was in the way."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

import psycopg
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from versioning.migrations.cluster import Node, Session
from versioning.migrations.running import PatchError

Value = TypeVar("Value")

_logger = logging.getLogger(__name__)

# lock_not_available and deadlock_detected: nothing is wrong with the patch, another session stands in its way.
_IN_THE_WAY = {"55P03", "40P01"}
# What they run is left out: it may hold a password.
_BLOCKERS = """
SELECT format('pid %%s, role %%s%%s%%s, %%s%%s', a.pid, coalesce(a.usename, '?'),
              ' at ' || coalesce(host(a.client_addr), 'the socket'),
              ', ' || nullif(a.application_name, ''),
              coalesce(a.state, a.backend_type),
              ', in a transaction since ' || to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS'))
FROM pg_stat_activity AS a WHERE a.pid = ANY (pg_blocking_pids(%s)) ORDER BY a.xact_start
"""


def with_patience(doing: str, node: Node, session: Session, action: Callable[[], Value]) -> Value:
    """Runs the action, a transaction on the node, and again where it did not get a lock.

    :param doing: what it does, "apply patch 2-1-0".
    :raises SlateError: lock-not-had: not at any try.
    """
    watch = _Watch(session.watch[node.name], session.connection(node).info.backend_pid, session.patience.timeout)

    def attempt() -> Value:
        with watch:
            return action()

    attempts = Retrying(
        stop=stop_after_attempt(session.patience.tries),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        retry=retry_if_exception(_is_in_the_way),
        before_sleep=lambda state: _log_retry(state, doing, node, watch.seen),
        reraise=True,
    )
    try:
        return attempts(attempt)
    except (PatchError, psycopg.Error) as error:
        if _is_in_the_way(error):
            raise _not_had(doing, node, session, watch.seen, error) from None
        raise


def _is_in_the_way(error: BaseException) -> bool:
    cause = error.error if isinstance(error, PatchError) else error
    return isinstance(cause, psycopg.Error) and cause.sqlstate in _IN_THE_WAY


def _log_retry(state: RetryCallState, doing: str, node: Node, seen: str) -> None:
    _logger.warning(
        "%s: no lock to %s at try %d; trying again.%s",
        node.name,
        doing,
        state.attempt_number,
        f" In the way: {seen}." if seen else "",
    )


def _not_had(doing: str, node: Node, session: Session, seen: str, error: Exception) -> SlateError:
    tries = session.patience.tries
    tried = f"{tries} {'try' if tries == 1 else 'tries'} of {session.patience.timeout} ms"
    return SlateError(
        "lock-not-had",
        f"No lock was had on {node.name} to {doing}: {tried}.",
        why=f"In the way: {seen}" if seen else str(error).partition("\n")[0],
        hint="Nothing of it was applied. End what stands in the way, or wait longer: --lock-timeout, --lock-tries.",
    )


class _Watch:
    """Looks, while a block runs, who blocks a server process. seen: who did last, in words."""

    def __init__(self, connection: Connection, pid: int, timeout: int) -> None:
        self.seen = ""
        self._connection = connection
        self._pid = pid
        # The first look comes when half of the time is over: most transactions have long ended then.
        self._interval = timeout / 2000
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._ended.clear()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self._interval):
            try:
                found = self._connection.execute(_BLOCKERS, (self._pid,)).fetchall()
            except psycopg.Error:
                # Who is in the way is told where that can be known; the transaction goes on without it.
                return
            if found:
                self.seen = "; ".join(text for (text,) in found)
