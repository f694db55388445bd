"""Carries out what `add` has planned, and tells at every moment what stands."""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, connect, lift_timeouts, server_errors
from init_slate_db.core.copying import copy_events
from init_slate_db.core.errors import SlateError
from init_slate_db.core.progress import Progress, progress
from replication import guard, indexes, slot, subscription
from replication.link import Destination as Described
from replication.link import describe
from replication.options import AddOptions
from replication.requirements import Action, Survey
from replication.setting_back import set_back

_logger = logging.getLogger(__name__)

_PUBLISH = "CREATE PUBLICATION {} FOR TABLE public.events WITH (publish = 'insert', publish_via_partition_root = true)"
_COMMENT = "COMMENT ON PUBLICATION {} IS {}"
_IS_PUBLISHED = "SELECT FROM pg_publication WHERE pubname = %s"
_OWNER = """
SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c
WHERE c.oid = 'public.events'::regclass AND has_database_privilege(c.relowner, current_database(), 'CREATE')
"""
_HIGHEST = "SELECT coalesce(max(id), 0) FROM public.events"
# Short enough for a bar to move, long enough to cost nothing.
_IDS_A_COPY = 50_000
_AGAIN = "Run the same command again to go on."


class Linking:
    """One run of the plan."""

    def __init__(self, options: AddOptions, survey: Survey, stands: str) -> None:
        """stands: what is there so far, to be told where it is stopped before it has changed anything."""
        assert survey.source and survey.destination
        self._options = options
        self._survey = survey
        self._source = survey.source
        self._destination = survey.destination
        self._name = survey.destination.name
        self._copied = 0
        self._stands = stands
        self._written: Path | None = None
        self._actions: dict[Action, Callable[[], None]] = {
            Action.CLEAR: self._clear,
            Action.PUBLISH: self._publish,
            Action.COPY: self._copy,
            Action.POINT: self._point,
            Action.GUARD: self._guard,
        }

    def run(self) -> int:
        """Takes every step; returns how many events were copied.

        :raises SlateError: what stopped it; a log line before tells what stands. The same where it is interrupted.
        """
        try:
            for action in self._survey.actions:
                self._actions[action]()
        except KeyboardInterrupt:
            _logger.warning("Interrupted: %s", self._stands)
            raise
        except SlateError:
            _logger.warning("What stands: %s", self._stands)
            raise
        return self._copied

    def _clear(self) -> None:
        self._stands = f"the destination keeps its events, and does not follow. {_AGAIN}"
        _logger.info("Removing what is left of the earlier link")
        if self._destination.subscription:
            with server_errors("drop the old subscription"), self._writer() as writer, writer.transaction():
                subscription.drop(writer, self._name)
        with server_errors("drop the old slot"):
            slot.drop(self._source.reached.connection, self._name)

    def _publish(self) -> None:
        info = self._destination.reached.connection.info
        described = Described(info.host, info.port, info.dbname, self._destination.identity)
        name = sql.Identifier(self._name)
        connection = self._source.reached.connection
        self._stands = f"the source publishes its events as {self._name}, or not yet, and nobody follows. {_AGAIN}"
        with server_errors("publish the events"), connection.transaction():
            if connection.execute(_IS_PUBLISHED, (self._name,)).fetchone() is None:
                connection.execute(sql.SQL(_PUBLISH).format(name))
                # Whoever may add a destination may then remove it, also where these are two roles of one owner.
                for (owner,) in connection.execute(_OWNER).fetchall():
                    connection.execute(sql.SQL("ALTER PUBLICATION {} OWNER TO {}").format(name, sql.Identifier(owner)))
            connection.execute(sql.SQL(_COMMENT).format(name, describe(described)))
        self._stands = f"the source publishes its events as {self._name}, and nobody follows. {_AGAIN}"

    def _copy(self) -> None:
        assert self._survey.agreement
        before = self._survey.agreement.destination_highest
        _logger.info("Waiting for transactions that are in work on the source")
        with slot.hold_moment(self._source.reached, self._name) as moment, self._writer() as writer:
            guard.hold(writer, self._destination.place)
            kept = committing = False
            try:
                with server_errors(f"fill {self._destination.place}"), writer.transaction():
                    self._fill(moment.reader, writer, before)
                    kept = True
                    moment.keep(self._name, failover=self._options.failover)
                    self._subscribe(writer)
                    self._stands = f"the destination follows, or does not follow yet. {_AGAIN}"
                    # Should the commit's answer not reach us, the subscription may be there, and need it.
                    committing = True
            except BaseException:
                if kept and not committing:
                    self._drop_slot()
                if self._written and not committing:
                    # All that it holds is still there, and the same command is to find no such file.
                    self._written.unlink(missing_ok=True)
                raise
        self._stands = f"{self._destination.place} follows."

    def _fill(self, reader: Connection, writer: Connection, before: int) -> None:
        writer.execute("LOCK TABLE public.events IN SHARE ROW EXCLUSIVE MODE")
        if writer.execute(_HIGHEST).fetchone() != (before,):
            raise SlateError(
                "not-a-prefix",
                f"{self._destination.place} has changed since it was looked at.",
                hint="Stop what writes to it, then run the command again.",
            )
        if self._survey.set_back and self._options.set_back:
            before = self._survey.set_back - 1
            self._written = self._options.set_back
            count = set_back(writer, before + 1, self._written)
            _logger.info('Wrote %s events of the destination to "%s"', f"{count:,}", self._written)
        guard.install(writer)
        row = reader.execute(_HIGHEST).fetchone()
        assert row
        last: int = row[0]
        commands = indexes.set_aside(writer) if last > 2 * before else []
        with progress("Copying events", last, self._options.log, already_done=before) as bar:
            for first in range(before + 1, last + 1, _IDS_A_COPY):
                bar.advance(self._copy_range(reader, writer, first, min(first + _IDS_A_COPY - 1, last)))
            _build(writer, commands, bar)
        self._copied = last - before

    def _copy_range(self, reader: Connection, writer: Connection, first: int, last: int) -> int:
        try:
            count = copy_events(reader, writer, first, last)
        except psycopg.Error as error:
            place = self._source.place if reader.broken else self._destination.place
            with server_errors(f"copy events at {place}"):
                raise error
        if count != last - first + 1:
            raise SlateError(
                "invalid-source",
                f"{self._source.place} has {count:,} events with the ids {first:,} to {last:,}.",
                why="Its ids have a gap.",
                hint="slate-recover makes a source whole.",
            )
        return count

    def _subscribe(self, writer: Connection) -> None:
        subscription.create(
            writer,
            self._name,
            self._survey.conninfo,
            source_version=self._source.version,
            is_superuser=self._destination.is_superuser,
            failover=self._options.failover,
        )

    def _drop_slot(self) -> None:
        """What has just been kept is of no use when the destination's transaction fails."""
        with suppress(psycopg.Error, SlateError, KeyboardInterrupt):
            reached = self._source.reached
            with connect(reached.parameters, reached.options) as connection:
                slot.drop(connection, self._name)
            return
        self._stands += f" Slot {self._name} is left on the source; the next run drops it."

    def _point(self) -> None:
        _logger.info("Leading the subscription to the source")
        self._stands = f"the destination follows, or does not follow yet. {_AGAIN}"
        with server_errors("switch the subscription on"), self._writer() as writer, writer.transaction():
            subscription.point(writer, self._name, self._survey.conninfo)
            guard.install(writer)
        self._stands = f"{self._destination.place} follows."

    def _guard(self) -> None:
        self._stands = f"{self._destination.place} follows, and lets others write, too. {_AGAIN}"
        with server_errors("let nobody else write"), self._writer() as writer, writer.transaction():
            guard.install(writer)
        self._stands = f"{self._destination.place} follows."

    def _writer(self) -> Connection:
        reached: Reached = self._destination.reached
        connection = connect(reached.parameters, reached.options)
        lift_timeouts(connection)
        return connection


def _build(writer: Connection, commands: list[str], bar: Progress) -> None:
    for number, command in enumerate(commands, 1):
        bar.describe(f"index {number} of {len(commands)}")
        indexes.bring_back(writer, command)
