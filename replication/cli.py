"""The command slate-replicate: its verbs, and what each of them reads from the command line."""

import argparse
from typing import cast

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import add_database_option
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.findings import sentence
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import Program, Verb, verb_parser
from replication.options import (
    PROGRAM,
    SIDES,
    AddOptions,
    FollowOptions,
    RemoveOptions,
    Side,
    StatusOptions,
    VerifyOptions,
)
from replication.reading import (
    ADDRESS,
    DEFAULT_JOBS,
    read_fallback,
    read_file,
    read_interval,
    read_jobs,
    read_limits,
    read_one,
    read_side,
    read_way,
)

_DEFAULT_INTERVAL = 2.0
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
    return verb_parser(PROGRAM, verb, usage, sentence(_VERB_SUMMARIES[verb]), *examples)


def _add_addresses(parser: OptionParser, *names: str) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("Which databases")
    for name in names:
        group.add_argument(name, metavar=name.upper(), nargs="?", help=ADDRESS)
    add_database_option(group, "the database, where the address names none")
    return group


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
    value(
        group,
        "--set-back",
        metavar="FILE",
        help="where the source has lost events in a failover: delete there what the source does not have, "
        "and keep it in FILE",
    )
    value(group, "--jobs", metavar="N", help=f"connections a server, for comparing (default {DEFAULT_JOBS})")
    shared.add_consent_options(parser)
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
    shared.add_format_option(group, "text or json (default text)")
    return _finish(parser)


def _build_verify() -> OptionParser:
    parser = _parser("verify", "SOURCE DESTINATION [options]", "db1 backup-host", "db1 backup-host --format json")
    _add_addresses(parser, "source", "destination")
    group = parser.add_argument_group("How to compare")
    shared.value_option(group, "--jobs", metavar="N", help=f"connections a server (default {DEFAULT_JOBS})")
    shared.add_format_option(group, "text or json (default text)")
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
    shared.add_consent_options(parser)
    return _finish(parser)


def _build_follow() -> OptionParser:
    parser = _parser("follow", "SOURCE DESTINATION [options]", "db1 backup-host", "db1 backup-host --once")
    _add_addresses(parser, "source", "destination")
    group = parser.add_argument_group("How to follow")
    group.add_argument("--once", action="store_true", help="end when there is nothing new")
    return _finish(parser)


def _add(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    fallback = read_fallback(values, faults)
    options = AddOptions(
        source=read_side(values, "source", fallback, faults),
        destination=read_side(values, "destination", fallback, faults),
        way=read_way(values, faults),
        create=values.create,
        failover=values.failover,
        set_back=read_file(values.set_back, faults),
        jobs=read_jobs(values, faults),
        yes=values.yes,
        dry_run=values.dry_run,
        log=log,
    )
    faults.raise_any(f"{PROGRAM} add")
    from replication.add import add

    return add(options)


def _status(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    fallback = read_fallback(values, faults)
    options = StatusOptions(
        source=read_side(values, "source", fallback, faults),
        destinations=tuple(read_one(one, "destination", fallback, faults) for one in values.destinations),
        fallback=fallback.connection,
        watch=read_interval(values.watch, faults),
        limits=read_limits(values.max_lag or [], faults),
        format=shared.read_format(values, faults),
        log=log,
    )
    faults.raise_any(f"{PROGRAM} status")
    from replication.status import status

    return status(options)


def _verify(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    fallback = read_fallback(values, faults)
    options = VerifyOptions(
        source=read_side(values, "source", fallback, faults),
        destination=read_side(values, "destination", fallback, faults),
        jobs=read_jobs(values, faults),
        format=shared.read_format(values, faults),
        log=log,
    )
    faults.raise_any(f"{PROGRAM} verify")
    from replication.verify import verify

    return verify(options)


def _remove(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    fallback = read_fallback(values, faults)
    options = RemoveOptions(
        source=read_side(values, "source", fallback, faults),
        destination=read_side(values, "destination", fallback, faults),
        lost=cast(Side | None, shared.read_choice(values.lost, "--lost", SIDES, faults)),
        yes=values.yes,
        dry_run=values.dry_run,
        log=log,
    )
    faults.raise_any(f"{PROGRAM} remove")
    from replication.remove import remove

    return remove(options)


def _follow(values: argparse.Namespace, faults: Faults, log: LogOptions) -> ExitStatus:
    fallback = read_fallback(values, faults)
    options = FollowOptions(
        source=read_side(values, "source", fallback, faults),
        destination=read_side(values, "destination", fallback, faults),
        once=values.once,
        log=log,
    )
    faults.raise_any(f"{PROGRAM} follow")
    from replication.following import follow

    return follow(options)
