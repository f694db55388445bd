"""The verb list: which versions there are, who may call them, and whether anybody still does."""

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from init_slate_db.core import options as shared
from init_slate_db.core.connection import Connection
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning.releases import NAME, calls, ledger, paths
from versioning.releases import options as own
from versioning.releases.calls import Usage
from versioning.releases.naming import split
from versioning.wording import counted

_logger = logging.getLogger(__name__)

_LONG_AGO = timedelta(days=14)
_FACTS = """
SELECT n.nspname::text AS schema, pg_get_userbyid(n.nspowner)::text AS owner,
       (SELECT count(*) FROM pg_proc AS p WHERE p.pronamespace = n.oid) AS functions,
       ARRAY(SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END
             FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
             WHERE p.pronamespace = n.oid AND a.privilege_type = 'EXECUTE' AND a.grantee <> p.proowner
             ORDER BY 1)::text[] AS callers,
       ARRAY(SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END
             FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
             WHERE a.privilege_type = 'USAGE' AND a.grantee <> n.nspowner ORDER BY 1)::text[] AS users
FROM pg_namespace AS n WHERE n.nspname = ANY (%s)
"""
_SESSIONS = """
SELECT usename::text, count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Options:
    """Of the verb. all: retired releases, too."""

    target: own.Target
    all: bool
    format: shared.Format


@dataclass(frozen=True)
class _Facts:
    """What the catalog has. users: who may use the schema; callers: who may call functions; besides the owners."""

    schema: str
    owner: str
    functions: int
    callers: list[str]
    users: list[str]


@dataclass(frozen=True)
class _Entry:
    """One release. facts: None where its schema is gone. row: None where the ledger does not know it.

    settings: whose search_path names it. sessions: how many there are of roles that begin with such a path.
    """

    schema: str
    row: ledger.Release | None
    facts: _Facts | None
    usage: Usage | None
    settings: list[str]
    sessions: int


def build_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "list",
        "[options]",
        "Tells the releases: when they were created from what, who may call them, and whether anybody does. Notes in"
        " the ledger how often their functions were called so far; changes nothing else.",
        "-d proj",
        "--all --format json",
    )
    group = parser.add_argument_group("What to list")
    group.add_argument("--all", action="store_true", help="retired releases, too")
    own.add_format_option(parser)
    own.add_target_options(parser, "this API alone: its name without a version")
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = Options(own.read_target(values, faults), values.all, shared.read_format(values, faults))
    faults.raise_any(f"{NAME} list")
    return tell(options)


def tell(options: Options) -> ExitStatus:
    """Takes a sample, reads, and tells."""
    with own.opened(options.target, "say which releases it has") as reached:
        connection = reached.connection
        known = ledger.read(connection)
        if known.is_there and not known.releases:
            _logger.info("The ledger holds no release, or the role may not read it.")
        take_sample(connection, known)
        now = calls.ago(connection, timedelta())
        entries = [one for one in _entries(connection, known, now) if _is_wanted(one, options)]
        place = reached.place
    if options.format == "json":
        write_result(json.dumps({"place": place, "releases": [_as_json(one) for one in entries]}))
    else:
        write_result("\n".join(_lines(place, entries, now)))
    return ExitStatus.DONE


def take_sample(connection: Connection, known: ledger.Ledger) -> None:
    """Notes the calls so far, where the role may; else says that it may not."""
    if not known.is_there or known.in_recovery:
        return
    if not known.may_write:
        _logger.warning('Role "%s" may not write to the ledger: no sample of the calls was taken.', known.role)
        return
    schemas = [one.schema_name for one in known.releases if one.exists]
    try:
        with connection.transaction():
            calls.sample(connection, schemas)
    except (psycopg.errors.UniqueViolation, psycopg.errors.ReadOnlySqlTransaction):
        # Another run has just taken one, or this session takes no changes.
        _logger.info("No sample of the calls was taken.")


def _entries(connection: Connection, known: ledger.Ledger, now: datetime) -> Iterator[_Entry]:
    in_catalog = ledger.read_schemas(connection)
    names = sorted({*in_catalog, *(one.schema_name for one in known.releases)}, key=lambda name: split(name) or (name,))
    cursor = connection.cursor(row_factory=class_row(_Facts))
    facts = {one.schema: one for one in cursor.execute(_FACTS, (names,))}
    samples = calls.read(connection, names) if known.releases else []
    settings = paths.read(connection)
    by_role: dict[str, int] = dict(connection.execute(_SESSIONS).fetchall())
    for name in names:
        own_samples = [one for one in samples if one.schema_name == name]
        usage = calls.usage(own_samples, now - _LONG_AGO) if own_samples else None
        naming = [one for one in settings if name in one.schemas]
        sessions = sum(number for role, number in by_role.items() if name in paths.effective(settings, role))
        told = [one.owner for one in naming]
        yield _Entry(name, known.find(name), facts.get(name), usage, told, sessions)


def _is_wanted(entry: _Entry, options: Options) -> bool:
    parts = split(entry.schema)
    is_api = options.target.schema is None or bool(parts and parts[0] == options.target.schema)
    return is_api and (options.all or entry.facts is not None)


def _state(entry: _Entry) -> str:
    if entry.facts is None:
        return "retired" if entry.row and entry.row.retired_at else "dropped by others"
    return "live" if entry.row else "not of this ledger"


def _as_json(entry: _Entry) -> dict[str, Any]:
    row, facts, usage = entry.row, entry.facts, entry.usage
    return {
        "schema": entry.schema,
        "version": str(parts[1]) if (parts := split(entry.schema)) else None,
        "state": _state(entry),
        "created_at": row.created_at.isoformat() if row else None,
        "created_by": row.created_by if row else None,
        "digest": row.digest if row else None,
        "retired_at": row.retired_at.isoformat() if row and row.retired_at else None,
        "functions": facts.functions if facts else 0,
        "owner": facts.owner if facts else None,
        "schema_usage": facts.users if facts else [],
        "execute": facts.callers if facts else [],
        "last_called": usage.last_called.isoformat() if usage and usage.last_called else None,
        "watched_since": usage.known_since.isoformat() if usage and usage.known_since else None,
        "track_functions": usage.tracking if usage else None,
        "search_path_of": entry.settings,
        "sessions": entry.sessions,
    }


def _lines(place: str, entries: Sequence[_Entry], now: datetime) -> Iterator[str]:
    yield f"{place}: {counted(len(entries), 'release')}"
    for entry in entries:
        row, facts = entry.row, entry.facts
        yield f"  {entry.schema}  {_state(entry)}" + (
            f" since {row.retired_at:%F %R}" if row and row.retired_at else ""
        )
        if row:
            yield f"    created {row.created_at:%F %R} by {row.created_by}, sources {row.digest[:12]}"
        if facts:
            who = f"EXECUTE: {_names(facts.callers)}; USAGE of the schema: {_names(facts.users)}"
            yield f"    functions: {facts.functions}; {who}"
            yield f"    {_told_calls(entry.usage, now)}"
        if entry.settings:
            yield f"    search_path of {', '.join(entry.settings)}; sessions of theirs now: {entry.sessions}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "its owner alone"


def _told_calls(usage: Usage | None, now: datetime) -> str:
    if usage is None:
        return "calls: not watched"
    last = (
        f"last seen between the samples before and at {usage.last_called:%F %R}" if usage.last_called else "none seen"
    )
    if usage.known_since is None:
        return f"calls: {last}; not counted now: track_functions is none"
    return f"calls: {last}; watched since {usage.known_since:%F %R} (track_functions = {usage.tracking})"
