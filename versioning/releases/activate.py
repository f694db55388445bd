"""The verbs activate and rollback: which version a role, or the whole database, finds first."""

import argparse
from dataclasses import dataclass

import psycopg

from init_slate_db.core import options as shared
from init_slate_db.core.connection import Connection
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import Finding, raise_any
from init_slate_db.core.options import MISSING, Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning.releases import NAME, activation, ledger, paths, shadows
from versioning.releases import options as own
from versioning.releases.activation import Activation
from versioning.releases.execution import take_turn

_NOW = "Sessions that are open keep theirs; new ones begin with it."


@dataclass(frozen=True)
class Options:
    """Of both verbs. role: whose path; None: that of the database. named: "" in a rollback."""

    target: own.Target
    named: str
    role: str | None
    agreement: own.Agreement


def build_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "activate",
        "V [--role R | --database] [options]",
        "Puts version V into the search_path that new sessions of a role, or of the whole database, begin with: in the"
        " place of another version of the same API, else first.",
        "1.1.0 --role web -d proj",
        "proj_api_v1_1_0 -d proj --database --yes",
    )
    group = parser.add_argument_group("What to activate, and for whom")
    own.add_named(group, "named", "V", "a version, or its schema's name")
    _add_whose(group)
    shared.add_consent_options(parser)
    own.add_target_options(
        parser, "the API, where several have such a version: its name without one", repeats_database=True
    )
    return parser


def build_rollback_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "rollback",
        "[--role R | --database] [options]",
        "Sets the search_path from before the last activation again, for a role or for the whole database. Each"
        " rollback goes one activation further back.",
        "--role web -d proj",
    )
    _add_whose(parser.add_argument_group("For whom"))
    shared.add_consent_options(parser)
    own.add_target_options(parser, "not needed here", repeats_database=True)
    return parser


def _add_whose(group: "argparse._ArgumentGroup") -> None:
    shared.value_option(group, "--role", metavar="R", help="for this role, in this database")
    group.description = (
        "Without --role, or with --database and no name behind it: for all who have no path of their own."
    )


def _read(values: argparse.Namespace, faults: Faults, named: str) -> Options:
    role = shared.read_text(values.role, "--role", faults)
    # Without a name --database says for whom, not where.
    for_database = MISSING in (values.database or ())
    values.database = [name for name in values.database or () if name is not MISSING]
    if for_database and values.role is not None:
        faults.add("--database", "needs a name where there is --role")
    return Options(own.read_target(values, faults), named, role, own.read_agreement(values))


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs activate."""
    options = _read(values, faults, own.read_named(values.named, "V", faults))
    faults.raise_any(f"{NAME} activate")
    return activate(options)


def rollback_command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs rollback."""
    options = _read(values, faults, "")
    faults.raise_any(f"{NAME} rollback")
    return roll_back(options)


def activate(options: Options) -> ExitStatus:
    """Surveys, warns, asks, and sets the path.

    :raises SlateError: release-missing, no-right, path-changed, or the server refuses.
    """
    consent = options.agreement.consent(options.target)
    whose = paths.describe_owner(options.role)
    with own.opened(options.target, f"set the search_path of {whose}") as reached:
        connection = reached.connection
        known = ledger.read(connection)
        schema = ledger.find_live(connection, known, options.named, options.target.schema or "")
        before = _current(connection, options.role)
        schemas = paths.with_release(before, schema)
        findings = [known.writing(), _told_path(whose, before), *_others(connection, options.role)]
        findings += shadows.look(connection, schema, schemas)
        consent.tell_survey(findings)
        raise_any(findings)
        if before is not None and paths.schemas_of(before) == schemas:
            write_result(_sentence(f"{whose} has schema {schema} in its place already."))
            return ExitStatus.DONE
        consent.tell_plan([f"set the search_path of {whose} to {paths.as_text(schemas)}", "note it, for a rollback"])
        if options.agreement.dry_run:
            write_result("Nothing was done: --dry-run.")
            return ExitStatus.DONE
        consent.ask()
        with connection.transaction():
            take_turn(connection)
            ledger.ensure(connection)
            _expect(connection, options.role, before)
            _set(connection, options.role, schemas)
            activation.note(connection, schema, options.role, before, _current(connection, options.role) or "")
    write_result(f"The search_path of {whose} is {paths.as_text(schemas)}. {_NOW}")
    return ExitStatus.DONE


def roll_back(options: Options) -> ExitStatus:
    """Looks for the last activation, asks, and sets the path from before it.

    :raises SlateError: nothing-to-roll-back, path-changed, no-right, or the server refuses.
    """
    consent = options.agreement.consent(options.target)
    whose = paths.describe_owner(options.role)
    with own.opened(options.target, f"set the search_path of {whose}") as reached:
        connection = reached.connection
        known = ledger.read(connection)
        findings = [known.writing()]
        raise_any(findings)
        last = _last(connection, known, options.role)
        before = None if last.path_before is None else paths.schemas_of(last.path_before)
        findings += [Finding(f"the last activation set {last.path_after}"), *_missing(connection, before or ())]
        consent.tell_survey(findings)
        goal = f"set the search_path of {whose} to {last.path_before}"
        consent.tell_plan([f"take the search_path of {whose} away: there was none before" if before is None else goal])
        if options.agreement.dry_run:
            write_result("Nothing was done: --dry-run.")
            return ExitStatus.DONE
        consent.ask()
        with connection.transaction():
            take_turn(connection)
            _expect(connection, options.role, last.path_after)
            _set(connection, options.role, before)
            activation.undo(connection, last)
    told = (
        f"has no search_path of its own, as before {last.schema_name}"
        if before is None
        else "has its search_path again"
    )
    write_result(_sentence(f"{whose} {told}{'' if before is None else f': {last.path_before}'}. {_NOW}"))
    return ExitStatus.DONE


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _current(connection: Connection, role: str | None) -> str | None:
    return paths.find(paths.read(connection), role)


def _told_path(whose: str, before: str | None) -> Finding:
    return Finding(f"{whose} has no search_path of its own" if before is None else f"{whose} has {before}")


def _others(connection: Connection, role: str | None) -> list[Finding]:
    """Whose path wins over that of the database."""
    if role is not None:
        return []
    own_paths = [one for one in paths.read(connection) if one.role is not None]
    return [Finding(f"look out: {one.owner} keeps its own: {one.path}") for one in own_paths]


def _missing(connection: Connection, schemas: tuple[str, ...]) -> list[Finding]:
    there = {name for (name,) in connection.execute("SELECT nspname::text FROM pg_namespace")} | {"$user"}
    return [Finding(f"look out: schema {name} does not exist any more") for name in schemas if name not in there]


def _last(connection: Connection, known: ledger.Ledger, role: str | None) -> Activation:
    found = activation.last(connection, role) if known.is_there else None
    if found is None:
        raise SlateError(
            "nothing-to-roll-back",
            f"No activation for {paths.describe_owner(role)} is left to be rolled back.",
            hint=f"{NAME} list shows whose search_path names which release.",
        )
    _expect(connection, role, found.path_after)
    return found


def _expect(connection: Connection, role: str | None, path: str | None) -> None:
    """:raises SlateError: path-changed: somebody else has set another one."""
    current = _current(connection, role)
    if current != path:
        raise SlateError(
            "path-changed",
            f"The search_path of {paths.describe_owner(role)} is {current or 'not set'}, not {path or 'unset'}:"
            " somebody else has changed it.",
            hint=f"Set it by hand, or by {NAME} activate. Nothing was changed.",
        )


def _set(connection: Connection, role: str | None, schemas: tuple[str, ...] | None) -> None:
    try:
        paths.set_path(connection, role, schemas)
    except psycopg.errors.InsufficientPrivilege as error:
        whose = f'role "{role}" may be set by itself, by who may alter it' if role else "the database by its owner"
        raise SlateError(
            "no-right",
            f"Your role may not set the search_path of {paths.describe_owner(role)}.",
            why=error.diag.message_primary or "",
            hint=f"That of {whose}, and by superusers. Nothing was changed.",
        ) from error
