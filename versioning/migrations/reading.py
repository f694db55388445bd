"""The options that migrate and status share, from the command line to addresses and folder."""

import argparse
from dataclasses import replace
from pathlib import Path

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, add_database_option, address_of, read_address
from init_slate_db.core.options import MISSING, Faults, OptionParser
from versioning.migrations.patches import Number, read_number


def add_where(parser: OptionParser) -> None:
    """Adds the folder and the nodes."""
    group = parser.add_argument_group("Which patches, and where")
    group.add_argument("directory", metavar="DIRECTORY", nargs="?", help="the folder that holds the patches")
    shared.value_option(
        group,
        "--node",
        metavar="ADDRESS",
        repeatable=True,
        help="a database: a host, host:port, a URI or a key=value string; once for each node, the source first",
    )
    add_database_option(group)


def read_folder(values: argparse.Namespace, faults: Faults) -> Path:
    """The folder; where none is named, a fault."""
    if not values.directory:
        faults.add("DIRECTORY", "is missing: the folder that holds the patches")
    return Path(values.directory or ".")


def read_nodes(values: argparse.Namespace, faults: Faults) -> tuple[Address, ...]:
    """The nodes, the source first; every fault goes to faults."""
    connection = shared.read_connection_options(values, faults)
    database = shared.read_text(values.database, "--database", faults)
    if not values.node:
        return (address_of(connection, database),)
    for option, value in (("--host", values.host), ("--dsn", values.dsn)):
        if value is not None:
            faults.add(option, "goes not with --node: the first of these is the source")
    fallback = replace(connection, host=None, dsn=None)
    nodes = [read_address(one, "--node", fallback, database, faults) for one in values.node]
    return tuple(
        replace(one, connection=replace(one.connection, role=f"node {place}")) for place, one in enumerate(nodes, 1)
    )


def read_numbers(given: list[str] | None, option: str, faults: Faults) -> tuple[Number, ...]:
    """The numbers of patches."""
    return tuple(number for one in given or () if (number := read_one(one, option, faults)) is not None)


def read_one(text: str, option: str, faults: Faults) -> Number | None:
    """The number of a patch; None: it is none, which is a fault."""
    if text is MISSING or not text:
        faults.add(option, "needs a value")
        return None
    number = read_number(text)
    if number is None:
        faults.add(option, f'"{text}" is no number of a patch, like 2-1-0')
    return number
