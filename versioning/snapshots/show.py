"""The verb show of slate-schema: tells the objects of a snapshot."""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from init_slate_db.core import options as shared
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning import PROGRAM
from versioning.snapshots import options as own
from versioning.snapshots.options import ShowOptions
from versioning.snapshots.rendering import Line, object_lines, one_line, write_lines
from versioning.snapshots.store import Object, Snapshot, opened, read_objects, read_snapshot
from versioning.wording import counted


def build_parser() -> OptionParser:
    parser = verb_parser(
        PROGRAM,
        "show",
        "N [--object TEXT] [options]",
        "Tells the objects of snapshot N by kind and name, or some of them in full. Only reads.",
        "3 --host db1 -d events",
        "3 --object insert_events",
    )
    group = parser.add_argument_group("What to show")
    own.add_number(group, "number", "N", "the number of a snapshot, as history tells it")
    shared.value_option(
        group, "--object", metavar="TEXT", help="show in full the objects with this in their kind and name"
    )
    own.add_target_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = ShowOptions(
        **own.read_target(values, faults),
        number=own.read_number(values.number, "N", faults),
        object=shared.read_text(values.object, "--object", faults) or "",
    )
    faults.raise_any(f"{PROGRAM} show")
    return show(options)


def show(options: ShowOptions) -> ExitStatus:
    """Reads and tells.

    :raises SlateError: no-such-snapshot, no-such-object, or the database cannot be asked.
    """
    with opened(options.target) as reached:
        snapshot = read_snapshot(reached, options.number)
        objects = _chosen(read_objects(reached.connection, options.number), options)
        if options.format == "json":
            write_lines([("", _as_json(reached.place, snapshot, objects))])
        elif options.object:
            write_lines(_full_lines(objects))
        else:
            write_lines(_lines(snapshot, objects))
    return ExitStatus.DONE


def _chosen(objects: Sequence[Object], options: ShowOptions) -> Sequence[Object]:
    chosen = [one for one in objects if options.object in f"{one.kind} {one.identity}"]
    if options.object and not chosen:
        raise SlateError(
            "no-such-object",
            f'Snapshot {options.number} has no object with "{options.object}" in its kind and name.',
            hint=f"{PROGRAM} show {options.number} lists them all.",
        )
    return chosen


def _lines(snapshot: Snapshot, objects: Sequence[Object]) -> Iterator[Line]:
    yield "", f"Snapshot {one_line(snapshot.title)}"
    yield "", f"  {counted(snapshot.objects, 'object')}, revision {snapshot.revision}"
    for kind, of_kind in groupby(objects, key=lambda one: one.kind):
        names = [one_line(one.identity) for one in of_kind]
        yield "", ""
        yield "cyan", f"{kind} ({len(names):,})"
        yield from (("", f"  {name}") for name in names)


def _full_lines(objects: Sequence[Object]) -> Iterator[Line]:
    for one in objects:
        yield "cyan", f"-- {one.kind} {one_line(one.identity)}"
        yield from (("", line) for line in object_lines(one.content))


def _as_json(place: str, snapshot: Snapshot, objects: Sequence[Object]) -> str:
    return json.dumps(
        {
            "place": place,
            "snapshot": snapshot.number,
            "revision": snapshot.revision,
            "objects": [
                {"kind": one.kind, "identity": one.identity, "text": "\n".join(object_lines(one.content))}
                for one in objects
            ],
        }
    )
