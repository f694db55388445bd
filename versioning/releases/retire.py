"""The verb retire: a release that nobody needs goes, and what brings it back stays."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from init_slate_db.core import options as shared
from init_slate_db.core.connection import Connection
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import Finding, raise_any
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning.releases import NAME, archive, calls, dependents, ledger
from versioning.releases import options as own
from versioning.releases.execution import reset, take_turn
from versioning.releases.ledger import Release
from versioning.releases.listing import take_sample
from versioning.wording import read_age

_SHOWN = 10
_UNUSED_FOR = timedelta(days=14)
_UNCOUNTED = """
SELECT count(*) FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) AND l.lanname IN ('sql', 'c', 'internal')
"""


@dataclass(frozen=True)
class Options:
    """Of the verb. unused_for: how long nothing must have called it. uncounted: calls need not have been counted."""

    target: own.Target
    named: str
    unused_for: timedelta
    uncounted: bool
    agreement: own.Agreement


def build_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "retire",
        "V [options]",
        "Drops the schema of version V, once nothing depends on it and nothing called it for a while. What brings it"
        " back is tried first, and kept in the ledger.",
        "1.0.0 -d proj --unused-for 30d --dry-run",
    )
    group = parser.add_argument_group("What to retire")
    own.add_named(group, "named", "V", "a version, or its schema's name")
    shared.value_option(
        group, "--unused-for", metavar="AGE", help="how long nothing must have called it: 12h, 14d, 8w (default 14d)"
    )
    group.add_argument(
        "--calls-not-counted",
        action="store_true",
        help="retire it even if its calls were not counted for so long; calls that were seen still stand against it",
    )
    shared.add_consent_options(parser)
    own.add_target_options(parser, "the API, where several have such a version: its name without one")
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = Options(
        own.read_target(values, faults),
        own.read_named(values.named, "V", faults),
        read_age(values.unused_for, "--unused-for", faults) or _UNUSED_FOR,
        values.calls_not_counted,
        own.read_agreement(values),
    )
    faults.raise_any(f"{NAME} retire")
    return retire(options)


def retire(options: Options) -> ExitStatus:
    """Surveys, asks, archives and drops.

    :raises SlateError: release-blocked, with who needs it or calls it; archive-incomplete; or the server refuses.
    """
    consent = options.agreement.consent(options.target)
    with own.opened(options.target, f"retire {options.named}") as reached:
        connection = reached.connection
        known = ledger.read(connection)
        schema = ledger.find_live(connection, known, options.named, options.target.schema or "")
        if not options.agreement.dry_run:
            take_sample(connection, known)
        row = _row(known, schema)
        findings = [known.writing(), *_look(connection, schema, options)]
        consent.tell_survey(findings)
        raise_any(findings)
        consent.tell_plan(
            [f"archive {schema} as a script, and try that", f"drop schema {schema}", "note it in the ledger"]
        )
        if not options.agreement.dry_run:
            consent.ask()
        with connection.transaction(force_rollback=options.agreement.dry_run):
            take_turn(connection)
            reset(connection)
            # Between the question and the answer somebody may have built on it.
            raise_any(_needed(connection, schema))
            archive.refuse_rows(connection, schema)
            script = archive.make(connection, schema, row.script)
            archive.drop(connection, schema)
            ledger.note_retired(connection, schema, script)
    if options.agreement.dry_run:
        write_result("Its archive was tried. Nothing was changed: --dry-run.")
    else:
        write_result(f"{schema} is retired. {NAME} restore {schema} brings it back.")
    return ExitStatus.DONE


def _row(known: ledger.Ledger, schema: str) -> Release:
    row = known.find(schema)
    if row:
        return row
    raise SlateError(
        "release-missing",
        f"The ledger does not know {schema}, so it has no sources that could bring it back.",
        hint=f"Dump it (pg_dump -n {schema}) and drop it yourself.",
    )


def _look(connection: Connection, schema: str, options: Options) -> list[Finding]:
    return [*_needed(connection, schema), *_called(connection, schema, options)]


def _needed(connection: Connection, schema: str) -> list[Finding]:
    found = dependents.find(connection, schema).all()
    if not found:
        return [Finding("nothing outside of it depends on it, and no search_path names it")]
    error = _blocked(schema, "it is still needed", found, "Have these use another version first.")
    return [Finding(f"still needed by {', '.join(found[:_SHOWN])}", error)]


def _called(connection: Connection, schema: str, options: Options) -> list[Finding]:
    """Whether calls were seen since the moment that the options say, and whether all would have been seen."""
    since = calls.ago(connection, options.unused_for)
    samples = calls.read(connection, [schema])
    usage = calls.usage(samples, since)
    if usage.called:
        told = [f"{function}: {number} calls" for function, number in sorted(usage.called.items())]
        hint = "Move the callers to another version, or wait: --unused-for says how long."
        error = _blocked(schema, f"it was called since {since:%F %R}", told, hint)
        return [Finding(f"it was called since {since:%F %R}: {', '.join(sorted(usage.called)[:_SHOWN])}", error)]
    unseen = _unseen(
        connection, schema, usage, f"{since:%F %R}", is_old=usage.known_since is not None and usage.known_since <= since
    )
    if not unseen:
        return [Finding(f"nothing called it since {since:%F %R}")]
    if options.uncounted:
        return [Finding(f"--calls-not-counted: {unseen}")]
    hint = "Set track_functions = all, have slate-schema release list run from time to time, and wait; or, if you know"
    error = _blocked(schema, unseen, [], f"{hint} that nobody calls it, add --calls-not-counted.")
    return [Finding(unseen, error)]


def _unseen(connection: Connection, schema: str, usage: calls.Usage, since: str, *, is_old: bool) -> str:
    """Why calls since then may have gone unseen, in words; "": none can."""
    if usage.known_since is None:
        return "its calls are not counted: track_functions is none"
    if not is_old:
        return f"its calls are counted only since {usage.known_since:%F %R}, not since {since}"
    row = connection.execute(_UNCOUNTED, (schema,)).fetchone()
    if usage.tracking == "pl" and row and row[0]:
        return f"calls of {row[0]} functions in SQL or C are not counted: track_functions is pl, not all"
    return ""


def _blocked(schema: str, why: str, names: Sequence[str], hint: str) -> SlateError:
    more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    told = "".join(f"\n  {name}" for name in [*names[:_SHOWN], *more])
    return SlateError(
        "release-blocked",
        f"{schema} cannot be retired: {why}{':' if told else '.'}{told}",
        hint=f"{hint} Nothing was changed.",
    )
