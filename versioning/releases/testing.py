"""The verb test: runs files of SQL against a version, each in a transaction that is rolled back."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from init_slate_db.core import options as shared
from init_slate_db.core.connection import Connection
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning.releases import NAME, ledger
from versioning.releases import options as own
from versioning.releases.execution import read_as_here, run_step
from versioning.releases.naming import split
from versioning.releases.renaming import Renaming
from versioning.releases.script import read_script
from versioning.releases.sources import Source, read_sources
from versioning.releases.trial import Trial

_PGTAP = """
SELECT n.nspname::text FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pgtap'
"""


@dataclass(frozen=True)
class Options:
    """Of the verb. role: whose rights the tests have; None: those of the session."""

    target: own.Target
    named: str
    folder: Path
    role: str | None


def build_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "test",
        "V FOLDER [options]",
        "Runs the files of SQL in FOLDER against version V, each in a transaction of its own that is rolled back. A"
        " file fails by an error, by a query of one boolean column that is not true in every row, and by what pgTAP"
        " reports.",
        "1.1.0 sql/tests -d proj",
        "1.1.0 sql/tests --role web -d proj",
    )
    group = parser.add_argument_group("What to test")
    own.add_named(group, "named", "V", "a version, or its schema's name")
    group.add_argument("folder", metavar="FOLDER", nargs="?", help="its files end in .sql")
    shared.value_option(group, "--role", metavar="R", help="run the tests with the rights of this role")
    own.add_target_options(parser, "the API, where several have such a version: its name without one")
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = Options(
        own.read_target(values, faults),
        own.read_named(values.named, "V", faults),
        own.read_folder(values.folder, faults),
        shared.read_text(values.role, "--role", faults),
    )
    faults.raise_any(f"{NAME} test")
    return test(options)


def test(options: Options) -> ExitStatus:
    """Runs all files, and tells of each.

    :raises SlateError: tests-failed.
    """
    sources = read_sources(options.folder)
    with own.opened(options.target, "run the tests") as reached:
        connection = reached.connection
        known = ledger.read(connection)
        schema = ledger.find_live(connection, known, options.named, options.target.schema or "")
        row = connection.execute(_PGTAP).fetchone()
        path = [schema, "public", *(row or ())]
        trials = [_run(connection, source, schema, path, options.role) for source in sources]
    for trial in trials:
        _tell(trial)
    failed = sum(bool(trial.failures) for trial in trials)
    if failed:
        raise SlateError(
            "tests-failed",
            f"{failed} of {len(trials)} files failed against {schema}.",
            hint="All was rolled back: nothing was changed.",
        )
    write_result(f"{schema}: {len(trials)} files, {sum(trial.checks for trial in trials)} checks, all good")
    return ExitStatus.DONE


def _run(connection: Connection, source: Source, schema: str, path: list[str], role: str | None) -> Trial:
    parts = split(schema)
    renaming = Renaming(parts[0], schema) if parts else None
    trial = Trial(source.path)
    script = read_script([source], renaming, own_transactions=True)
    try:
        with connection.transaction(force_rollback=True):
            names = sql.SQL(", ").join(map(sql.Identifier, dict.fromkeys(path)))
            connection.execute(sql.SQL("SET LOCAL search_path TO ") + names)
            if role:
                connection.execute(sql.SQL("SET LOCAL ROLE ") + sql.Identifier(role))
            cursor = connection.cursor()
            for step in script.steps:
                run_step(cursor, step)
                if cursor.description:
                    trial.take(step.line, cursor.fetchall())
    except SlateError as error:
        if error.code != "sources-failed":
            raise
        trial.failures.append(error.what.removeprefix(f"{source.path}, "))
    else:
        trial.end()
    # A file may have set what outlives a transaction; the next one begins with nothing of it.
    connection.execute("RESET ALL; RESET SESSION AUTHORIZATION")
    read_as_here(connection)
    return trial


def _tell(trial: Trial) -> None:
    write_result(f"{'not ok' if trial.failures else 'ok'}  {trial.path} ({trial.checks} checks)")
    for failure in trial.failures:
        write_result(f"    {failure}")
