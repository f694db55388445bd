"""The verb archive verify: every version is what is on record, and so is a live database."""

import argparse
import logging
from dataclasses import dataclass, replace

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, Reached, reach, read_address
from init_slate_db.core.connection import lift_timeouts
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from versioning import PROGRAM
from versioning.archive import NAME, known, ledger
from versioning.archive.ancestry import in_order
from versioning.archive.folder import Archive, open_archive
from versioning.archive.items import Difference
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
from versioning.archive.reading import tell_left_out
from versioning.wording import counted

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """The options of the verb. live: None: only the archive is looked at, on the server of the connection options."""

    where: Where
    live: Address | None
    server: Address
    scratch: Address | None


def build_parser() -> OptionParser:
    parser = OptionParser(
        f"{NAME} verify",
        "[DSN] [options]",
        "Builds every version from its root by the deltas, in scratch databases, and compares it with its schema on"
        " record; with a DSN, a live database with its version, too.",
        f"""\
  {NAME} verify
  {NAME} verify postgresql://db1/events""",
    )
    parser.add_argument("live", nargs="?", metavar="DSN", help="a database: URI, key=value string or host")
    add_archive_options(parser)
    add_scratch_option(parser)
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    connection = replace(shared.read_connection_options(values, faults), role="the server")
    live = None if values.live is None else read_address(values.live, "DSN", connection, None, faults)
    options = Options(
        read_where(values, faults),
        live,
        Address(connection, "postgres"),
        read_scratch(values, connection, faults),
    )
    faults.raise_any(f"{NAME} verify")
    return verify(options)


def verify(options: Options) -> ExitStatus:
    """Builds and compares. Writes nothing but scratch databases.

    :raises SlateError: archive-changed, delta-failed: a version cannot be built; drift: something differs.
    """
    archive = open_archive(options.where.folder, options.where.name)
    archive.check_files()
    place = options.live or (options.server if options.scratch is None else None)
    reached = reach(place, PROGRAM) if place else None
    try:
        if reached:
            lift_timeouts(reached.connection)
        with scratch_for(reached, options.scratch) as made:
            workshop = Workshop(archive, made)
            wrong = _verify_versions(workshop)
            if options.live and reached:
                wrong += _verify_live(workshop, reached)
    finally:
        if reached:
            reached.connection.close()
    if wrong:
        raise SlateError("drift", f"{counted(wrong, 'difference')} found.", hint="Told above, with + as it is.")
    return ExitStatus.DONE


def _verify_versions(workshop: Workshop) -> int:
    """How many differences there are between versions on record and what the deltas lead to."""
    archive = workshop.archive
    parents = archive.parents
    built: dict[str, str] = {}
    children = {version: {one for one, above in parents.items() if version in above} for version in parents}
    wrong = 0
    for version in in_order(parents):
        if not parents[version]:
            built[version] = workshop.build(version)
        for parent in parents[version]:
            _logger.info("%s from %s", version, parent)
            children[parent].discard(version)
            # The last child goes on with its parent's database, so that a chain of versions needs but one.
            database = workshop.copy(built[parent]) if children[parent] else built.pop(parent)
            wrong += _verify_delta(workshop, version, parent, database)
            if built.setdefault(version, database) != database:
                workshop.scratch.drop(database)
        if not children[version]:
            workshop.scratch.drop(built.pop(version))
    deltas = sum(len(above) for above in parents.values())
    if not wrong:
        write_result(
            f"{counted(len(parents), 'version')} and {counted(deltas, 'delta')}: each can be built, and is what is on"
            f" record (PostgreSQL {workshop.scratch.version})."
        )
    return wrong


def _verify_delta(workshop: Workshop, version: str, parent: str, database: str) -> int:
    """How many differences there are between a version on record and where a delta leads.

    :param database: a scratch database with the parent; the delta is applied to it.
    """
    delta = workshop.archive.delta(version, parent)
    found = workshop.apply(database, delta, f"the delta from version {parent} to {version}")
    return _tell(
        f"Version {version} by the delta from {parent}", workshop.compare(workshop.description(version), found)
    )


def _verify_live(workshop: Workshop, reached: Reached) -> int:
    """How many differences there are between the live database and its version."""
    archive = workshop.archive
    tell_left_out(reached.connection, reached.place)
    record = ledger.read(reached.connection, archive.name)
    if record.version is None:
        raise not_on_record(archive, reached)
    archive.insist_on(record.version)
    known.note(archive, reached.place, record)
    differences = workshop.compare(workshop.description(record.version), workshop.look_live(reached.connection))
    if not differences:
        write_result(f"{reached.place} is version {record.version}, as on record.")
    return _tell(f"{reached.place}, on record as version {record.version}", differences)


def not_on_record(archive: Archive, reached: Reached) -> SlateError:
    return SlateError(
        "not-on-record",
        f'{reached.place} has no version of archive "{archive.name}" on record.',
        hint=f"Tell which one it has: {NAME} deploy DSN --from VERSION --to VERSION",
    )


def _tell(title: str, differences: list[Difference]) -> int:
    if differences:
        tell(title, differences)
    return len(differences)
