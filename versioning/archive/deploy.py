"""The verb archive deploy: brings a live database from its version to another one, delta by delta."""

import argparse
import logging
from dataclasses import dataclass, replace

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, Reached, reach, read_address
from init_slate_db.core.connection import lift_timeouts
from init_slate_db.core.consent import Consent
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from versioning import PROGRAM
from versioning.archive import NAME, known, ledger
from versioning.archive.completion import VERSIONS
from versioning.archive.folder import open_archive
from versioning.archive.items import compare
from versioning.archive.ledger import Ledger
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
from versioning.archive.proof import Workshop
from versioning.archive.reading import tell_left_out
from versioning.archive.steps import Step, check_record, choose_target, find_owner, plan_steps, take
from versioning.archive.verify import not_on_record

_logger = logging.getLogger(__name__)

_DEFAULT_LOCK_TIMEOUT = 5000


@dataclass(frozen=True)
class Options:
    """The options of the verb. lock_timeout: in milliseconds, for each lock."""

    where: Where
    live: Address
    scratch: Address | None
    to: str | None
    start: str | None
    lock_timeout: int
    yes: bool
    dry_run: bool


def build_parser() -> OptionParser:
    parser = OptionParser(
        f"{NAME} deploy",
        "DSN [options]",
        "Brings a database to another version: checks that it is what the archive says of its version, then applies"
        " each delta on the way, each in a transaction with its entry in the record.",
        f"""\
  {NAME} deploy postgresql://db1/events --dry-run
  {NAME} deploy db1 --to 1.4 --yes
  {NAME} deploy db1 --from 1.0 --yes   # it has no record yet, and is version 1.0""",
    )
    parser.add_argument("live", nargs="?", metavar="DSN", help="the database: URI, key=value string or host")
    group = parser.add_argument_group("Versions")
    shared.value_option(
        group,
        "--to",
        metavar="VERSION",
        help="where to (default: the only one without descendants that can be reached)",
        completions=VERSIONS,
    )
    shared.value_option(
        group,
        "--from",
        metavar="VERSION",
        help="what the database is, where it has nothing on record; this is checked",
        completions=VERSIONS,
    )
    group = shared.add_consent_options(parser, "check and plan alone; change nothing")
    shared.value_option(
        group,
        "--lock-timeout",
        metavar="MILLISECS",
        help="how long a delta waits for a lock, and others behind it, before it begins anew"
        f" (default {_DEFAULT_LOCK_TIMEOUT})",
    )
    add_archive_options(parser)
    add_scratch_option(parser)
    shared.add_fallback_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    connection = replace(shared.read_fallback_connection_options(values, faults), role="the server")
    options = Options(
        read_where(values, faults),
        read_address(values.live or "", "DSN", connection, None, faults),
        read_scratch(values, connection, faults),
        read_version(values.to, "--to", faults),
        read_version(getattr(values, "from"), "--from", faults),
        shared.read_milliseconds(values.lock_timeout, "--lock-timeout", faults) or _DEFAULT_LOCK_TIMEOUT,
        values.yes,
        values.dry_run,
    )
    faults.raise_any(f"{NAME} deploy")
    return deploy(options)


def deploy(options: Options) -> ExitStatus:
    """Checks, asks, and applies.

    :raises SlateError: what speaks against it, or what stopped it; what was applied before that is on record.
    """
    consent = Consent(options.yes, options.live.connection.interactive, options.dry_run)
    archive = open_archive(options.where.folder, options.where.name)
    archive.check_files()
    if options.to is not None:
        archive.insist_on(options.to)
    reached = reach(options.live, PROGRAM)
    with reached.connection, scratch_for(reached, options.scratch) as made:
        lift_timeouts(reached.connection)
        tell_left_out(reached.connection, reached.place)
        workshop = Workshop(archive, made)
        owner = find_owner(reached)
        record = ledger.read(reached.connection, archive.name)
        check_record(archive, record, reached.place)
        start = _find_start(workshop, reached, record, options.start)
        target = choose_target(archive, start, options.to)
        steps = plan_steps(archive, start, target, is_recorded=record.version is not None)
        if not steps:
            write_result(f"{reached.place} is version {target} already.")
            return ExitStatus.DONE
        consent.tell_plan([step.title for step in steps])
        if options.dry_run:
            write_result("Nothing was done: --dry-run.")
            return ExitStatus.DONE
        consent.ask()
        _take_all(workshop, reached, steps, owner, options.lock_timeout)
        write_result(f"{reached.place} is version {target}.")
    return ExitStatus.DONE


def _take_all(workshop: Workshop, reached: Reached, steps: list[Step], owner: str | None, lock_timeout: int) -> None:
    archive = workshop.archive
    for step in steps:
        # Built before the live database is locked for it.
        workshop.description(step.version)
    try:
        for step in steps:
            _logger.info("%s", step.title)
            take(workshop, reached, step, owner, lock_timeout)
            known.note(archive, reached.place, ledger.read(reached.connection, archive.name))
    except KeyboardInterrupt:
        _logger.warning("Interrupted: %s is what its record says. The same command goes on.", reached.place)
        raise


def _find_start(workshop: Workshop, reached: Reached, record: Ledger, named: str | None) -> str | None:
    """The version that the database has; None: it is empty.

    :raises SlateError: not-on-record, version-unknown; drift: it is not what the archive says of that.
    """
    archive = workshop.archive
    live = workshop.look_live(reached.connection)
    version = record.version or named
    if record.version and named not in (None, record.version):
        raise SlateError(
            "not-on-record",
            f"{reached.place} is version {record.version} by its record, not {named}.",
            hint="Leave --from out.",
        )
    if version is None:
        # Extensions may be there: not everyone who may deploy may make them.
        if any(not one.identity.startswith("extension ") for one in compare(workshop.sketch("", "nothing"), live)):
            raise not_on_record(archive, reached)
        return None
    archive.insist_on(version)
    differences = workshop.compare(workshop.description(version), live)
    if differences:
        tell(f"{reached.place}, {'on record as' if record.version else 'taken for'} version {version}", differences)
        raise SlateError(
            "drift",
            f"{reached.place} is not what the archive says of version {version}: {differences[0].title}.",
            why="Somebody has changed it outside of the archive. Nothing was done.",
            hint="Undo that, or push it as a version of its own.",
        )
    return version
