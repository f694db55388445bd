"""The verb archive init: begins an archive."""

import argparse

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import default_database
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from versioning.archive import NAME
from versioning.archive.folder import PARTITIONS, Archive
from versioning.archive.options import add_archive_options, read_where


def build_parser() -> OptionParser:
    parser = OptionParser(
        f"{NAME} init",
        "[options]",
        "Begins an archive: FOLDER/NAME.json and FOLDER/NAME/. It has no versions yet: push adds them.",
        f"  {NAME} init --name events --archive db",
    )
    add_archive_options(parser)
    group = parser.add_argument_group("What it holds")
    shared.value_option(
        group,
        "--leave-out",
        metavar=PARTITIONS,
        completions=(PARTITIONS,),
        help="partitions that come and go with the data are no part of any version",
    )
    shared.add_common_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    where = read_where(values, faults)
    left_out = shared.read_choice(values.leave_out, "--leave-out", (PARTITIONS,), faults)
    faults.raise_any(f"{NAME} init")
    archive = Archive(where.folder, where.name or default_database(), {}, (left_out,) if left_out else ())
    if archive.record.exists():
        raise SlateError(
            "archive-exists",
            f"{archive.record} exists already.",
            hint=f"Add a version to it: {NAME} push, or name another one: --archive, --name.",
        )
    try:
        archive.write({})
    except OSError as error:
        raise SlateError("file-not-written", f"{archive.record} cannot be written.", why=str(error)) from error
    write_result(f"{archive.record}")
    return ExitStatus.DONE
