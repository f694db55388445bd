"""The verbs migrate and status of slate-schema: read their options, and hand over."""

import argparse
import json
import logging
from typing import cast

from init_slate_db.core import options as shared
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import MISSING, Faults, LogOptions, OptionParser
from versioning import PROGRAM
from versioning.migrations.cluster import LockPatience
from versioning.migrations.concurrent import Truth
from versioning.migrations.options import MigrateOptions, StatusOptions
from versioning.migrations.patches import PATCH_TYPES, Number, PatchType
from versioning.migrations.plan import Choice
from versioning.migrations.reading import add_where, read_folder, read_nodes, read_numbers, read_one

_TRUTHS = ("done", "again")
_DEFAULT_WAIT = 60
_LONGEST_WAIT = 7 * 24 * 3600
_MOST_TRIES = 10000
_MIGRATE_EXAMPLES = """\
  slate-schema migrate patches -d events --dry-run
  slate-schema migrate patches --node db1 --node db2 --all --yes
  slate-schema migrate patches --node db1 --node db2 --repair --yes"""
_STATUS_EXAMPLES = """\
  slate-schema status patches -d events
  slate-schema status patches --node db1 --node db2 --format json"""

_logger = logging.getLogger(__name__)


def build_migrate_parser() -> OptionParser:
    parser = OptionParser(
        f"{PROGRAM} migrate",
        "DIRECTORY [--node ADDRESS …] [options]",
        "Applies the patches that are pending, in the order of their numbers: the next ones of type std, or the next"
        " ones of types direct and concurrent.",
        _MIGRATE_EXAMPLES,
    )
    add_where(parser)
    group = parser.add_argument_group("How much")
    group.add_argument("--all", action="store_true", help="go on until none is pending")
    group.add_argument("--one", action="store_true", help="apply one patch alone")
    shared.value_option(
        group,
        "--type",
        metavar="TYPE",
        repeatable=True,
        help="apply patches of this type alone: std, direct or concurrent; may be given several times",
        completions=PATCH_TYPES,
    )
    group.add_argument("--allow-gaps", action="store_true", help="apply patches below the highest applied one, too")
    shared.value_option(
        group,
        "--ignore-slot",
        metavar="SLOT",
        repeatable=True,
        help="pass over this replication slot of another consumer, Debezium say; may be given several times",
    )
    _add_after_trouble(parser)
    group = parser.add_argument_group("Locks")
    shared.value_option(
        group,
        "--lock-timeout",
        metavar="MILLISECS",
        help="how long std and direct patches wait for a lock at each try, in milliseconds (default 2000)",
    )
    shared.value_option(group, "--lock-tries", metavar="NUMBER", help="how often they try (default 10)")
    shared.value_option(
        group,
        "--wait",
        metavar="SECONDS",
        help=f"how long to wait for another run, in seconds; 0: not at all (default {_DEFAULT_WAIT})",
    )
    shared.add_consent_options(parser, "run std and direct patches, and roll them back; change nothing")
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def _add_after_trouble(parser: OptionParser) -> None:
    group = parser.add_argument_group("After trouble")
    shared.value_option(
        group,
        "--accept",
        metavar="PATCH",
        repeatable=True,
        help="take the file of this patch, 2-1-0 say, though it was changed after it was applied",
    )
    group.add_argument(
        "--repair", action="store_true", help="drop invalid indexes of an interrupted patch, build again"
    )
    shared.value_option(
        group,
        "--resolve",
        metavar="PATCH=TRUTH",
        repeatable=True,
        help="say of the statement that an interrupted run had begun: 2-1-0=done, or 2-1-0=again to run it again",
    )


def migrate_command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb migrate."""
    options = read_migrate_options(values, faults)
    faults.raise_any(f"{PROGRAM} migrate")
    from versioning.migrations.execution import migrate

    try:
        return migrate(options)
    except KeyboardInterrupt:
        _logger.warning("Interrupted. The ledgers tell how far it got, and the same command goes on there.")
        raise


def read_migrate_options(values: argparse.Namespace, faults: Faults) -> MigrateOptions:
    """The options among the parsed values; every fault goes to faults."""
    types = [shared.read_choice(one, "--type", PATCH_TYPES, faults) for one in values.type or ()]
    timeout = shared.read_milliseconds(values.lock_timeout, "--lock-timeout", faults)
    tries = shared.read_whole_number(values.lock_tries, "--lock-tries", faults, largest=_MOST_TRIES)
    if values.all and values.one:
        faults.add("--one", "goes not with --all")
    default = LockPatience()
    return MigrateOptions(
        folder=read_folder(values, faults),
        addresses=read_nodes(values, faults),
        choice=Choice(values.all, values.one, tuple(cast(PatchType, one) for one in types if one), values.allow_gaps),
        accept=read_numbers(values.accept, "--accept", faults),
        repair=values.repair,
        truths=tuple(truth for one in values.resolve or () if (truth := _read_truth(one, faults))),
        patience=LockPatience(timeout or default.timeout, tries or default.tries),
        wait=_read_wait(values.wait, faults),
        dry_run=values.dry_run,
        yes=values.yes,
        ignored_slots=tuple(
            slot for one in values.ignore_slot or () if (slot := shared.read_text(one, "--ignore-slot", faults))
        ),
    )


def _read_wait(value: str | None, faults: Faults) -> int:
    if value == "0":
        return 0
    given = shared.read_whole_number(value, "--wait", faults, largest=_LONGEST_WAIT, unit="seconds")
    return _DEFAULT_WAIT if given is None else given


def _read_truth(value: str, faults: Faults) -> tuple[Number, Truth] | None:
    if value is MISSING:
        faults.add("--resolve", "needs a value")
        return None
    patch, _, truth = value.partition("=")
    number = read_one(patch, "--resolve", faults)
    if truth not in _TRUTHS:
        faults.add("--resolve", f'"{value}" does not end in =done or =again')
        return None
    return (number, cast(Truth, truth)) if number else None


def build_status_parser() -> OptionParser:
    parser = OptionParser(
        f"{PROGRAM} status",
        "DIRECTORY [--node ADDRESS …] [options]",
        "Tells how every node stands to the patches of a folder. Only reads.",
        _STATUS_EXAMPLES,
    )
    add_where(parser)
    group = parser.add_argument_group("Result")
    shared.add_format_option(group)
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def status_command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb status."""
    options = StatusOptions(
        folder=read_folder(values, faults),
        addresses=read_nodes(values, faults),
        format=shared.read_format(values, faults),
    )
    faults.raise_any(f"{PROGRAM} status")
    from versioning.migrations.status import as_json, as_text, find_status

    status = find_status(options)
    write_result(json.dumps(as_json(status)) if options.format == "json" else as_text(status))
    return status.exit_status
