"""Carries out a plan, and tells at every moment what stands."""

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from init_slate_db.core.addresses import Reached, reach_by
from init_slate_db.core.connection import connect, lift_timeouts, server_errors
from init_slate_db.core.creation import plan as creation
from init_slate_db.core.creation.install import Installation
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.errors import SlateError
from init_slate_db.core.progress import progress
from init_slate_db.core.snapshot import Snapshot
from recovery import replacement, way
from recovery.backup import Backup
from recovery.diff.comparison import compare
from recovery.diff.result import Comparison
from recovery.methods import copy, promote, restore_events
from recovery.options import Options
from recovery.plan import Action, Plan, Step
from recovery.report import FinishedStep, Report
from recovery.survey import Survey, running
from recovery.target import RUN_LOCK, Target

_logger = logging.getLogger(__name__)


class Recovery:
    """One run of a plan."""

    def __init__(self, options: Options, survey: Survey, plan: Plan) -> None:
        assert survey.backup
        self._options = options
        self._survey = survey
        self._plan = plan
        self._backup: Backup = survey.backup
        self._source: Reached | None = (
            survey.target.database if survey.target and not survey.requirements.create else None
        )
        self._comparison: Comparison | None = None
        self._next_id: int | None = None
        self._finished: list[FinishedStep] = []
        self._stands = "nothing was changed."
        self._actions: dict[Action, Callable[[], None]] = {
            Action.SET_ASIDE: self._set_aside,
            Action.CREATE: self._create,
            Action.CLOSE: self._close_to_writers,
            Action.RECHECK: self._recheck,
            Action.RESTORE_EVENTS: self._restore_events,
            Action.COPY: self._copy,
            Action.PROMOTE: self._promote,
            Action.COMPARE: self._compare,
            Action.OPEN: self._open,
        }

    def run(self) -> Report:
        """Takes every step but the last ones where the comparison finds differences.

        :raises SlateError: what stopped it; a log line before tells what stands and how to go on. The same where it
            is interrupted.
        """
        started_at = datetime.now(UTC)
        try:
            self._hold()
            for number, step in enumerate(self._plan.steps, 1):
                if step.action is Action.OPEN and self._comparison and not self._comparison.identical:
                    break
                self._take(number, step)
        except KeyboardInterrupt:
            _logger.warning("Interrupted: %s", self._stands)
            raise
        except SlateError:
            _logger.warning("What stands: %s", self._stands)
            raise
        return self._report(started_at)

    def _hold(self) -> None:
        """Makes sure that no second recovery works on the same database; until our connections close."""
        target = self._survey.target
        if target is None:
            return
        requirements = self._survey.requirements
        if requirements.create:
            _lock(target, target.server, name=target.name)
        else:
            assert self._source
            _lock(target, self._source)

    def _take(self, number: int, step: Step) -> None:
        _logger.info(
            "%d of %d: %s", number, len(self._plan.steps), step.title, extra={"step": step.action.name.lower()}
        )
        start = time.monotonic()
        self._actions[step.action]()
        self._finished.append(FinishedStep(step.title, time.monotonic() - start))

    def _set_aside(self) -> None:
        target = self._target
        self._stands = (
            f'the old database, with all its data, is "{target.name}" still, or "{self._plan.aside}".'
            " Run the same command again to go on."
        )
        replacement.set_aside(target, self._plan.aside)
        self._stands = (
            f'the old database is "{self._plan.aside}", with all its data; there is no "{target.name}" yet.'
            " Run the same command again to go on."
        )

    def _create(self) -> None:
        target, requirements = self._target, self._survey.requirements
        closing = creation.Step(
            "journal of the recovery: writers are refused", self._begin_statement(), creation.Place.DATABASE
        )
        plan = creation.make_plan(target.name, "source", locale=requirements.locale, closing=(closing,))
        # A connection of its own, since the installation opens it anew where it is lost.
        server = connect(target.server.parameters, target.server.options)
        with server:
            try:
                Installation(plan, server, target.server.parameters, target.server.options).run(requirements.leftovers)
            except KeyboardInterrupt:
                # It may have been complete already.
                with suppress(psycopg.Error):
                    if server.execute("SELECT FROM pg_database WHERE datname = %s", (target.name,)).rowcount:
                        self._tell_new()
                raise
        self._tell_new()
        parameters = target.server.parameters | {"dbname": target.name}
        self._source = reach_by(parameters, target.server.options)
        lift_timeouts(self._source.connection)
        _lock(target, self._source)
        self._check_way()

    def _check_way(self) -> None:
        if self._survey.method == "restore-events":
            with server_errors("try the way to the backup"):
                way.check(self._reached.connection, self._backup)

    def _close_to_writers(self) -> None:
        with server_errors("close the source to writers"):
            self._reached.connection.execute(self._begin_statement().encode())
        self._tell_new()

    def _tell_new(self) -> None:
        self._stands = (
            f"{self._target.place} is an empty source that refuses writers. Run the same command again to go on."
        )

    def _begin_statement(self) -> str:
        system_identifier, database_oid = self._backup.identity
        origin = {
            "system_identifier": system_identifier,
            "database_oid": database_oid,
            "place": self._backup.place,
        }
        return (
            sql.SQL("SELECT slate.begin_recovery({}, {}, {})")
            .format(self._survey.method, json.dumps(origin), self._plan.last_id)
            .as_string(None)
        )

    def _recheck(self) -> None:
        self._tell_resumable()
        with server_errors("compare what is here already"):
            copy.recheck(self._reached, self._backup)

    def _restore_events(self) -> None:
        if self._survey.requirements.journal is None and not self._survey.requirements.create:
            self._tell_new()
        with progress("Restoring events", self._plan.last_id, self._options.log) as bar:
            restore_events.restore(self._reached, self._backup, bar)
        self._tell_loaded()

    def _copy(self) -> None:
        self._tell_resumable()
        with server_errors("tell what is stored"):
            stored = sum(last - first + 1 for first, last in copy.stored_ranges(self._reached.connection))
        with progress("Copying events", self._plan.last_id, self._options.log, already_done=stored) as bar:
            copy.copy(self._reached, self._backup, self._options.jobs, bar)
        self._tell_loaded()

    def _tell_resumable(self) -> None:
        self._stands = (
            f"{self._target.place} keeps the events that it has, and refuses writers."
            " Run the same command with --resume to go on."
        )

    def _tell_loaded(self) -> None:
        self._stands = (
            f"{self._target.place} has all {self._plan.last_id:,} events, and refuses writers."
            " Run the same command with --resume to go on."
        )

    def _promote(self) -> None:
        place = self._backup.place
        self._stands = f"{place} is wholly a backup still, or wholly a source. Run the same command again to see."
        reached = self._backup.reached
        with connect(reached.parameters, reached.options) as connection:
            self._next_id = promote.promote(connection, self._backup)
        self._stands = f"{place} is the source."

    def _compare(self) -> None:
        settings = Settings(jobs=self._options.jobs, until_id=self._plan.last_id)
        with (
            # On a connection of its own: the first one holds the lock of this run.
            Snapshot(self._reached.again()) as source,
            progress("Comparing", 2 * self._plan.last_id, self._options.log) as bar,
        ):
            backup = self._backup.snapshot
            self._comparison = compare(source, backup, settings, bar.advance)

    def _open(self) -> None:
        self._stands = (
            f"{self._target.place} has all {self._plan.last_id:,} events, and lets writers in, or refuses them still."
            " Run the same command with --resume to see."
        )
        with server_errors("let writers in"):
            row = self._reached.connection.execute("SELECT slate.finish_recovery()").fetchone()
        assert row
        self._next_id = row[0]
        self._stands = f"{self._target.place} is recovered and open; the next event gets id {self._next_id:,}."

    @property
    def _target(self) -> Target:
        assert self._survey.target
        return self._survey.target

    @property
    def _reached(self) -> Reached:
        assert self._source
        return self._source

    def _report(self, started_at: datetime) -> Report:
        comparison = self._comparison
        promoted = self._survey.method == "promote"
        return Report(
            verdict="not compared" if comparison is None else "identical" if comparison.identical else "different",
            method=self._survey.method,
            rows_restored=self._plan.last_id,
            next_insert_id=self._next_id,
            source=self._backup.place if promoted else self._target.place,
            backup=self._backup.place,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            steps=tuple(self._finished),
            diff=comparison,
            notes=self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        notes = list(self._survey.notes)
        if self._plan.aside:
            notes.append(f'The database that was there is "{self._plan.aside}" now; drop it when nobody needs it.')
            notes += replacement.notes_on_slots(self._target, self._plan.aside)
        if self._comparison and not self._comparison.identical:
            notes.append(f"{self._target.place} refuses writers as long as it differs.")
        return tuple(notes)


def _lock(target: Target, reached: Reached, name: str = "") -> None:
    """Takes the lock of a run: on the database that is connected to, or on the name of one.

    :raises SlateError: recovery-running.
    """
    with server_errors("lock the recovery"):
        if name:
            row = reached.connection.execute(
                "SELECT pg_try_advisory_lock(%s, hashtext(%s))", (RUN_LOCK % 2**31, name)
            ).fetchone()
        else:
            row = reached.connection.execute("SELECT pg_try_advisory_lock(%s)", (RUN_LOCK,)).fetchone()
    if row is None or not row[0]:
        finding = running(target)
        assert finding.against
        raise finding.against
