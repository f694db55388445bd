"""Following a source without logical replication: what is new is copied as soon as the source tells of it."""

import logging
import random
import time
from collections.abc import Callable
from contextlib import closing

import psycopg
from tenacity import RetryCallState, Retrying, retry_if_exception

from init_slate_db.core.addresses import answered
from init_slate_db.core.connection import Connection, connect, connect_now, server_errors
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.parallel import in_parallel
from init_slate_db.core.progress import describe_duration
from replication import follow_prefix, guard
from replication.follow_catching_up import LOOK_INTERVAL, Chase
from replication.follow_facts import Facts, look
from replication.follow_sessions import Session, Sessions, hold, open_sessions
from replication.options import FollowOptions

_logger = logging.getLogger(__name__)

# What passes by itself, or once somebody has seen to it, while a destination goes on following.
_PASSING = {
    "connection-lost",
    # As it is for a moment while a source is recovered.
    "database-missing",
    "disk-full",
    "no-connections-left",
    "no-server",
    "no-such-host",
    "read-only",
    "timed-out",
}
# Serialization and deadlocks, resources, somebody else's lock, a cancelled statement, a shutdown: as SQLSTATEs begin.
_PASSING_STATES = ("40", "53", "55P03", "57014", "57P")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0


def follow(options: FollowOptions) -> ExitStatus:
    """Brings the destination what the source has, and goes on so; with options.once, until nothing is new.

    :raises SlateError: what speaks against it; what a server says for good; at the first connection and with
        options.once, every loss of a connection, too.
    """
    follower = Follower(options)
    attempts: Retrying = Retrying(
        retry=retry_if_exception(follower.outlives), wait=follower.pause, before_sleep=follower.tell, reraise=True
    )
    try:
        attempts(follower.live)
    except KeyboardInterrupt:
        follower.tell_end()
        raise
    return ExitStatus.DONE


class Follower:
    """One run: sessions one after another, as often as a connection is lost."""

    def __init__(self, options: FollowOptions) -> None:
        self._options = options
        self._source, self._destination = options.source, options.destination
        self._holder: Session | None = None
        self._began = False
        self._checked = False
        self._follows = False
        self._stored = 0
        self._highest = 0
        self._failures = 0
        self._lost_at = 0.0

    def live(self) -> None:
        """Connects, checks, and follows; returns when there is nothing more to do."""
        options = self._options
        connecting = connect_now if self._began else connect
        with open_sessions(self._source, self._destination, self._holder, connecting) as sessions:
            self._holder = sessions.holder
            self._source = answered(self._source, sessions.source)
            self._destination = answered(self._destination, sessions.destination)
            facts = look(sessions.source, sessions.destination)
            hold(sessions.destination)
            self._check(sessions, facts)
            if not self._began:
                _tell_beginning(sessions, facts)
            chase = Chase(sessions, facts, options.log, self._go_on)
            _run(chase.catch_up, sessions)
            self._stored += chase.stored
            if options.once:
                write_result(self._result(sessions, chase.highest))
                return
            if not self._follows:
                _logger.info("%s follows.", sessions.destination.place, extra={"highest_id": chase.highest})
                self._follows = True
            _run(chase.go_on, sessions)

    def outlives(self, error: BaseException) -> bool:
        """Whether the error is one to wait out."""
        if not isinstance(error, SlateError) or not self._began or self._options.once:
            return False
        cause = error.__cause__
        state = (isinstance(cause, psycopg.Error) and cause.sqlstate) or ""
        return error.code in _PASSING or (error.code == "server-error" and state.startswith(_PASSING_STATES))

    def pause(self, _: RetryCallState) -> float:
        """Seconds until the next attempt: longer and longer, and not the same for all who wait."""
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
        self._failures += 1
        return random.uniform(longest / 2, longest)

    def tell(self, state: RetryCallState) -> None:
        """Says once that it waits."""
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, SlateError):
            return
        if self._failures > 1:
            _logger.debug("Still waiting: %s", error.what)
            return
        self._lost_at = time.monotonic()
        why = f" ({error.why})" if error.why else ""
        _logger.warning(
            "%s%s. Trying again until it works.",
            error.what.rstrip("."),
            why,
            extra={"code": error.code, "why": error.why},
        )

    def tell_end(self) -> None:
        """Says where it stands when it is interrupted."""
        if self._began:
            _logger.info(
                "Interrupted: the destination has the events up to %s. The same command goes on from there.",
                f"{self._highest:,}",
                extra={"highest_id": self._highest},
            )
        else:
            _logger.info("Interrupted: nothing was copied. The same command begins again.")

    def _go_on(self, highest: int) -> None:
        """Takes that the connections work and that events can be stored."""
        if self._failures:
            seconds = time.monotonic() - self._lost_at
            _logger.info(
                "It works again after %s; the destination has the events up to %s.",
                describe_duration(seconds),
                f"{highest:,}",
                extra={"seconds": round(seconds, 3), "highest_id": highest},
            )
        self._failures = 0
        self._highest = highest
        self._began = True

    def _check(self, sessions: Sessions, facts: Facts) -> None:
        """Makes sure that the destination holds what the source has, and keeps others from changing that."""
        source, destination = sessions.source, sessions.destination
        connection = destination.connection
        with server_errors(f"guard {destination.place}"):
            guarded = guard.refuses_writes(connection)
            # In one transaction, whose lock keeps others from writing meanwhile: a guard says that all was compared.
            with connection.transaction():
                if facts.owns_events:
                    guard.install(connection)
                if guarded or self._checked:
                    follow_prefix.check_last(source, destination)
                else:
                    follow_prefix.check_all(source, destination, self._options.log)
        if not (guarded or self._checked or facts.owns_events):
            _logger.warning(
                'Other writers are not refused by %s: "%s" does not own its events. Once its owner has followed with '
                "--once, they are.",
                destination.place,
                connection.info.user,
            )
        self._checked = True

    def _result(self, sessions: Sessions, highest: int) -> str:
        return (
            f"{sessions.destination.place} has the first {highest:,} events of {sessions.source.place};"
            f" {self._stored:,} of them are new."
        )


def _tell_beginning(sessions: Sessions, facts: Facts) -> None:
    source, destination = sessions.source.place, sessions.destination.place
    _logger.info(
        "Copying what %s has and %s lacks.", source, destination, extra={"source": source, "destination": destination}
    )
    if not facts.notifies:
        _logger.warning("%s tells nobody of new events; it is asked every %g s.", source, LOOK_INTERVAL)


def _run(work: Callable[[], None], sessions: Sessions) -> None:
    """Does the work in a thread of its own, so that Ctrl-C ends a wait for a server that says nothing any more."""

    def task(_: Connection) -> None:
        work()

    with closing(in_parallel(([sessions.source.connection], [task]), also=[sessions.destination.connection])) as ends:
        for _ in ends:
            pass
