"""A rollback that was agreed to: carried out in one transaction, again where others were in the way."""

from collections.abc import Sequence
from dataclasses import dataclass

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import USE_ROLES_SEARCH_PATH
from init_slate_db.core.errors import SlateError
from versioning import PROGRAM
from versioning.snapshots.options import RollbackOptions
from versioning.snapshots.patience import patiently
from versioning.snapshots.store import Command, pov_errors, read_plan, take_turn

# Whoever holds the turn takes no other snapshot: the one before the last is what was live before.
_ROLL_BACK = "SELECT r._snapshotid FROM pov.rollback(%s) AS r"
_BEFORE = "SELECT max(s.snapshotid) FROM pov.snapshot AS s WHERE s.snapshotid < %s"


@dataclass(frozen=True)
class Done:
    """number: of the snapshot that stands for the rollback; before: of that of what was live before."""

    number: int
    before: int


@dataclass
class Outcome:
    """What a rollback has come to. done: None: nothing. It is set before the commit: what interrupts from then on finds
    all of it done, or nothing."""

    done: Done | None = None


def go_back(reached: Reached, options: RollbackOptions, plan: Sequence[Command], outcome: Outcome) -> None:
    """Carries out the plan, and no other; somebody else may have done so in the meantime.

    :param outcome: is given what was done.
    :raises SlateError: plan-changed, lock-held, snapshots-busy, or what the server says; nothing was changed then.
    """
    patiently(reached, options.attempts, lambda: _go_back(reached, options, plan, outcome))


def _go_back(reached: Reached, options: RollbackOptions, plan: Sequence[Command], outcome: Outcome) -> None:
    connection = reached.connection
    with pov_errors("go back to a snapshot"), connection.transaction():
        take_turn(connection)
        present_plan = read_plan(connection, None, options.number)
        if not present_plan:
            return
        if present_plan != list(plan):
            raise _plan_changed(options.number)
        # Event triggers may need it.
        connection.execute(USE_ROLES_SEARCH_PATH)
        row = connection.execute(_ROLL_BACK, (options.number,)).fetchone()
        assert row
        before = connection.execute(_BEFORE, row).fetchone()
        assert before
        outcome.done = Done(row[0], before[0])


def _plan_changed(number: int) -> SlateError:
    return SlateError(
        "plan-changed",
        "Nothing was changed: what is live has changed since the plan was made.",
        why="What you agreed to is no longer what would be done.",
        hint=f"Look at {PROGRAM} rollback {number} --dry-run, then run the command again.",
    )
