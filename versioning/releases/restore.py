"""The verb restore: a retired release comes back, by the script that was archived."""

import argparse
from dataclasses import dataclass

from init_slate_db.core import options as shared
from init_slate_db.core.connection import Connection
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import Finding, raise_any
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning.releases import NAME, archive, calls, landing, ledger, paths
from versioning.releases import options as own
from versioning.releases.completion import RETIRED
from versioning.releases.execution import take_turn
from versioning.releases.ledger import Release


@dataclass(frozen=True)
class Options:
    """Of the verb."""

    target: own.Target
    named: str
    agreement: own.Agreement


def build_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "restore",
        "V [options]",
        "Makes the schema of a retired version again, as it was. One transaction: all of it, or nothing.",
        "1.0.0 -d proj --yes",
    )
    group = parser.add_argument_group("What to restore")
    own.add_named(group, "named", "V", "a version, or its schema's name", RETIRED)
    shared.add_consent_options(parser, "print the script, and try it in a transaction that is rolled back")
    own.add_target_options(parser, "the API, where several have such a version: its name without one")
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = Options(
        own.read_target(values, faults), own.read_named(values.named, "V", faults), own.read_agreement(values)
    )
    faults.raise_any(f"{NAME} restore")
    return restore(options)


def restore(options: Options) -> ExitStatus:
    """Surveys, asks, and runs the archived script.

    :raises SlateError: release-missing, release-exists, or a statement failed; nothing was changed then.
    """
    dry_run = options.agreement.dry_run
    consent = own.script_consent(options.agreement, options.target)
    with own.opened(options.target, f"restore {options.named}") as reached:
        connection = reached.connection
        known = ledger.read(connection)
        row = _row(connection, known, options)
        retired = (
            f"{row.schema_name} was retired on {row.retired_at:%F %R}" if row.retired_at else "it was dropped by others"
        )
        findings = [known.writing(), Finding(retired)]
        consent.tell_survey(findings)
        raise_any(findings)
        consent.tell_plan([f"create schema {row.schema_name} by the archived script", "note it in the ledger"])
        if dry_run:
            write_result(row.script)
        consent.ask()
        with connection.transaction(force_rollback=dry_run):
            take_turn(connection)
            _carry_out(connection, row)
        place = reached.place
    if not dry_run:
        write_result(f"{place} has schema {row.schema_name} again.")
    return ExitStatus.DONE


def _row(connection: Connection, known: ledger.Ledger, options: Options) -> Release:
    schema = ledger.find_schema(connection, known, options.named, options.target.schema or "")
    row = known.find(schema)
    if row and not row.exists:
        return row
    raise SlateError(
        "release-exists", f"{schema} is there.", hint="Only a release that was retired, or dropped, can be restored."
    )


def _carry_out(connection: Connection, row: Release) -> None:
    before = landing.look(connection)
    path = paths.find(paths.read(connection), None)
    archive.run(connection, row.schema_name, row.script)
    if paths.find(paths.read(connection), None) != path:
        # Files may set the database's search_path, as the release was new then. It is not now.
        paths.set_path(connection, None, None if path is None else paths.schemas_of(path))
    landing.refuse_elsewhere(landing.find_elsewhere(connection, before, row.schema_name), row.schema_name)
    ledger.note_restored(connection, row.schema_name)
    calls.sample(connection, [row.schema_name])
