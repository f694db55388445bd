"""The verb check of slate-schema: reads its options, looks at the database, and tells."""

import argparse
import json
import logging

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import add_database_option, read_database
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from versioning import PROGRAM
from versioning.check.options import Options

_EXAMPLES = """\
  slate-schema check --host db1 -d events
  slate-schema check --dsn service=primary --roles app --format json"""

_logger = logging.getLogger(__name__)


def build_parser() -> OptionParser:
    parser = OptionParser(
        f"{PROGRAM} check",
        "[options]",
        "Tells who could read, write, rewrite, restore or replicate the events of a database, by which way, and what"
        " differs from the model that init-slate-db --roles makes. Only reads.",
        _EXAMPLES,
    )
    group = parser.add_argument_group("What to check")
    add_database_option(group)
    shared.value_option(
        group,
        "--roles",
        metavar="PREFIX",
        help="compare with the model of the roles PREFIX_owner, _writer and so on; else found by the database's owner",
    )
    shared.add_format_option(group)
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def read_options(values: argparse.Namespace, faults: Faults) -> Options:
    """The options among the parsed values; every fault goes to faults."""
    return Options(
        target=read_database(values, faults),
        roles=shared.read_text(values.roles, "--roles", faults) or "",
        format=shared.read_format(values, faults),
    )


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = read_options(values, faults)
    faults.raise_any(f"{PROGRAM} check")
    from init_slate_db.core.addresses import reach
    from versioning.check.check import check
    from versioning.check.report import as_json, as_text

    try:
        reached = reach(options.target, PROGRAM)
        with reached.connection:
            report = check(reached, options.roles)
    except KeyboardInterrupt:
        _logger.info("Interrupted: nothing was changed.")
        raise
    write_result(json.dumps(as_json(report)) if options.format == "json" else as_text(report))
    return ExitStatus.DIFFERENT if report.differences else ExitStatus.DONE
