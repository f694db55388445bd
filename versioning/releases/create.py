"""The verb create: an API's files become a schema with the version in its name, in one transaction."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from init_slate_db.core import options as shared
from init_slate_db.core.connection import Connection
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.findings import Finding, objection, raise_any
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning.releases import NAME, bodies, calls, landing, ledger, template
from versioning.releases import options as own
from versioning.releases.execution import run_script, take_turn
from versioning.releases.naming import Version
from versioning.releases.plan import SchemaPlan, make_plan

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """Of the verb. keep_public: EXECUTE stays PUBLIC's. keep_strings: bodies may still name the schema."""

    target: own.Target
    folder: Path
    version: Version
    agreement: own.Agreement
    keep_public: bool
    keep_strings: bool


def build_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "create",
        "FOLDER --version X.Y.Z [options]",
        "Creates version X.Y.Z of the API in FOLDER: every file in the order of its number, with the schema's name"
        " replaced by NAME_vX_Y_Z. One transaction: all of it, or nothing.",
        "sql/50_proj_api --version 1.0.0 -d proj --dry-run",
        "sql/50_proj_api --version 1.0.0 --dsn service=primary --yes",
    )
    group = parser.add_argument_group("What to create")
    group.add_argument("folder", metavar="FOLDER", nargs="?", help="its files end in .sql, and begin with numbers")
    shared.value_option(group, "--version", metavar="X.Y.Z", help="the version to create")
    own.add_keep_public(group)
    group.add_argument(
        "--keep-strings", action="store_true", help="let bodies name the schema where that cannot be replaced"
    )
    shared.add_consent_options(parser, "print the script, and try it in a transaction that is rolled back")
    own.add_target_options(
        parser, "the schema that the files are of [what they create, else FOLDER without its number]", has_version=False
    )
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = Options(
        own.read_target(values, faults),
        own.read_folder(values.folder, faults),
        own.read_new_version(values.version, faults),
        own.read_agreement(values),
        values.keep_public,
        values.keep_strings,
    )
    faults.raise_any(f"{NAME} create")
    return create(options)


def create(options: Options) -> ExitStatus:
    """Reads the files, surveys, asks, and carries it out.

    :raises SlateError: what speaks against it, or what stopped it; nothing was changed then.
    """
    plan = make_plan(
        options.folder,
        options.target.schema,
        options.version,
        keep_public=options.keep_public,
        keep_strings=options.keep_strings,
    )
    dry_run = options.agreement.dry_run
    consent = own.script_consent(options.agreement, options.target)
    with own.opened(options.target, f"create {plan.schema}") as reached:
        findings = _look(reached.connection, plan)
        consent.tell_survey([*findings, *_warnings(plan)])
        raise_any(findings)
        consent.tell_plan([*plan.steps(), "note it in the ledger, slate.release"])
        if dry_run:
            write_result(plan.script.text)
        consent.ask()
        with reached.connection.transaction(force_rollback=dry_run):
            _carry_out(reached.connection, plan, options.version, keep_strings=options.keep_strings)
        place = reached.place
    if dry_run:
        _logger.info("It was tried, and rolled back: nothing was changed.")
    else:
        write_result(f"{place} has schema {plan.schema}: SET search_path TO {plan.schema}, public")
    return ExitStatus.DONE


def _warnings(plan: SchemaPlan) -> list[Finding]:
    """What the files leave to be looked at, as findings that end nothing."""
    return [Finding(f"stays as it is: {text}") for text in plan.warnings]


def _look(connection: Connection, plan: SchemaPlan) -> list[Finding]:
    """What was found. Writes nothing."""
    known = ledger.read(connection)
    findings = [known.writing(), _freedom(connection, known, plan.schema)]
    if plan.api.templated:
        findings += template.look(connection, plan.api.base)
    return findings


def _freedom(connection: Connection, known: ledger.Ledger, schema: str) -> Finding:
    """Whether the version is still to be had."""
    row = known.find(schema)
    if row and not row.exists:
        told = f"was retired on {row.retired_at:%Y-%m-%d}" if row.retired_at else "was dropped by others"
        hint = f"{NAME} restore {schema} brings it back; else choose a new version."
        return objection("release-exists", f"release {schema} {told}", hint)
    if schema in ledger.read_schemas(connection):
        hint = "A version never changes once it is created. Choose a new one."
        return objection("release-exists", f"schema {schema} exists", hint)
    return Finding(f"schema {schema} does not exist yet")


def _carry_out(connection: Connection, plan: SchemaPlan, version: Version, *, keep_strings: bool) -> None:
    """Makes the schema in the caller's transaction, and notes it.

    :raises SlateError: a statement failed, or something landed elsewhere, or a body names the unversioned schema.
    """
    take_turn(connection)
    ledger.ensure(connection)
    before = landing.look(connection)
    run_script(connection, plan.script)
    landing.refuse_elsewhere(landing.find_elsewhere(connection, before, plan.schema), plan.schema)
    assert plan.renaming
    _judge_bodies(bodies.find_leftovers(connection, plan.script, plan.renaming), plan.api.base, keep=keep_strings)
    ledger.add(connection, plan.api.base, version, plan.digest, plan.script.text)
    calls.sample(connection, [plan.schema])


def _judge_bodies(told: Sequence[str], base: str, *, keep: bool) -> None:
    if keep:
        for text in told:
            _logger.warning("%s", text)
    else:
        bodies.refuse_leftovers(list(told), base)
