"""The command init-slate-db: reads its options, then plans, surveys and installs."""

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from init_slate_db.core import options as shared
from init_slate_db.core import program
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.sql_files import TableType
from init_slate_db.options import PROGRAM, Options

if TYPE_CHECKING:
    from init_slate_db.core.creation.plan import Plan

_NAME = "[a-zA-Z_][a-zA-Z0-9_]*"
_LONGEST_NAME = 63
_SMALLEST_PARTITION = 1000
_LARGEST_PARTITION = 10**15
_EXAMPLES = """\
  init-slate-db -n events -t source --embedded
  init-slate-db --host db1 --user postgres -n events -t source --dry-run
  init-slate-db --dsn service=primary -n events -t destination"""


def build_parser() -> OptionParser:
    parser = OptionParser(
        PROGRAM,
        "-n NAME -t source|destination [options]",
        "Creates a PostgreSQL database for an event store: a source, which takes events in,"
        " or a destination, which follows it.",
        _EXAMPLES,
    )
    group = parser.add_argument_group("What to create")
    shared.value_option(group, "-n", "--new-database", metavar="NAME", help="name of the database to create")
    types = ("source", "destination")
    shared.value_option(group, "-t", "--table-type", metavar="TYPE", help=" or ".join(types), completions=types)
    shared.value_option(
        group,
        "--roles",
        metavar="PREFIX",
        help="give all rights to roles PREFIX_owner, _writer and so on; none to others",
    )
    shared.value_option(
        group,
        "--partition-size",
        metavar="N",
        help="keep the events of a source in partitions of N ids, made as they are needed",
    )
    group.add_argument(
        "--with-snapshots", action="store_true", help="prepare it for slate-schema snapshot and rollback"
    )
    group.add_argument("--dry-run", action="store_true", help="validate, show parameters and plan; connect to nothing")
    group.add_argument("--check", action="store_true", help="connect and tell whether it can be done; write nothing")
    group.add_argument(
        "--sql", action="store_true", help="print the whole script that psql would run; connect to nothing"
    )
    group.add_argument(
        "--embedded",
        metavar="DIR",
        nargs="?",
        const="",
        help="need no server: start, or go on using, a private PostgreSQL in DIR",
    )
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def read_options(values: argparse.Namespace, faults: Faults) -> Options:
    """The options among the parsed values; every fault goes to faults."""
    name = shared.read_text(values.new_database, "--new-database", faults)
    if values.new_database is None:
        faults.add("--new-database", "is needed: the name of the database to create")
    elif name is not None and _check_name(name, "--new-database", faults) and len(name) > _LONGEST_NAME:
        faults.add("--new-database", f'"{name}" has {len(name)} bytes; PostgreSQL keeps {_LONGEST_NAME}')
    table_type = shared.read_choice(values.table_type, "--table-type", ("source", "destination"), faults)
    if values.table_type is None:
        faults.add("--table-type", "is needed: source or destination")
    connection = shared.read_connection_options(values, faults)
    named = (connection.host, connection.port, connection.dsn, connection.user, connection.password)
    if values.embedded is not None and any(named):
        faults.add("--embedded", "brings a server of its own; no option for connecting goes with it")
    if values.sql and values.check:
        faults.add("--sql", "goes not with --check")
    return Options(
        name=name or "",
        table_type=cast(TableType, table_type),
        roles=_read_roles(values.roles, faults),
        dry_run=values.dry_run,
        check=values.check,
        sql=values.sql,
        embedded=_read_directory(values.embedded),
        partition_size=_read_partition_size(values.partition_size, values.table_type, faults),
        snapshots=values.with_snapshots,
        connection=connection,
    )


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return program.main(build_parser, _command, arguments)


def _command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    options = read_options(values, faults)
    faults.raise_any(PROGRAM)
    if options.sql:
        _print_script(options)
        return ExitStatus.DONE
    status = ExitStatus.DONE
    if options.check:
        from init_slate_db.creation import check

        status = check(options)
    if options.dry_run:
        _print_plan(options)
    elif not options.check:
        from init_slate_db.creation import create

        create(options)
    return status


def _plan(options: Options) -> "Plan":
    from init_slate_db.core.creation.plan import make_plan

    return make_plan(
        options.name,
        options.table_type,
        roles=options.roles,
        partition_size=options.partition_size,
        snapshots=options.snapshots,
    )


def _print_script(options: Options) -> None:
    from init_slate_db.core.creation.plan import script

    write_result(script(_plan(options)))


def _print_plan(options: Options) -> None:
    steps = [step.title for step in _plan(options).steps]
    lines = [
        "Run parameters",
        *(f"  {label:<10} {value}" for label, value in _parameters(options)),
        "Plan",
        *(f"  {number:>2}  {title}" for number, title in enumerate(steps, 1)),
        "Nothing was done: --dry-run.",
    ]
    write_result("\n".join(lines))


def _parameters(options: Options) -> list[tuple[str, str]]:
    connection = options.connection
    elsewhere = "as --dsn says" if connection.dsn else ""
    if options.embedded:
        server = f"embedded PostgreSQL in {options.embedded}"
    elif connection.dsn and not connection.host:
        server = "as --dsn says (not shown: it may hold a password)"
    else:
        host = connection.host or os.environ.get("PGHOST", "local socket")
        server = f"{host}, port {connection.port or elsewhere or os.environ.get('PGPORT', '5432')}"
    user = connection.user or elsewhere or os.environ.get("PGUSER", "not given; asked for on a terminal")
    return [
        ("database", f'"{options.name}"'),
        ("type", options.table_type),
        *([("roles", f'prefix "{options.roles}"')] if options.roles else []),
        *([("partitions", f"{options.partition_size:,} ids each")] if options.partition_size else []),
        *([("snapshots", "prepared for them")] if options.snapshots else []),
        ("server", server),
        ("user", "postgres" if options.embedded else user),
        ("timeout", f"{connection.connect_timeout} ms"),
    ]


def _check_name(name: str, option: str, faults: Faults) -> bool:
    """Whether it is made of the characters of a name; else a fault."""
    if re.fullmatch(_NAME, name):
        return True
    faults.add(option, f'"{name}" is not a name: a letter or _, then letters, digits and _')
    return False


def _read_roles(value: object, faults: Faults) -> str:
    """The prefix of --roles, or "" without the option."""
    prefix = shared.read_text(value, "--roles", faults)
    if prefix is None or not _check_name(prefix, "--roles", faults):
        return ""
    longest = len(f"{prefix}_replicator")
    if longest > _LONGEST_NAME:
        faults.add(
            "--roles",
            f'"{prefix}" makes {prefix}_replicator, which has {longest} bytes; PostgreSQL keeps {_LONGEST_NAME}',
        )
    if f"{prefix}_".startswith("pg_"):
        faults.add("--roles", f'"{prefix}" makes names that begin with pg_, which PostgreSQL keeps to itself')
    return prefix


def _read_partition_size(value: object, table_type: object, faults: Faults) -> int:
    """The ids of a partition, or 0 without the option."""
    size = shared.read_whole_number(value, "--partition-size", faults, largest=_LARGEST_PARTITION) or 0
    if 0 < size < _SMALLEST_PARTITION:
        faults.add("--partition-size", f'"{size}" is too few ids for a partition: {_SMALLEST_PARTITION} or more')
    if size and table_type == "destination":
        # Subscriptions store without firing what would make partitions.
        faults.add("--partition-size", "is for a source; nothing would make the partitions of a destination")
    return size


def _read_directory(value: str | None) -> Path | None:
    """The folder of --embedded: None without the option, a default one without a DIR."""
    if value is None:
        return None
    from init_slate_db.core.embedded import default_directory

    return Path(value).expanduser().absolute() if value else default_directory()
