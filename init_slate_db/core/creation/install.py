"""Carries out a plan: the database exists under its name only when it is complete."""

import logging

import psycopg
from psycopg import errors
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from init_slate_db.core.connection import Connection, connect, pin, server_errors
from init_slate_db.core.conninfo import Parameters
from init_slate_db.core.creation import survey
from init_slate_db.core.creation.plan import Place, Plan, Step, quote_name
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import ConnectionOptions

_logger = logging.getLogger(__name__)

# How long, in seconds, a session that is just ending may stand in the way of a rename or a drop.
_PATIENCE = 10


class Installation:
    """One run of a plan on one server."""

    def __init__(self, plan: Plan, server: Connection, parameters: Parameters, options: ConnectionOptions) -> None:
        self._plan = plan
        self._server = server
        self._parameters = pin(parameters, server)
        self._options = options
        self._database: Connection | None = None
        self._oid = 0

    def run(self, leftovers: tuple[str, ...]) -> None:
        """Drops leftovers, then takes every step. What stops it leaves the name free.

        :raises SlateError: what the server says against a step.
        """
        for leftover in leftovers:
            self._drop_leftover(leftover)
        # Held as long as the connection lives: by this other runs know that the unfinished database is in work.
        with server_errors("create the database"):
            self._server.execute("SELECT pg_advisory_lock(%s)", (survey.lock_key(self._plan.working_name),))
        try:
            for step in self._plan.steps:
                self.take(step)
        except BaseException:
            self._undo()
            raise

    def take(self, step: Step) -> None:
        """Takes one step."""
        _logger.debug("%s", step.title, extra={"step": step.title})
        if step.place is Place.DATABASE:
            self._take_inside(step)
        elif step is self._plan.steps[-1]:
            self._finish(step)
        else:
            with server_errors("create the database"):
                self._server.execute(step.statement.encode())
                row = self._server.execute(
                    "SELECT oid FROM pg_database WHERE datname = %s", (self._plan.working_name,)
                ).fetchone()
            self._oid = row[0] if row else 0

    def _take_inside(self, step: Step) -> None:
        if self._database is None:
            self._database = connect(self._parameters | {"dbname": self._plan.working_name}, self._options)
            self._database.autocommit = False
        with server_errors(f"create {step.title}"):
            self._database.execute(step.statement.encode())

    def _finish(self, step: Step) -> None:
        if self._database is not None:
            with server_errors("commit the new database"):
                self._database.commit()
            self._database.close()
        try:
            with server_errors("give the database its name"):
                self._patiently(self._server, step.statement)
        except SlateError as error:
            # The second where two runs rename at the same moment.
            if isinstance(error.__cause__, errors.DuplicateDatabase | errors.UniqueViolation):
                raise survey.name_taken(self._plan.name) from error
            if error.code != "connection-lost":
                raise
            self._revive_server()
            if not self._is_complete():
                raise

    def _undo(self) -> None:
        if self._database is not None:
            self._database.close()
        try:
            self._revive_server()
            self._server.execute(f"SET lock_timeout = '{_PATIENCE}s'")
            if self._is_complete():
                _logger.warning('Interrupted, but database "%s" was complete already.', self._plan.name)
            else:
                self._patiently(self._server, f"DROP DATABASE IF EXISTS {quote_name(self._plan.working_name)}")
                _logger.info('Nothing was left behind; the name "%s" is free.', self._plan.name)
        except (psycopg.Error, SlateError, KeyboardInterrupt):
            _logger.warning(
                'An unfinished database %s may remain; the next run drops it. The name "%s" is free.',
                self._plan.working_name,
                self._plan.name,
            )

    def _is_complete(self) -> bool:
        """Whether the rename took place, though its answer did not reach us."""
        row = self._server.execute("SELECT datname FROM pg_database WHERE oid = %s", (self._oid,)).fetchone()
        return row is not None and row[0] == self._plan.name

    def _revive_server(self) -> None:
        """Connects again where the connection was lost, be it unnoticed until now."""
        try:
            self._server.execute("SELECT")
        except psycopg.OperationalError:
            self._server.close()
            self._server = connect(self._parameters, self._options)

    def _drop_leftover(self, leftover: str) -> None:
        try:
            self._patiently(self._server, f"DROP DATABASE IF EXISTS {quote_name(leftover)}")
            _logger.info("Dropped %s, which an interrupted run had left.", leftover)
        except psycopg.Error as error:
            _logger.warning("%s, which an interrupted run has left, stays: %s", leftover, error.diag.message_primary)

    @staticmethod
    def _patiently(server: Connection, statement: str) -> None:
        """Runs a statement that needs the database to itself; sessions that are just ending get time to."""
        attempts = Retrying(
            stop=stop_after_delay(_PATIENCE),
            wait=wait_fixed(0.1),
            retry=retry_if_exception_type(errors.ObjectInUse),
            reraise=True,
        )
        attempts(server.execute, statement.encode())
