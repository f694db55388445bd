"""The verb snapshot of slate-schema: takes a snapshot of everything that is not data."""

import argparse
import json
import logging

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Reached
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning import PROGRAM
from versioning.snapshots import options as own
from versioning.snapshots.options import TakeOptions
from versioning.snapshots.patience import ATTEMPTS, patiently
from versioning.snapshots.store import TAKE, Snapshot, opened, pov_errors, read_snapshots, take, take_turn
from versioning.wording import counted

_logger = logging.getLogger(__name__)


def build_parser() -> OptionParser:
    parser = verb_parser(
        PROGRAM,
        "snapshot",
        "[--note TEXT] [options]",
        "Takes a snapshot of everything that is not data. Where nothing has changed since the last one, nothing is"
        " stored.",
        "--host db1 -d events",
        "--note 'before release 7'",
    )
    group = parser.add_argument_group("What to take")
    shared.value_option(group, "--note", metavar="TEXT", help="why; history shows it")
    own.add_target_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    target = own.read_target(values, faults)
    options = TakeOptions(**target, note=shared.read_text(values.note, "--note", faults) or "")
    faults.raise_any(f"{PROGRAM} snapshot")
    return snapshot(options)


def snapshot(options: TakeOptions) -> ExitStatus:
    """Takes a snapshot, when it is its turn.

    :raises SlateError: what stopped it; nothing was stored then.
    """
    try:
        with opened(options.target, TAKE) as reached:
            place = reached.place
            taken, is_new = patiently(reached, ATTEMPTS, lambda: _take(reached, options.note))
    except KeyboardInterrupt:
        _logger.warning("Interrupted: the snapshot was taken, or nothing was stored.")
        raise
    if options.note and not is_new:
        _logger.warning("The note was not stored: no snapshot was taken.")
    write_result(_as_json(place, taken, is_new) if options.format == "json" else _as_text(taken, is_new))
    return ExitStatus.DONE


def _take(reached: Reached, note: str) -> tuple[Snapshot, bool]:
    """The active snapshot, and whether it is a new one."""
    with pov_errors("take a snapshot"), reached.connection.transaction():
        take_turn(reached.connection)
        before = read_snapshots(reached.connection)[-1:]
        take(reached.connection, note)
        (taken,) = read_snapshots(reached.connection)[-1:]
    return taken, [taken] != before


def _as_text(taken: Snapshot, is_new: bool) -> str:
    if not is_new:
        return (
            f"Nothing has changed since snapshot {taken.number}, revision {taken.short_revision}: nothing was stored."
        )
    same = f", the same as snapshot {taken.same_as}" if taken.same_as else ""
    return f"Snapshot {taken.number}: {counted(taken.objects, 'object')}, revision {taken.short_revision}{same}."


def _as_json(place: str, taken: Snapshot, is_new: bool) -> str:
    return json.dumps(
        {
            "place": place,
            "snapshot": taken.number,
            "revision": taken.revision,
            "stored": is_new,
            "objects": taken.objects,
            "same_as": taken.same_as,
        }
    )
