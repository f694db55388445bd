"""The verb bootstrap, for development: the schema without a version is dropped and made again."""

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from init_slate_db.core import options as shared
from init_slate_db.core.connection import Connection
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import Finding, raise_any
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning.releases import NAME, dependents, landing, template
from versioning.releases import options as own
from versioning.releases.execution import run_script, take_turn
from versioning.releases.plan import SchemaPlan, make_plan

_logger = logging.getLogger(__name__)

_CONTENTS = """
SELECT (SELECT count(*) FROM pg_proc AS p WHERE p.pronamespace = n.oid),
       (SELECT count(*) FROM pg_type AS t WHERE t.typnamespace = n.oid AND t.typelem = 0
          AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = t.typrelid AND c.relkind <> 'c')),
       ARRAY(SELECT c.relname::text FROM pg_class AS c
             WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'm', 'f') ORDER BY 1)
FROM pg_namespace AS n WHERE n.nspname = %s
"""


@dataclass(frozen=True)
class Options:
    """Of the verb. cascade: what others built on the schema is dropped with it."""

    target: own.Target
    folder: Path
    agreement: own.Agreement
    cascade: bool
    keep_public: bool


def build_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "bootstrap",
        "FOLDER [options]",
        "For development: drops the schema of the API in FOLDER, without a version, and makes it again from the files"
        " as they are. One transaction: all of it, or nothing. Tables in the schema lose their rows.",
        "sql/50_proj_api -d dev_proj --yes",
    )
    group = parser.add_argument_group("What to make")
    group.add_argument("folder", metavar="FOLDER", nargs="?", help="its files end in .sql, and begin with numbers")
    group.add_argument("--cascade", action="store_true", help="drop what others built on the schema, too")
    own.add_keep_public(group)
    shared.add_consent_options(parser, "print the script, and try it in a transaction that is rolled back")
    own.add_target_options(
        parser, "the schema that the files are of [what they create, else FOLDER without its number]"
    )
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = Options(
        own.read_target(values, faults),
        own.read_folder(values.folder, faults),
        own.read_agreement(values),
        values.cascade,
        values.keep_public,
    )
    faults.raise_any(f"{NAME} bootstrap")
    return bootstrap(options)


def bootstrap(options: Options) -> ExitStatus:
    """Reads the files, surveys, asks, and carries it out.

    :raises SlateError: what speaks against it, or what stopped it; nothing was changed then.
    """
    plan = make_plan(options.folder, options.target.schema, None, keep_public=options.keep_public, keep_strings=True)
    dry_run = options.agreement.dry_run
    consent = own.script_consent(options.agreement, options.target)
    with own.opened(options.target, f"make {plan.schema}") as reached:
        contents = _contents(reached.connection, plan.schema)
        built = dependents.find_objects(reached.connection, plan.schema) if contents else []
        findings = [*_look(plan, contents, built, options), *_rights(reached.connection, plan)]
        consent.tell_survey(findings)
        raise_any(findings)
        drop = [
            f"drop schema {plan.schema}, and {len(built)} others with it" if built else f"drop schema {plan.schema}"
        ]
        consent.tell_plan([*(drop if contents else []), *plan.steps()])
        if dry_run:
            write_result(plan.script.text)
        consent.ask()
        with reached.connection.transaction(force_rollback=dry_run):
            _carry_out(reached.connection, plan, built, exists=contents is not None)
        place = reached.place
    if dry_run:
        _logger.info("It was tried, and rolled back: nothing was changed.")
    else:
        write_result(f"{place} has schema {plan.schema} anew.")
    return ExitStatus.DONE


def _contents(connection: Connection, schema: str) -> str | None:
    """What is in the schema, in words; None: there is no such schema."""
    row = connection.execute(_CONTENTS, (schema,)).fetchone()
    if row is None:
        return None
    routines, types, tables = row
    told = f"functions: {routines}, types: {types}"
    return f"{told}, and the rows of {', '.join(tables)}" if tables else told


def _look(plan: SchemaPlan, contents: str | None, built: list[str], options: Options) -> list[Finding]:
    if contents is None:
        return [Finding(f"schema {plan.schema} does not exist yet")]
    findings = [Finding(f"schema {plan.schema} goes with what is in it: {contents}")]
    if built and not options.cascade:
        told = "\n  ".join(built)
        error = SlateError(
            "bootstrap-blocked",
            f"Others built on schema {plan.schema}, and would go with it:\n  {told}",
            hint="Drop these yourself, or add --cascade to have them dropped. Nothing was changed.",
        )
        findings.append(Finding(f"others built on it: {', '.join(built)}", error))
    elif built:
        findings.append(Finding(f"--cascade drops what others built on it: {', '.join(built)}"))
    return findings


def _rights(connection: Connection, plan: SchemaPlan) -> list[Finding]:
    return template.look(connection, plan.api.base) if plan.api.templated else []


def _carry_out(connection: Connection, plan: SchemaPlan, built: list[str], *, exists: bool) -> None:
    take_turn(connection)
    if exists:
        # Someone may have built more since the question was asked.
        new = set(dependents.find_objects(connection, plan.schema)) - set(built)
        if new:
            raise SlateError(
                "bootstrap-blocked",
                f"Others have just built on schema {plan.schema}: {', '.join(sorted(new))}.",
                hint="Run the command again, and look at its plan. Nothing was changed.",
            )
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(plan.schema)))
    before = landing.look(connection)
    run_script(connection, plan.script)
    for name in landing.find_elsewhere(connection, before, plan.schema):
        _logger.warning("%s lies outside of schema %s: create would refuse it.", name, plan.schema)
