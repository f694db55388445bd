"""The options of the verbs of ``release``, and how they are read."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import Any

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, Reached, add_database_option, address_of, reach
from init_slate_db.core.completion import Values, offer
from init_slate_db.core.connection import server_errors
from init_slate_db.core.consent import Consent
from init_slate_db.core.options import Faults, OptionParser
from versioning import PROGRAM
from versioning.releases import NAME
from versioning.releases.completion import RELEASES
from versioning.releases.execution import prepare_session
from versioning.releases.naming import Version, read_version

_logger = getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """Of every verb. schema: which API is meant, by its name without a version; None: it need not be said."""

    address: Address
    schema: str | None


@dataclass(frozen=True)
class Agreement:
    """How the user agrees to a change."""

    yes: bool
    dry_run: bool

    def consent(self, target: Target) -> Consent:
        return Consent(self.yes, target.address.connection.interactive, self.dry_run)


def add_target_options(
    parser: OptionParser, schema: str, *, has_version: bool = True, repeats_database: bool = False
) -> None:
    """Adds where the releases are, and the options of all commands.

    :param schema: the help for --schema.
    :param has_version: whether --version shows that of the program.
    :param repeats_database: whether --database may stand there more than once.
    """
    group = parser.add_argument_group("Where")
    add_database_option(group, repeatable=repeats_database)
    shared.value_option(group, "--schema", metavar="NAME", help=schema)
    shared.add_connection_options(parser)
    shared.add_common_options(parser, version=has_version)


def add_named(
    group: argparse._ArgumentGroup, name: str, metavar: str, help: str, completions: Values = RELEASES
) -> None:
    """Adds an argument that is a release, by its version or its schema's name."""
    offer(group.add_argument(name, metavar=metavar, nargs="?", help=help), completions)


def add_keep_public(group: argparse._ArgumentGroup) -> None:
    """Adds what leaves EXECUTE to PUBLIC."""
    group.add_argument("--keep-public", action="store_true", help="leave PUBLIC the right to call the functions")


def add_format_option(parser: OptionParser) -> None:
    shared.add_format_option(parser.add_argument_group("How to tell"))


def read_target(values: argparse.Namespace, faults: Faults) -> Target:
    connection = shared.read_connection_options(values, faults)
    named = values.database[-1:] if isinstance(values.database, list) else [values.database]
    database = shared.read_text(named[0], "--database", faults) if named else None
    return Target(address_of(connection, database), shared.read_text(values.schema, "--schema", faults))


def read_agreement(values: argparse.Namespace) -> Agreement:
    return Agreement(values.yes, values.dry_run)


def read_folder(value: str | None, faults: Faults) -> Path:
    if not value:
        faults.add("FOLDER", "is needed: the folder that holds the files")
    elif not Path(value).is_dir():
        faults.add("FOLDER", f'"{value}" is no folder')
    return Path(value or ".")


def read_named(value: str | None, name: str, faults: Faults) -> str:
    """A release, by its version or its schema's name."""
    if not value:
        faults.add(name, f"is needed: a version such as 1.0.0, or a schema's name; {NAME} list shows them")
    return value or ""


def read_new_version(value: Any, faults: Faults) -> Version:
    """The version of a release to be."""
    text = "" if value is None else shared.read_text(value, "--version", faults)
    version = read_version(text) if text else None
    if text == "":
        faults.add("--version", "is needed: X.Y.Z")
    elif text and version is None:
        faults.add("--version", f'"{text}" is no version: three whole numbers, such as 1.0.0')
    return version or Version(0, 0, 0)


def script_consent(agreement: Agreement, target: Target) -> Consent:
    """How the user agrees where the script is the result of a dry run: what goes before it is log."""
    return Consent(agreement.yes or agreement.dry_run, target.address.connection.interactive)


@contextmanager
def opened(target: Target, doing: str) -> Iterator[Reached]:
    """A connection to the database of the target, ready for files of SQL.

    :param doing: what fails where the server refuses, as the end of "The server refuses to …".
    :raises SlateError: it cannot be reached, or refuses.
    """
    try:
        reached = reach(target.address, PROGRAM)
        with reached.connection, server_errors(doing):
            prepare_session(reached.connection)
            yield reached
    except KeyboardInterrupt:
        _logger.warning("Interrupted: all of it was done, or nothing.")
        raise
