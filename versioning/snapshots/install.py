"""The verb install of slate-schema: prepares a database for snapshots."""

import argparse
import logging
from dataclasses import dataclass

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, Reached, add_database_option, reach, read_database
from init_slate_db.core.connection import server_errors
from init_slate_db.core.consent import Consent
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.findings import Finding, objections, raise_any
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.sql_files import read_snapshot_objects
from versioning import PROGRAM
from versioning.snapshots.store import OTHER_VERSION_HINT

_logger = logging.getLogger(__name__)

_OLDEST = 14
_EXAMPLES = """\
  slate-schema install --host db1 -d events --dry-run
  slate-schema --dsn service=primary install --yes"""
_FACTS = """
SELECT to_regnamespace('pov') IS NOT NULL, EXISTS (
         SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE n.nspname = 'public' AND p.proname = 'pov'),
       EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
               WHERE n.nspname = 'pov' AND c.relname = 'snapshot'),
       EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
               WHERE n.nspname = 'pov' AND p.proname = 'plan_between'), pg_is_in_recovery(), current_user,
       has_database_privilege(current_database(), 'CREATE') AND has_schema_privilege('public', 'CREATE')
"""


@dataclass(frozen=True)
class Options:
    """The options of the verb."""

    target: Address
    yes: bool
    dry_run: bool


def build_parser() -> OptionParser:
    parser = OptionParser(
        f"{PROGRAM} install",
        "[options]",
        "Prepares a database for snapshots: schema pov, and the functions pov(). All of it, or nothing.",
        _EXAMPLES,
    )
    group = parser.add_argument_group("Where")
    add_database_option(group)
    shared.add_consent_options(parser)
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    target = read_database(values, faults)
    faults.raise_any(f"{PROGRAM} install")
    return install(Options(target, values.yes, values.dry_run))


def install(options: Options) -> ExitStatus:
    """Surveys, asks, and carries it out, in one transaction.

    :raises SlateError: what speaks against it, or what stopped it; nothing was changed then.
    """
    consent = Consent(options.yes, options.target.connection.interactive, options.dry_run)
    try:
        reached = reach(options.target, PROGRAM)
        with reached.connection:
            place = reached.place
            is_installed, findings = _look(reached)
            consent.tell_survey(findings)
            raise_any(findings)
            if is_installed:
                write_result(f"{place} is prepared for snapshots already.")
                return ExitStatus.DONE
            objects = read_snapshot_objects()
            consent.tell_plan(
                [f"create schema pov and the functions pov(): {len(objects)} objects, in one transaction"]
            )
            if options.dry_run:
                write_result("Nothing was done: --dry-run.")
                return ExitStatus.DONE
            consent.ask()
            with server_errors("prepare the database for snapshots"), reached.connection.transaction():
                for item in objects:
                    reached.connection.execute(item.sql.encode())
    except KeyboardInterrupt:
        _logger.warning("Interrupted: all of it was installed, or nothing.")
        raise
    write_result(f"{place} is prepared for snapshots: {PROGRAM} snapshot takes one.")
    return ExitStatus.DONE


def _look(reached: Reached) -> tuple[bool, list[Finding]]:
    """Whether it is installed already, and what was found. Writes nothing."""
    with server_errors(f"say what {reached.place} has"):
        row = reached.connection.execute(_FACTS).fetchone()
    assert row
    has_schema, has_function, has_snapshots, is_complete, in_recovery, role, may_create = row
    is_ours = has_schema and has_function and has_snapshots
    if is_ours and is_complete:
        return True, [Finding("schema pov and the functions pov() are there")]
    version = reached.connection.info.server_version // 10000
    reasons = [
        (version < _OLDEST, "server-too-old", f"PostgreSQL {version} is older than {_OLDEST}", "Upgrade it."),
        (in_recovery, "read-only", "it is a standby", "Name its primary."),
        (is_ours, "not-prepared", "it is prepared for the snapshots of another version", OTHER_VERSION_HINT),
        (
            not is_ours and (has_schema or has_function),
            "name-taken",
            f"it has a {'schema' if has_schema else 'function'} pov of another make",
            "Rename or drop that, or leave this database without snapshots.",
        ),
        (
            not may_create,
            "no-right",
            f'role "{role}" may not create a schema and functions in public',
            "Use the owner of the database.",
        ),
    ]
    against = objections(f"{reached.place} cannot be prepared for snapshots", reasons)
    return False, against or [Finding(f'role "{role}" may install it; the name pov is free')]
