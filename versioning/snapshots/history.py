"""The verb history of slate-schema: tells the snapshots, and how the live state stands to the last one."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence

from init_slate_db.core.addresses import Reached
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning import PROGRAM
from versioning.snapshots import options as own
from versioning.snapshots.options import Options
from versioning.snapshots.patience import ATTEMPTS, patiently
from versioning.snapshots.rendering import Line, one_line, write_lines
from versioning.snapshots.store import Snapshot, opened, read_changes, read_snapshots
from versioning.wording import counted


def build_parser() -> OptionParser:
    parser = verb_parser(
        PROGRAM,
        "history",
        "[options]",
        "Tells the snapshots of a database, oldest first, and whether the live state is that of the last one (*)."
        " Only reads.",
        "--host db1 -d events",
        "--format json",
    )
    own.add_target_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = Options(**own.read_target(values, faults))
    faults.raise_any(f"{PROGRAM} history")
    return history(options)


def history(options: Options) -> ExitStatus:
    """Reads and tells.

    :raises SlateError: the database cannot be asked.
    """
    with opened(options.target) as reached:
        snapshots = read_snapshots(reached.connection)
        differing = patiently(reached, ATTEMPTS, lambda: _count_changes(reached, snapshots)) if snapshots else None
        if options.format == "json":
            write_lines([("", _as_json(reached.place, snapshots, differing))])
        else:
            write_lines(_lines(reached.place, snapshots, differing))
    return ExitStatus.DONE


def _count_changes(reached: Reached, snapshots: Sequence[Snapshot]) -> int:
    return len(read_changes(reached.connection, snapshots[-1].number, None))


def _lines(place: str, snapshots: Sequence[Snapshot], differing: int | None) -> Iterator[Line]:
    if not snapshots:
        yield "", f"{place} has no snapshot yet: {PROGRAM} snapshot takes one."
        return
    by_number = {one.number: one for one in snapshots}
    rows = [("", "taken", "by", "objects", "revision", "note"), *(_row(one, by_number) for one in snapshots)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row, snapshot in zip(rows, [None, *snapshots], strict=True):
        number, taken, by, objects, revision = (
            text.rjust(width) if column in (0, 3) else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=False))
        )
        is_active = snapshot is snapshots[-1]
        line = f"{'*' if is_active else ' '} {number}  {taken}  {by}  {objects}  {revision}  {row[5]}"
        yield "green" if is_active else "", line.rstrip()
    active = snapshots[-1].number
    if differing:
        yield "yellow", f"Live: {counted(differing, 'object')} not as in snapshot {active}: {PROGRAM} diff {active}"
    else:
        yield "", f"Live: as snapshot {active}"


def _row(snapshot: Snapshot, snapshots: Mapping[int, Snapshot]) -> tuple[str, ...]:
    is_told = snapshot.rollback_to(snapshots) is not None
    same = f"(as {snapshot.same_as})" if snapshot.same_as and not is_told else ""
    return (
        str(snapshot.number),
        f"{snapshot.taken:%Y-%m-%d %H:%M:%S} UTC",
        one_line(snapshot.taken_by),
        f"{snapshot.objects:,}",
        snapshot.short_revision,
        " ".join(filter(None, (one_line(snapshot.note), same))),
    )


def _as_json(place: str, snapshots: Sequence[Snapshot], differing: int | None) -> str:
    by_number = {one.number: one for one in snapshots}
    told = [
        {
            "number": one.number,
            "revision": one.revision,
            "taken": f"{one.taken.isoformat()}+00:00",
            "by": one.taken_by,
            "note": one.note or None,
            "objects": one.objects,
            "same_as": one.same_as,
            "rollback_to": one.rollback_to(by_number),
        }
        for one in snapshots
    ]
    active = snapshots[-1].number if snapshots else None
    return json.dumps({"place": place, "active": active, "live_differs": differing, "snapshots": told})
