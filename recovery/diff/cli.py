"""The command slate-diff: reads its options, then compares two databases and tells what differs."""

import argparse
import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import cast

from init_slate_db.core import options as shared
from init_slate_db.core import program
from init_slate_db.core.addresses import Address, add_database_option, read_address
from init_slate_db.core.console import write_result
from init_slate_db.core.digests.settings import LARGEST_ID, PRECISIONS, Precision, Settings
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import ConnectionOptions, Faults, LogOptions, OptionParser
from recovery.diff.options import PROGRAM, Options
from recovery.diff.result import Comparison

_DEFAULT = Settings()
_MOST_JOBS = 64
_MOST_DIFFERENCES = 1_000_000
_EXAMPLES = """\
  slate-diff db1 backup-host
  slate-diff db1:5432 postgresql://reader@db2/events_copy --format json
  slate-diff db1 db2 --until-id 13050 --timestamp-precision milliseconds"""

_logger = logging.getLogger(__name__)


def build_parser() -> OptionParser:
    parser = OptionParser(
        PROGRAM,
        "LEFT RIGHT [options]",
        "Compares the events of two databases by digests that their servers make, down to the values that differ.",
        _EXAMPLES,
    )
    group = parser.add_argument_group("What to compare")
    for name in ("left", "right"):
        group.add_argument(
            name, metavar=name.upper(), nargs="?", help="a host, host:port, socket folder, URI or key=value string"
        )
    add_database_option(group, "the database, where the address names none")
    shared.value_option(group, "--until-id", metavar="ID", help="compare the events up to this one, inclusive")
    shared.value_option(
        group,
        "--timestamp-precision",
        metavar="UNIT",
        help=f"what of ts counts: {' or '.join(PRECISIONS)} (default {_DEFAULT.precision})",
        completions=PRECISIONS,
    )
    _add_work_options(parser)
    shared.add_fallback_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def _add_work_options(parser: OptionParser) -> None:
    group = parser.add_argument_group("How to compare")
    shared.value_option(group, "--jobs", metavar="NUMBER", help=f"connections to each server (default {_DEFAULT.jobs})")
    shared.value_option(
        group,
        "--max-differences",
        metavar="NUMBER",
        help=f"stop when so many are found (default {_DEFAULT.max_differences})",
    )
    shared.add_format_option(group)


def read_options(values: argparse.Namespace, faults: Faults) -> Options:
    """The options among the parsed values; every fault goes to faults."""
    database = shared.read_text(values.database, "--database", faults)
    connection = shared.read_fallback_connection_options(values, faults)
    return Options(
        left=_read_side(values.left, "LEFT", replace(connection, role="the left server"), database, faults),
        right=_read_side(values.right, "RIGHT", replace(connection, role="the right server"), database, faults),
        settings=_read_settings(values, faults),
        format=shared.read_format(values, faults),
    )


def _read_side(
    value: str | None, option: str, connection: ConnectionOptions, database: str | None, faults: Faults
) -> Address:
    if value is None:
        faults.add(option, "is needed: a host, host:port, a URI or a key=value string")
        return Address(connection, "")
    return read_address(value, option, connection, database, faults)


def _read_settings(values: argparse.Namespace, faults: Faults) -> Settings:
    precision = shared.read_choice(values.timestamp_precision, "--timestamp-precision", PRECISIONS, faults)
    until_id = shared.read_whole_number(values.until_id, "--until-id", faults, largest=LARGEST_ID)
    jobs = shared.read_whole_number(values.jobs, "--jobs", faults, largest=_MOST_JOBS)
    most = shared.read_whole_number(values.max_differences, "--max-differences", faults, largest=_MOST_DIFFERENCES)
    return Settings(
        jobs=jobs or _DEFAULT.jobs,
        until_id=until_id or _DEFAULT.until_id,
        max_differences=most or _DEFAULT.max_differences,
        precision=cast(Precision, precision or _DEFAULT.precision),
    )


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return program.main(build_parser, _command, arguments)


def _command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    options = read_options(values, faults)
    faults.raise_any(PROGRAM)
    try:
        comparison = _compare(options, log_options)
    except KeyboardInterrupt:
        _logger.info("Interrupted: nothing was changed.")
        raise
    from recovery.diff.rendering import as_json, as_text

    write_result(json.dumps(as_json(comparison)) if options.format == "json" else as_text(comparison))
    return ExitStatus.DONE if comparison.identical else ExitStatus.DIFFERENT


def _compare(options: Options, log_options: LogOptions) -> Comparison:
    from init_slate_db.core.addresses import reach
    from init_slate_db.core.digests.extent import count_expected
    from init_slate_db.core.progress import progress
    from init_slate_db.core.snapshot import Snapshot
    from recovery.diff.comparison import compare

    with ExitStack() as open_snapshots:
        left, right = (
            open_snapshots.enter_context(Snapshot(reach(address, PROGRAM))) for address in (options.left, options.right)
        )
        expected = count_expected(left, options.settings) + count_expected(right, options.settings)
        with progress("Comparing events", expected, log_options) as step:
            return compare(left, right, options.settings, step.advance)
