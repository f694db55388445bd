"""The verb diff of slate-schema: what has changed since a snapshot, and the commands that make the difference."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence

from init_slate_db.core.addresses import Reached
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning import PROGRAM
from versioning.snapshots import options as own
from versioning.snapshots.options import DiffOptions
from versioning.snapshots.patience import ATTEMPTS, patiently
from versioning.snapshots.rendering import (
    Line,
    change_lines,
    command_lines,
    command_objects,
    object_lines,
    write_lines,
)
from versioning.snapshots.store import Change, Command, opened, read_changes, read_plan, read_snapshot


def build_parser() -> OptionParser:
    parser = verb_parser(
        PROGRAM,
        "diff",
        "N [M] [options]",
        "Tells what has changed from snapshot N to the live state, or to snapshot M, and the exact commands that lead"
        " there. Only reads. Exit status 3 where they differ. What would lead back to N: rollback N --dry-run.",
        "3 --host db1 -d events",
        "3 5 --format json",
    )
    group = parser.add_argument_group("What to compare")
    own.add_number(group, "before", "N", "the number of a snapshot, as history tells it")
    own.add_number(group, "after", "M", "that of another one [the live state]")
    own.add_target_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = DiffOptions(
        **own.read_target(values, faults),
        before=own.read_number(values.before, "N", faults),
        after=own.read_number(values.after, "M", faults) if values.after is not None else None,
    )
    faults.raise_any(f"{PROGRAM} diff")
    return diff(options)


def diff(options: DiffOptions) -> ExitStatus:
    """Reads, compares and tells.

    :raises SlateError: no-such-snapshot, or the database cannot be asked.
    """
    with opened(options.target) as reached:
        for number in filter(None, (options.before, options.after)):
            read_snapshot(reached, number)
        changes, commands = patiently(reached, ATTEMPTS, lambda: _compare(reached, options))
        if options.format == "json":
            write_lines([("", _as_json(reached.place, options, changes, commands))])
        else:
            write_lines(_lines(options, changes, commands))
    return ExitStatus.DIFFERENT if changes else ExitStatus.DONE


def _compare(reached: Reached, options: DiffOptions) -> tuple[list[Change], list[Command]]:
    changes = read_changes(reached.connection, options.before, options.after)
    return changes, read_plan(reached.connection, options.before, options.after) if changes else []


def _lines(options: DiffOptions, changes: Sequence[Change], commands: Sequence[Command]) -> Iterator[Line]:
    way = f"From snapshot {options.before} to {f'snapshot {options.after}' if options.after else 'the live state'}"
    counts = Counter(change.word for change in changes)
    told = ", ".join(f"{counts[word]:,} {word}" for word in ("added", "changed", "removed") if counts[word])
    yield "", f"{way}: {told or 'no difference'}"
    if changes:
        yield "", ""
        yield from change_lines(changes)
        yield "", ""
        yield "", f"Commands, in order: {len(commands):,}"
        yield from command_lines(commands)


def _as_json(place: str, options: DiffOptions, changes: Sequence[Change], commands: Sequence[Command]) -> str:
    return json.dumps(
        {
            "place": place,
            "from": options.before,
            "to": options.after,
            "different": bool(changes),
            "objects": [
                {
                    "change": one.word,
                    "kind": one.kind,
                    "identity": one.identity,
                    "before": _text(one.before),
                    "after": _text(one.after),
                }
                for one in changes
            ],
            "commands": command_objects(commands),
        }
    )


def _text(content: dict[str, object] | None) -> str | None:
    return "\n".join(object_lines(content)) if content else None
