"""The verb archive push: puts the schema of a live database on record as a version."""

import argparse
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, Reached, add_database_option, reach, read_database
from init_slate_db.core.connection import lift_timeouts
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from versioning import PROGRAM
from versioning.archive import NAME, ledger
from versioning.archive.ancestry import leaves
from versioning.archive.completion import VERSIONS
from versioning.archive.folder import Archive, digest, open_archive
from versioning.archive.items import Description
from versioning.archive.options import (
    Where,
    add_archive_options,
    add_scratch_option,
    read_scratch,
    read_version,
    read_where,
    scratch_for,
    tell,
)
from versioning.archive.proof import Workshop, look
from versioning.archive.reading import tell_left_out
from versioning.archive.sealing import complete, seal, set_version, tell_sealed
from versioning.archive.steps import find_owner
from versioning.archive.writing import HEADER, write_schema

_logger = logging.getLogger(__name__)

UNDECIDED = re.compile(r"^\s*--\s*DECIDE\b.*$", re.MULTILINE)
"""A line by which an author keeps a delta from being pushed before something is decided."""


@dataclass(frozen=True)
class Options:
    """The options of the verb. version: None: only check."""

    where: Where
    target: Address
    scratch: Address | None
    version: str | None
    parents: tuple[str, ...]
    check: bool


def build_parser() -> OptionParser:
    parser = OptionParser(
        f"{NAME} push",
        "VERSION [options]",
        "Puts the schema of a database on record, with the delta from its parent. Both are proven first.",
        f"""\
  {NAME} push 1.1 -d events
  {NAME} push 2.0 --parent 1.9 --parent 1.8.1   # a merge, with a delta from each
  {NAME} push --check                           # would a push be blocked, and why?""",
    )
    group = parser.add_argument_group("Version")
    group.add_argument("version", nargs="?", metavar="VERSION", help="its name; files are named for it")
    add_parent_option(group)
    group.add_argument("--check", action="store_true", help="say whether a push would be blocked; write nothing")
    add_archive_options(parser)
    add_database_option(parser.add_argument_group("Where"))
    add_scratch_option(parser)
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def add_parent_option(group: argparse._ArgumentGroup) -> None:
    shared.value_option(
        group,
        "--parent",
        metavar="VERSION",
        repeatable=True,
        help="what it descends from (default: the database's version on record, else the only one without descendants)",
        completions=VERSIONS,
    )


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    target = read_database(values, faults)
    version = read_version(values.version, "VERSION", faults)
    if values.version is None and not values.check:
        faults.add("VERSION", "is needed, or --check")
    options = Options(
        read_where(values, faults),
        target,
        read_scratch(values, target.connection, faults),
        version,
        read_parents(values, faults),
        values.check,
    )
    faults.raise_any(f"{NAME} push")
    return push(options)


def read_parents(values: argparse.Namespace, faults: Faults) -> tuple[str, ...]:
    read = [read_version(value, "--parent", faults) for value in values.parent or ()]
    return tuple(dict.fromkeys(one for one in read if one))


def push(options: Options) -> ExitStatus:
    """Compares, proves, and writes.

    :raises SlateError: what blocks it; nothing was written then.
    """
    archive = open_archive(options.where.folder, options.where.name)
    reached = reach(options.target, PROGRAM)
    with reached.connection:
        lift_timeouts(reached.connection)
        tell_left_out(reached.connection, reached.place)
        record = ledger.read(reached.connection, archive.name)
        if options.version in archive.versions:
            return _complete(options, archive, reached)
        parents = choose_parents(archive, options.parents, record.version)
        # Before anything is written: not every role may say what the database is.
        owner = find_owner(reached) if record.version is not None else None
        if not parents:
            _refuse_delta_of_root(archive)
        with scratch_for(reached, options.scratch) as made:
            workshop = Workshop(archive, made)
            live, everything = workshop.look_live(reached.connection), look(reached.connection, archive, "")
            deltas = {parent: _prove_delta(workshop, parent, live, is_first=parent == parents[0]) for parent in parents}
            text = _prove_schema(workshop, deltas, live, everything)
        if options.check or options.version is None:
            write_result(f"A push of {reached.place} would not be blocked.")
            return ExitStatus.DONE
        sealed = seal(archive, options.version, deltas, text, reached)
        if record.version is not None:
            set_version(reached, archive, options.version, owner)
    tell_sealed(sealed, options.version)
    return ExitStatus.DONE


def _complete(options: Options, archive: Archive, reached: Reached) -> ExitStatus:
    """Completes a push that was interrupted when the archive was written, and the database's record was not.

    :raises SlateError: version-exists: it is none.
    """
    version = options.version or ""
    recorded = ledger.read(reached.connection, archive.name).version
    if recorded in archive.versions[version].parents and not options.check:
        with scratch_for(reached, options.scratch) as made:
            if complete(Workshop(archive, made), reached, version):
                return ExitStatus.DONE
    raise SlateError(
        "version-exists",
        f'Version "{version}" is on record already.',
        why="What is on record never changes.",
        hint="Name another version.",
    )


def _refuse_delta_of_root(archive: Archive) -> None:
    """:raises SlateError: delta-refused: there is a pending delta, which would stay, and block the next push."""
    pending = archive.pending_file("", is_first=True)
    if pending.exists() and pending.read_bytes().strip():
        raise SlateError(
            "delta-refused",
            f"{pending} leads nowhere: this is the first version.",
            why="A delta leads from a version to the next. Of the first one the whole schema is on record.",
            hint="Take the file away.",
        )


def choose_parents(archive: Archive, named: Sequence[str], recorded: str | None) -> tuple[str, ...]:
    """The parents of what is pushed next; none: it is the root.

    :raises SlateError: version-unknown, parent-unclear.
    """
    for parent in named:
        archive.insist_on(parent)
    if named or not archive.versions:
        return tuple(named)
    if recorded in archive.versions:
        assert recorded
        return (recorded,)
    last = leaves(archive.parents)
    if len(last) > 1:
        raise SlateError(
            "parent-unclear",
            "It is not clear what this version descends from.",
            why=f"The database has no version of the archive on record, and nothing descends from {', '.join(last)}.",
            hint="Name the parent with --parent.",
        )
    return tuple(last)


def _prove_delta(workshop: Workshop, parent: str, live: Description, *, is_first: bool) -> str | None:
    """The pending delta from the parent; None: there is nothing to do.

    :raises SlateError: delta-missing, delta-undecided, delta-failed, delta-wrong.
    """
    archive = workshop.archive
    pending = archive.pending_file(parent, is_first=is_first)
    text = read_pending(pending, archive, parent)
    differences = workshop.compare(workshop.description(parent), live)
    if not text:
        if not differences:
            return None
        tell(f"From version {parent} to the database", differences)
        raise SlateError(
            "delta-missing",
            f"The schema is not that of version {parent}, and there is no {pending}.",
            hint=f"Have the DDL written that leads from version {parent} here: {NAME} delta; or write it.",
        )
    if found := UNDECIDED.search(text):
        raise SlateError(
            "delta-undecided",
            f"Something is to be decided in {pending}.",
            why=found.group().strip(),
            hint="Change what follows such a line where it is not what you want; then take the line out.",
        )
    database = workshop.build(parent)
    left = workshop.compare(live, workshop.apply(database, text, f"{pending}"))
    workshop.scratch.drop(database)
    if left:
        tell(f"Where {pending} leads from version {parent} (+), and the database (-)", left)
        raise SlateError(
            "delta-wrong",
            f"{pending} does not lead from version {parent} to the schema of the database.",
            hint="Complete it: the DDL above says what is left.",
        )
    return text


def read_pending(path: Path, archive: Archive, parent: str) -> str:
    """The text of the pending delta; "": there is none."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SlateError("delta-refused", f"{path} cannot be read.", why=str(error)) from error
    if not text.strip():
        return ""
    if digest(text) in archive.versions[parent].parents.values():
        _logger.info("%s is sealed in version %s already, by a push that was interrupted.", path, parent)
        return ""
    return text


def _prove_schema(workshop: Workshop, deltas: dict[str, str | None], live: Description, everything: Description) -> str:
    """The schema as DDL; that of a parent where it is the same.

    :param everything: the schema, with what the role has in it that scratch databases belong to.
    :raises SlateError: archive-unfit: it cannot be made by DDL that we can write.
    """
    for parent, delta in deltas.items():
        if delta is None:
            return workshop.archive.schema(parent)
    try:
        made = workshop.sketch(write_schema(everything), "the schema of the database as DDL")
    except SlateError as error:
        if error.code != "delta-failed":
            raise
        raise SlateError(
            "archive-unfit",
            "The archive cannot hold the schema of the database: what it would write does not make it.",
            why=error.why,
            hint=error.hint,
        ) from error
    differences = workshop.compare(live, made)
    if differences:
        tell("What the archive would make of the database (+), and the database (-)", differences)
        raise SlateError(
            "archive-unfit",
            f"The archive cannot hold the schema of the database: {differences[0].title}.",
            why=f"{len(differences)} differences remain after it is made anew.",
        )
    # In the words of what was made: the same from each database that has the schema.
    return HEADER + write_schema({**everything, **made})
