"""The verb rollback of slate-schema: surveys, tells the plan, asks, and goes back to a snapshot."""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Reached
from init_slate_db.core.consent import Consent
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import Finding
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning import PROGRAM
from versioning.snapshots import options as own
from versioning.snapshots.execution import Done, Outcome, go_back
from versioning.snapshots.options import RollbackOptions
from versioning.snapshots.patience import ATTEMPTS, patiently
from versioning.snapshots.rendering import command_lines, command_objects, one_line, write_lines
from versioning.snapshots.store import (
    LOCK_TIMEOUT,
    READ,
    TAKE,
    Command,
    Snapshot,
    opened,
    read_plan,
    read_refusals,
    read_snapshot,
)
from versioning.wording import counted

_logger = logging.getLogger(__name__)

_MOST_ATTEMPTS = 10000
# How pov.plan() marks what a table loses that the snapshot does not know.
_OF_YOUNGER_TABLE = " -- the table is younger than the snapshot"


@dataclass(frozen=True)
class _Survey:
    """refusals: objects, each with what stands against changing it."""

    place: str
    snapshot: Snapshot
    refusals: tuple[tuple[str, str], ...]
    plan: tuple[Command, ...]


def build_parser() -> OptionParser:
    parser = verb_parser(
        PROGRAM,
        "rollback",
        "N [options]",
        "Goes back to snapshot N without touching data: all of it, in one transaction, or nothing. What is live before"
        " is kept as a snapshot, so that a rollback can be undone.",
        "3 --dry-run",
        "3 --host db1 -d events --yes",
    )
    group = parser.add_argument_group("Where to, and how")
    own.add_number(group, "number", "N", "the number of a snapshot, as history tells it")
    shared.value_option(
        group,
        "--lock-timeout",
        metavar="MILLISECS",
        help=f"how long an attempt waits for a lock, while others queue behind it (default {LOCK_TIMEOUT})",
    )
    shared.value_option(
        group,
        "--attempts",
        metavar="N",
        help=f"how often, with growing pauses, before it gives up (default {ATTEMPTS})",
    )
    shared.add_consent_options(parser)
    own.add_target_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    lock_timeout = shared.read_milliseconds(values.lock_timeout, "--lock-timeout", faults)
    attempts = shared.read_whole_number(values.attempts, "--attempts", faults, largest=_MOST_ATTEMPTS)
    options = RollbackOptions(
        **own.read_target(values, faults),
        number=own.read_number(values.number, "N", faults),
        lock_timeout=lock_timeout or LOCK_TIMEOUT,
        attempts=attempts or ATTEMPTS,
        yes=values.yes,
        dry_run=values.dry_run,
    )
    faults.raise_any(f"{PROGRAM} rollback")
    return rollback(options)


def rollback(options: RollbackOptions) -> ExitStatus:
    """Surveys, asks, and goes back.

    :raises SlateError: what stands against it, or what stopped it; nothing was changed then.
    """
    outcome = Outcome()
    try:
        with opened(options.target, READ if options.dry_run else TAKE, options.lock_timeout) as reached:
            survey = patiently(reached, options.attempts, lambda: _look(reached, options.number))
            if options.dry_run:
                _tell_dry_run(options, survey)
                return ExitStatus.DONE
            _agree_and_go_back(reached, options, survey, outcome)
    except KeyboardInterrupt:
        told = f"all of it was done, or nothing; {PROGRAM} history tells" if outcome.done else "nothing was changed"
        _logger.warning("Interrupted: %s.", told)
        raise
    _tell(options, survey, outcome.done)
    return ExitStatus.DONE


def _look(reached: Reached, number: int) -> _Survey:
    snapshot = read_snapshot(reached, number)
    refusals = read_refusals(reached.connection, number)
    return _Survey(reached.place, snapshot, tuple(refusals), tuple(read_plan(reached.connection, None, number)))


def _agree_and_go_back(reached: Reached, options: RollbackOptions, survey: _Survey, outcome: Outcome) -> None:
    consent = Consent(options.yes, options.target.connection.interactive)
    consent.tell_survey(_findings(survey))
    _raise_refusals(survey)
    if survey.plan:
        consent.tell_plan(_steps(survey.plan))
        consent.ask()
        go_back(reached, options, survey.plan, outcome)


def _findings(survey: _Survey) -> list[Finding]:
    what = Finding(f"snapshot {one_line(survey.snapshot.title)}, of {survey.place}")
    if not survey.refusals:
        return [what, Finding("nothing stands against going back to it")]
    return [what] + [
        Finding(one_line(f"{identity}: {reason}"), _refusal(survey), blocking=False)
        for identity, reason in survey.refusals
    ]


def _raise_refusals(survey: _Survey) -> None:
    if survey.refusals:
        raise _refusal(survey)


def _refusal(survey: _Survey) -> SlateError:
    """Names every object: a quiet log has no survey."""
    lines = [one_line(f"{identity}: {reason}") for identity, reason in survey.refusals]
    return SlateError(
        "rollback-refused",
        f"Going back to snapshot {survey.snapshot.number} is refused; nothing was changed.",
        why="\n  ".join(lines),
        hint="Put that right, or go back to another snapshot.",
    )


def _steps(plan: Sequence[Command]) -> list[str]:
    """A line for each object and what becomes of it, whatever number of commands that takes."""
    return [one_line(title) + _mark(list(commands)) for title, commands in groupby(plan, key=lambda one: one.title)]


def _mark(commands: Sequence[Command]) -> str:
    return _OF_YOUNGER_TABLE if any(one.command.endswith(_OF_YOUNGER_TABLE) for one in commands) else ""


def _tell_dry_run(options: RollbackOptions, survey: _Survey) -> None:
    """:raises SlateError: rollback-refused, behind the plan."""
    number = survey.snapshot.number
    if options.format == "json":
        write_result(json.dumps(_plan_object(survey) | {"dry_run": True}))
    elif not survey.plan:
        write_result(f"What is live is as in snapshot {number} already.")
    else:
        write_lines(
            [
                ("", f"-- Back to snapshot {number} of {survey.place}: {counted(len(survey.plan), 'command')}"),
                *command_lines(survey.plan),
                ("", "-- Nothing was done: --dry-run."),
            ]
        )
    _raise_refusals(survey)


def _tell(options: RollbackOptions, survey: _Survey, done: Done | None) -> None:
    number, revision = survey.snapshot.number, survey.snapshot.short_revision
    if options.format == "json":
        result = {"snapshot": done and done.number, "before": done and done.before}
        write_result(json.dumps(_plan_object(survey) | {"dry_run": False} | result))
    elif done is None:
        write_result(f"What is live is as in snapshot {number} already, revision {revision}: nothing was done.")
    else:
        write_result(
            f"Back at snapshot {number}: what is live has its revision, {revision}. This is snapshot {done.number}.\n"
            f"What was live before is snapshot {done.before}: {PROGRAM} rollback {done.before} undoes this."
        )


def _plan_object(survey: _Survey) -> dict[str, object]:
    return {
        "place": survey.place,
        "rollback_to": survey.snapshot.number,
        "revision": survey.snapshot.revision,
        "refusals": [{"identity": identity, "reason": reason} for identity, reason in survey.refusals],
        "commands": command_objects(survey.plan),
    }
