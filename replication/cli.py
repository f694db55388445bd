"""The command slate-replicate: its verbs, and what each of them reads from the command line."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import DEFAULT_DATABASE, Address, read_address
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import MISSING, ConnectionOptions, Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import Program, Verb
from replication.options import (
    PROGRAM,
    SIDES,
    AddOptions,
    FollowOptions,
    Format,
    Limits,
    RemoveOptions,
    Side,
    StatusOptions,
    VerifyOptions,
)

_DEFAULT_JOBS = 4
_MOST_JOBS = 64
_DEFAULT_INTERVAL = 2.0
_FORMATS = ("text", "json")
_ADDRESS = "a host, host:port, socket folder, URI or key=value string"
_LAG = re.compile(r"(?P<number>[0-9]{1,15})(?P<unit>s|min|h|kB|MB|GB)?")
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_BYTES = {"kB": 2**10, "MB": 2**20, "GB": 2**30}
_VERB_SUMMARIES = {
    "add": "have a destination follow a source",
    "status": "tell how far behind the destinations of a source are",
    "verify": "compare a destination with its source by digests",
    "remove": "let a destination go, and leave no slot behind",
    "follow": "fill a destination without logical replication, for as long as this runs",
}


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit status."""
    return build_program().main(arguments)


def build_program() -> Program:
    verbs = (
        ("add", _build_add, _add),
        ("status", _build_status, _status),
        ("verify", _build_verify, _verify),
        ("remove", _build_remove, _remove),
        ("follow", _build_follow, _follow),
    )
    return Program(
        PROGRAM,
        "Keeps destinations that follow a source: set up, watched, compared and let go.",
        "  slate-replicate add db1 backup-host --create\n"
        "  slate-replicate status db1 --max-lag 1000 --max-lag 30s\n"
        "  slate-replicate verify db1 backup-host\n"
        "  slate-replicate remove db1 backup-host --lost destination",
        tuple(Verb(name, _VERB_SUMMARIES[name], build, command) for name, build, command in verbs),
    )


def _parser(verb: str, usage: str, *examples: str) -> OptionParser:
    summary = _VERB_SUMMARIES[verb]
    lines = "\n".join(f"  {PROGRAM} {verb} {example}" for example in examples)
    return OptionParser(f"{PROGRAM} {verb}", usage, f"{summary[0].upper()}{summary[1:]}.", lines)


def _add_addresses(parser: OptionParser, *names: str) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("Which databases")
    for name in names:
        group.add_argument(name, metavar=name.upper(), nargs="?", help=_ADDRESS)
    shared.value_option(
        group,
        "--database",
        metavar="NAME",
        help=f"database, where the address names none (default {DEFAULT_DATABASE}) [PGDATABASE]",
    )
    return group


def _add_consent(parser: OptionParser) -> None:
    group = parser.add_argument_group("Consent")
    group.add_argument("--dry-run", action="store_true", help="survey and plan alone; write nothing anywhere")
    group.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _finish(parser: OptionParser) -> OptionParser:
    shared.add_fallback_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def _build_add() -> OptionParser:
    parser = _parser(
        "add",
        "SOURCE DESTINATION [options]",
        "db1 backup-host --create",
        "postgresql://one,two/events backup-host:5433 --replication-user follower --yes",
    )
    group = _add_addresses(parser, "source", "destination")
    group.add_argument("--create", action="store_true", help="make the destination, where there is none")
    group = parser.add_argument_group("How the destination's server reaches the source, where not as we do")
    value = shared.value_option
    value(group, "--source-server-host", metavar="ADDRESS", help="host, host:port, URI or key=value string")
    value(group, "--replication-user", metavar="NAME", help="role that it replicates as")
    value(
        group,
        "--replication-password",
        metavar="PASSWORD",
        help="that role's password, kept in the subscription; none: .pgpass on that server, for superusers alone",
    )
    group = parser.add_argument_group("How to follow")
    group.add_argument("--failover", action="store_true", help="standbys of the source keep the slot (17 and later)")
    value(group, "--jobs", metavar="N", help=f"connections a server, for comparing (default {_DEFAULT_JOBS})")
    _add_consent(parser)
    return _finish(parser)


def _build_status() -> OptionParser:
    parser = _parser("status", "SOURCE [DESTINATION …] [options]", "db1 --watch", "db1 --max-lag 30s --format json")
    group = _add_addresses(parser, "source")
    group.add_argument(
        "destinations", metavar="DESTINATION", nargs="*", help="further ones, filled by slate-replicate follow for one"
    )
    group = parser.add_argument_group("What to tell")
    option = group.add_argument(
        "--watch",
        metavar="SECONDS",
        nargs="?",
        const=str(_DEFAULT_INTERVAL),
        help=f"look again every so many seconds (default {_DEFAULT_INTERVAL:g}), until Ctrl-C",
    )
    option.completions = None  # type: ignore[attr-defined]
    shared.value_option(
        group,
        "--max-lag",
        metavar="LAG",
        repeatable=True,
        help="exit with 3 where a destination is further behind: 1000 (events), 30s, 5min, 64MB",
    )
    shared.value_option(group, "--format", metavar="FORMAT", help="text or json (default text)", completions=_FORMATS)
    return _finish(parser)


def _build_verify() -> OptionParser:
    parser = _parser("verify", "SOURCE DESTINATION [options]", "db1 backup-host", "db1 backup-host --format json")
    _add_addresses(parser, "source", "destination")
    group = parser.add_argument_group("How to compare")
    shared.value_option(group, "--jobs", metavar="N", help=f"connections a server (default {_DEFAULT_JOBS})")
    shared.value_option(group, "--format", metavar="FORMAT", help="text or json (default text)", completions=_FORMATS)
    return _finish(parser)


def _build_remove() -> OptionParser:
    parser = _parser(
        "remove", "SOURCE DESTINATION [options]", "db1 backup-host", "db1 backup-host --lost destination --yes"
    )
    _add_addresses(parser, "source", "destination")
    group = parser.add_argument_group("What is gone")
    shared.value_option(
        group,
        "--lost",
        metavar="SIDE",
        help="source or destination: it is gone for good, and is not asked",
        completions=SIDES,
    )
    _add_consent(parser)
    return _finish(parser)


def _build_follow() -> OptionParser:
    parser = _parser("follow", "SOURCE DESTINATION [options]", "db1 backup-host", "db1 backup-host --once")
    _add_addresses(parser, "source", "destination")
    group = parser.add_argument_group("How to follow")
    group.add_argument("--once", action="store_true", help="end when there is nothing new")
    return _finish(parser)


def _add(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    options = AddOptions(
        source=_read_address(values, "source", faults),
        destination=_read_address(values, "destination", faults),
        way=_read_way(values, faults),
        create=values.create,
        failover=values.failover,
        jobs=_read_jobs(values, faults),
        yes=values.yes,
        dry_run=values.dry_run,
        log=log,
    )
    faults.raise_any(f"{PROGRAM} add")
    from replication.add import add

    return add(options)


def _status(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    options = StatusOptions(
        source=_read_address(values, "source", faults),
        destinations=tuple(_read_one(one, "destination", values, faults) for one in values.destinations),
        fallback=shared.read_fallback_connection_options(values, Faults()),
        watch=_read_interval(values.watch, faults),
        limits=_read_limits(values.max_lag or [], faults),
        format=_read_format(values, faults),
        log=log,
    )
    faults.raise_any(f"{PROGRAM} status")
    from replication.status import status

    return status(options)


def _verify(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    options = VerifyOptions(
        source=_read_address(values, "source", faults),
        destination=_read_address(values, "destination", faults),
        jobs=_read_jobs(values, faults),
        format=_read_format(values, faults),
        log=log,
    )
    faults.raise_any(f"{PROGRAM} verify")
    from replication.verify import verify

    return verify(options)


def _remove(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    options = RemoveOptions(
        source=_read_address(values, "source", faults),
        destination=_read_address(values, "destination", faults),
        lost=cast(Side | None, shared.read_choice(values.lost, "--lost", SIDES, faults)),
        yes=values.yes,
        dry_run=values.dry_run,
        log=log,
    )
    faults.raise_any(f"{PROGRAM} remove")
    from replication.remove import remove

    return remove(options)


def _follow(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    options = FollowOptions(
        source=_read_address(values, "source", faults),
        destination=_read_address(values, "destination", faults),
        once=values.once,
        log=log,
    )
    faults.raise_any(f"{PROGRAM} follow")
    from replication.following import follow

    return follow(options)


def _read_address(values: argparse.Namespace, side: Side, faults: Faults) -> Address:
    value = getattr(values, side)
    if value is None:
        faults.add(side.upper(), f"is needed: {_ADDRESS}")
        return Address(ConnectionOptions(), "")
    return _read_one(value, side, values, faults)


def _read_one(value: str, side: Side, values: argparse.Namespace, faults: Faults) -> Address:
    # The shared options are told of once, where the source is read.
    told = faults if side == "source" else Faults()
    connection = replace(shared.read_fallback_connection_options(values, told), role=f"the {side}")
    database = shared.read_text(values.database, "--database", told)
    return read_address(value, side.upper(), connection, database, faults)


def _read_way(values: argparse.Namespace, faults: Faults) -> Mapping[str, Any]:
    way: dict[str, Any] = {}
    if values.source_server_host is not None:
        given = read_address(values.source_server_host, "--source-server-host", ConnectionOptions(), "", faults)
        connection = given.connection
        if connection.dsn:
            from psycopg.conninfo import conninfo_to_dict

            way |= {name: value for name, value in conninfo_to_dict(connection.dsn).items() if value is not None}
        else:
            way |= {"host": connection.host} | ({"port": connection.port} if connection.port else {})
    for option, name in (("replication_user", "user"), ("replication_password", "password")):
        text = shared.read_text(getattr(values, option), f"--{option.replace('_', '-')}", faults)
        if text is not None:
            way[name] = text
    return way


def _read_jobs(values: argparse.Namespace, faults: Faults) -> int:
    return shared.read_whole_number(values.jobs, "--jobs", faults, largest=_MOST_JOBS) or _DEFAULT_JOBS


def _read_format(values: argparse.Namespace, faults: Faults) -> Format:
    return cast(Format, shared.read_choice(values.format, "--format", _FORMATS, faults) or "text")


def _read_interval(value: str | None, faults: Faults) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86400:
        faults.add("--watch", f'"{value}" is not a number of seconds from 0.1 to 86400')
        return None
    return seconds


def _read_limits(given: list[Any], faults: Faults) -> Limits:
    limits = Limits()
    for value in given:
        match = None if value is MISSING else _LAG.fullmatch(value)
        if match is None:
            shown = "needs a value" if value is MISSING or not value else f'"{value}" is no lag'
            faults.add("--max-lag", f"{shown}: 1000 (events), 30s, 5min, 2h, 64MB, 1GB")
            continue
        number, unit = int(match["number"]), match["unit"]
        if unit is None:
            limits = replace(limits, events=number)
        elif unit in _SECONDS:
            limits = replace(limits, seconds=number * _SECONDS[unit])
        else:
            limits = replace(limits, bytes=number * _BYTES[unit])
    return limits
