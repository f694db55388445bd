"""The command slate-recover: reads its options, surveys, tells the plan, and carries it out."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from init_slate_db.core import options as shared
from init_slate_db.core import program
from init_slate_db.core.addresses import Address, add_database_option, address_of, read_address
from init_slate_db.core.consent import Consent
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.findings import raise_any
from init_slate_db.core.options import ConnectionOptions, Faults, LogOptions, OptionParser
from recovery.completion import BACKUP_DATABASES
from recovery.options import METHODS, PROGRAM, BackupAddress, Method, Options

_logger = logging.getLogger(__name__)

_DEFAULT_JOBS = 4
_MOST_JOBS = 64
_LARGEST_ID = 2**63 - 2
_REPORT_SUFFIXES = (".json", ".html")
_EXAMPLES = """\
  slate-recover --from backup-host --dry-run
  slate-recover --from backup-host --replace
  slate-recover --from backup1 --from backup2:5433 --create --method copy --jobs 8 --yes --report incident.html"""


def build_parser() -> OptionParser:
    parser = OptionParser(
        PROGRAM,
        "--from BACKUP [--from BACKUP …] [options]",
        "Rebuilds a lost source from a backup, and proves the result: survey, plan, confirmation, recovery,"
        " comparison, report.",
        _EXAMPLES,
    )
    value = shared.value_option
    group = parser.add_argument_group("Backup")
    value(
        group,
        "--from",
        metavar="BACKUP",
        repeatable=True,
        help="host, host:port, URI or key=value string; of several, the most advanced valid one is taken",
    )
    value(group, "--from-port", metavar="NUMBER", help="port of a backup given without one")
    value(
        group,
        "--from-database",
        metavar="NAME",
        help="database of a backup given without one [PGDATABASE, events]",
        completions=BACKUP_DATABASES,
    )
    value(group, "--from-user", metavar="NAME", help="user for a backup given without one")
    value(group, "--from-password", metavar="PASSWORD", help="password; better: .pgpass, PGPASSWORD, or the prompt")
    value(
        group,
        "--from-server-host",
        metavar="HOST[:PORT]",
        repeatable=True,
        help="the backup as the source's server knows it, where that is another name; for each --from, in order",
    )
    group = parser.add_argument_group("What to recover")
    add_database_option(group, "the source to rebuild")
    value(
        group,
        "--method",
        metavar="METHOD",
        completions=METHODS,
        help="restore-events (default): in one transaction; copy: parallel, resumable; promote: the backup itself"
        " becomes the source",
    )
    group.add_argument("--create", action="store_true", help="make the database, where there is none")
    group.add_argument(
        "--replace", action="store_true", help="rename an existing database aside, end its sessions, make a new one"
    )
    value(group, "--until-id", metavar="ID", help="recover up to this event, inclusive")
    value(group, "--until", metavar="TIMESTAMP", help="recover up to this moment, inclusive: 2026-11-21T03:00:00Z")
    value(group, "--jobs", metavar="N", help=f"connections a server, for copy and comparison (default {_DEFAULT_JOBS})")
    group.add_argument("--resume", action="store_true", help="go on with an interrupted recovery")
    group.add_argument("--no-diff", action="store_true", help="do not compare the result with the backup")
    group.add_argument("--dry-run", action="store_true", help="survey and plan alone; write nothing anywhere")
    group.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    value(group, "--report", metavar="FILE", help="write the report to FILE.json or FILE.html as well")
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return program.main(build_parser, _command, arguments)


def read_options(values: argparse.Namespace, faults: Faults) -> Options:
    """The options among the parsed values; every fault goes to faults."""
    connection = shared.read_connection_options(values, faults)
    database = shared.read_text(values.database, "--database", faults)
    method = cast(Method | None, shared.read_choice(values.method, "--method", METHODS, faults))
    number = shared.read_whole_number
    options = Options(
        backups=_read_backups(values, connection, database, faults),
        target=_read_target(connection, database),
        method=method,
        create=values.create,
        replace=values.replace,
        until_id=number(values.until_id, "--until-id", faults, largest=_LARGEST_ID),
        until=_read_moment(values.until, faults),
        jobs=number(values.jobs, "--jobs", faults, largest=_MOST_JOBS) or _DEFAULT_JOBS,
        resume=values.resume,
        compare=not values.no_diff,
        yes=values.yes,
        dry_run=values.dry_run,
        report=_read_report(values.report, faults),
        log=shared.read_log_options(values, Faults()),
    )
    _check_combinations(options, values, faults)
    return options


def _check_combinations(options: Options, values: argparse.Namespace, faults: Faults) -> None:
    if values.until_id is not None and values.until is not None:
        faults.add("--until", "goes not with --until-id")
    if values.until is not None and options.resume:
        faults.add("--until", "goes not with --resume: the recovery has its end already")
    if options.method == "promote":
        for name in ("create", "replace", "resume", "until_id", "until", "no_diff"):
            if getattr(values, name):
                faults.add(f"--{name.replace('_', '-')}", "goes not with --method promote")


def _read_backups(
    values: argparse.Namespace, connection: ConnectionOptions, database: str | None, faults: Faults
) -> tuple[BackupAddress, ...]:
    given: list[Any] = getattr(values, "from") or []
    if not given:
        faults.add("--from", "is needed: the backup to recover from")
    fallback = ConnectionOptions(
        port=shared.read_whole_number(values.from_port, "--from-port", faults, largest=65535),
        user=shared.read_text(values.from_user, "--from-user", faults),
        password=shared.read_text(values.from_password, "--from-password", faults),
        connect_timeout=connection.connect_timeout,
        interactive=connection.interactive,
    )
    name = shared.read_text(values.from_database, "--from-database", faults) or database
    seen: list[Any] = values.from_server_host or []
    if len(seen) > len(given):
        faults.add("--from-server-host", f"is given {len(seen)} times, --from {len(given)} times")
    backups = []
    for number, one in enumerate(given):
        role = "the backup" if len(given) == 1 else f"backup {number + 1}"
        address = read_address(one, "--from", replace(fallback, role=role), name, faults)
        if number >= len(seen):
            backups.append(BackupAddress(address))
            continue
        other = read_address(seen[number], "--from-server-host", ConnectionOptions(), None, faults).connection
        if other.dsn:
            faults.add("--from-server-host", "takes HOST or HOST:PORT alone")
        backups.append(BackupAddress(address, other.host, other.port))
    return tuple(backups)


def _read_target(connection: ConnectionOptions, database: str | None) -> Address:
    return address_of(connection, database, role="the source")


def _read_moment(value: Any, faults: Faults) -> datetime | None:
    text = shared.read_text(value, "--until", faults)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        faults.add("--until", f'"{text}" is not a moment such as 2026-11-21T03:00:00Z')
        return None
    if moment.tzinfo is None:
        faults.add("--until", f'"{text}" names no time zone: add Z for UTC, or +01:00')
        return None
    return moment.astimezone(UTC)


def _read_report(value: Any, faults: Faults) -> Path | None:
    text = shared.read_text(value, "--report", faults)
    if text is None:
        return None
    path = Path(text)
    if path.suffix not in _REPORT_SUFFIXES:
        faults.add("--report", f'"{text}" ends neither in .json nor in .html')
    elif not path.absolute().parent.is_dir():
        faults.add("--report", f'there is no folder "{path.absolute().parent}"')
    return path


def _command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    options = read_options(values, faults)
    faults.raise_any(PROGRAM)
    from recovery.execution import Recovery
    from recovery.plan import make_plan
    from recovery.report import as_text, write_report
    from recovery.survey import look

    consent = Consent(options.yes, options.target.connection.interactive, options.dry_run)
    stands = "nothing was changed."
    try:
        with look(options) as survey:
            consent.tell_survey(survey.findings)
            raise_any(survey.findings)
            plan = make_plan(options, survey, datetime.now(UTC))
            consent.tell_plan(step.title for step in plan.steps)
            if options.dry_run:
                write_result("Nothing was done: --dry-run.")
                return ExitStatus.DONE
            consent.ask()
            stands = ""
            report = Recovery(options, survey, plan).run()
    except KeyboardInterrupt:
        if stands:
            _logger.warning("Interrupted: %s", stands)
        raise
    write_result(as_text(report))
    if options.report:
        write_report(report, options.report)
    return ExitStatus.DIFFERENT if report.verdict == "different" else ExitStatus.DONE
