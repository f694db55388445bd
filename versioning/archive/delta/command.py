"""The verb archive delta: writes the DDL that leads from the parent's schema to that of a database."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, add_database_option, reach, read_database
from init_slate_db.core.connection import lift_timeouts
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from versioning import PROGRAM
from versioning.archive import NAME, ledger
from versioning.archive.delta.deriving import Delta, derive
from versioning.archive.folder import Archive, open_archive
from versioning.archive.options import (
    Where,
    add_archive_options,
    add_scratch_option,
    read_scratch,
    read_where,
    scratch_for,
    tell,
)
from versioning.archive.proof import Workshop
from versioning.archive.push import add_parent_option, choose_parents, read_parents, read_pending
from versioning.archive.reading import tell_left_out


@dataclass(frozen=True)
class Options:
    """The options of the verb."""

    where: Where
    target: Address
    scratch: Address | None
    parents: tuple[str, ...]
    replace: bool
    dry_run: bool


def build_parser() -> OptionParser:
    parser = OptionParser(
        f"{NAME} delta",
        "[options]",
        "Writes the DDL that leads from the parent's schema to that of a database into the file that the next push"
        " takes. It is proven in a scratch database first. What it cannot know stands there as lines that begin with"
        " -- DECIDE: no push goes by them.",
        f"""\
  {NAME} delta -d events
  {NAME} delta --dry-run   # to read it alone""",
    )
    group = parser.add_argument_group("Version")
    add_parent_option(group)
    group = parser.add_argument_group("Output")
    group.add_argument("--replace", action="store_true", help="write over a delta that waits for the next push already")
    group.add_argument("--dry-run", action="store_true", help="print the delta; write no file")
    add_archive_options(parser)
    add_database_option(parser.add_argument_group("Where"))
    add_scratch_option(parser)
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    target = read_database(values, faults)
    options = Options(
        read_where(values, faults),
        target,
        read_scratch(values, target.connection, faults),
        read_parents(values, faults),
        values.replace,
        values.dry_run,
    )
    faults.raise_any(f"{NAME} delta")
    return delta(options)


def delta(options: Options) -> ExitStatus:
    """Compares, derives, proves, and writes.

    :raises SlateError: delta-pending: a delta waits already; delta-unproven, delta-impossible: there is something that
        it cannot do; nothing was written then.
    """
    archive = open_archive(options.where.folder, options.where.name)
    reached = reach(options.target, PROGRAM)
    with reached.connection:
        lift_timeouts(reached.connection)
        tell_left_out(reached.connection, reached.place)
        record = ledger.read(reached.connection, archive.name)
        parents = choose_parents(archive, options.parents, record.version)
        if not parents:
            raise SlateError(
                "delta-refused",
                f'Archive "{archive.name}" has no versions yet.',
                why="The first one is pushed whole.",
                hint=f"Push it: {NAME} push VERSION",
            )
        files = {parent: archive.pending_file(parent, is_first=parent == parents[0]) for parent in parents}
        if not (options.replace or options.dry_run):
            _insist_on_free(archive, files)
        with scratch_for(reached, options.scratch) as made:
            workshop = Workshop(archive, made)
            live = workshop.look_live(reached.connection)
            derived = {parent: derive(workshop, parent, live) for parent in parents}
    for parent, found in derived.items():
        if found and not found.is_proven:
            raise _unproven(found, parent)
    for parent, found in derived.items():
        _offer(files[parent], found, parent, is_dry=options.dry_run)
    return ExitStatus.DONE


def _insist_on_free(archive: Archive, files: dict[str, Path]) -> None:
    for parent, path in files.items():
        if read_pending(path, archive, parent):
            raise SlateError(
                "delta-pending",
                f"{path} holds a delta already, which waits for the next push.",
                hint="To write over it: --replace; to see what would be written: --dry-run.",
            )


def _unproven(found: Delta, parent: str) -> SlateError:
    write_result(found.text)
    if found.left:
        tell(f"Where this leads from version {parent} (+), and the database (-)", found.left)
    why = str(found.failed) if found.failed else "; ".join(one.title for one in found.left)
    reason = found.failed.why if found.failed else ""
    return SlateError(
        "delta-unproven",
        f"What leads from version {parent} to the database cannot be written whole: {why}.",
        why=reason or "The rest is above.",
        hint="Take what is printed, complete it, and put it where the next push finds it.",
    )


def _offer(path: Path, found: Delta | None, parent: str, *, is_dry: bool) -> None:
    """Writes the delta, or prints it."""
    if found is None:
        write_result(f"From version {parent}: nothing to do.")
        return
    if is_dry:
        write_result(found.text.rstrip("\n"))
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(found.text, encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        raise SlateError("file-not-written", f"{path} cannot be written.", why=str(error)) from error
    count = len(found.operations)
    lines = [f"{path}: {count} {'step' if count == 1 else 'steps'} from version {parent}, proven."]
    if found.notes:
        lines += ["To be decided there:", *(f"  {note}" for note in found.notes)]
    write_result("\n".join(lines))
