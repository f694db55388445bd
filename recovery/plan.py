"""The plan: what a recovery does, step by step, for a person to read before anything is done."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from recovery.options import Options
from recovery.survey import Survey

_ASIDE = "_replaced_"
_LONGEST_NAME = 63


class Action(Enum):
    """What a step does."""

    SET_ASIDE = auto()
    CREATE = auto()
    CLOSE = auto()
    RECHECK = auto()
    RESTORE_EVENTS = auto()
    COPY = auto()
    PROMOTE = auto()
    COMPARE = auto()
    OPEN = auto()


@dataclass(frozen=True)
class Step:
    """One step, and what it does, in words."""

    action: Action
    title: str


@dataclass(frozen=True)
class Plan:
    """All steps. aside: the name that an existing database gets; last_id: the last event to be recovered."""

    steps: tuple[Step, ...]
    last_id: int
    aside: str = ""


def make_plan(options: Options, survey: Survey, now: datetime) -> Plan:
    """The plan that the survey allows; its findings have none that speaks against the run.

    :param now: when the run begins, in UTC.
    """
    backup = survey.backup
    assert backup
    if survey.method == "promote":
        title = (
            f"make backup {backup.place} the source, in one transaction; the next event gets id {backup.last_id + 1:,}"
        )
        return Plan((Step(Action.PROMOTE, title),), backup.last_id)
    target, needs, journal = survey.target, survey.requirements, survey.requirements.journal
    assert target
    last_id = journal.last_id if journal else backup.last_id
    aside = _name_aside(target.name, now) if needs.replace else ""
    steps = []
    if needs.replace:
        ending = f", ending {len(target.sessions)} sessions in it" if target.sessions else ""
        steps.append(Step(Action.SET_ASIDE, f'rename database "{target.name}" to "{aside}"{ending}; its data stays'))
    if needs.create:
        steps.append(
            Step(Action.CREATE, f'create source "{target.name}" on {target.server.host_and_port}, closed to writers')
        )
    elif journal is None:
        steps.append(Step(Action.CLOSE, f"close {target.place} to writers until the recovery has succeeded"))
    elif journal.next_id is None:
        steps.append(Step(Action.RECHECK, f"make sure that {backup.place} still has the events that are here already"))
    if journal is None or journal.next_id is None:
        steps.append(_load(options, survey, last_id))
    if options.compare:
        steps.append(Step(Action.COMPARE, f"compare all {last_id:,} events with the backup's, by digests"))
    steps.append(Step(Action.OPEN, f"let writers in; the next event gets id {last_id + 1:,}"))
    return Plan(tuple(steps), last_id, aside)


def _load(options: Options, survey: Survey, last_id: int) -> Step:
    assert survey.backup
    place = survey.backup.place
    if survey.method == "copy":
        rest = "the rest of " if survey.requirements.journal else ""
        title = (
            f"copy {rest}{last_id:,} events from {place} through this machine, {options.jobs} at once; then the indexes"
        )
        return Step(Action.COPY, title)
    return Step(Action.RESTORE_EVENTS, f"restore {last_id:,} events from {place}, in one transaction")


def _name_aside(name: str, now: datetime) -> str:
    """What a database is called that is set aside. PostgreSQL cuts names by bytes."""
    ending = f"{_ASIDE}{now:%Y%m%dT%H%M%SZ}"
    return name.encode()[: _LONGEST_NAME - len(ending)].decode(errors="ignore") + ending
