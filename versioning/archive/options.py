"""The options that the verbs of slate-schema archive share."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, Reached, reach, read_address
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import ConnectionOptions, Faults, OptionParser
from versioning import PROGRAM
from versioning.archive.completion import ARCHIVES
from versioning.archive.folder import is_version
from versioning.archive.items import Difference
from versioning.archive.scratch import Scratch, scratch

DEFAULT_FOLDER = "archive"


@dataclass(frozen=True)
class Where:
    """Which archive. name: None: the only one in the folder."""

    folder: Path
    name: str | None


def add_archive_options(parser: OptionParser) -> None:
    group = parser.add_argument_group("Archive")
    shared.value_option(
        group, "--archive", metavar="FOLDER", help=f"the folder of the archive (default {DEFAULT_FOLDER})"
    )
    shared.value_option(
        group, "--name", metavar="NAME", help="the archive, where the folder holds several", completions=ARCHIVES
    )


def read_where(values: argparse.Namespace, faults: Faults) -> Where:
    folder = shared.read_text(values.archive, "--archive", faults) or DEFAULT_FOLDER
    name = shared.read_text(values.name, "--name", faults)
    if name and (not is_version(name)):
        faults.add("--name", f'"{name}" is no name for files: letters, digits, ".", "_", "+" and "-"')
    return Where(Path(folder), name)


def add_scratch_option(parser: OptionParser) -> None:
    group = parser.add_argument_group("Proof")
    shared.value_option(
        group, "--scratch", metavar="DSN", help="the server for scratch databases, where the database's own may not be"
    )


def read_scratch(values: argparse.Namespace, fallback: ConnectionOptions, faults: Faults) -> Address | None:
    if values.scratch is None:
        return None
    return read_address(values.scratch, "--scratch", replace(fallback, role="the scratch server"), "postgres", faults)


def read_version(value: str | None, option: str, faults: Faults) -> str | None:
    """The name of a version."""
    text = shared.read_text(value, option, faults)
    if text is not None and not is_version(text):
        faults.add(
            option, f'"{text}" is no name of a version: letters, digits, ".", "_", "+" and "-", a letter or digit first'
        )
        return None
    return text


@contextmanager
def scratch_for(live: Reached | None, address: Address | None) -> Iterator[Scratch]:
    """Scratch databases on the server of the live database, or on another one that prints schemas as it does.

    :raises SlateError: scratch-refused.
    """
    if address is None:
        assert live
        with scratch(live) as made:
            yield made
        return
    reached = reach(address, PROGRAM)
    with reached.connection:
        here, there = (one.connection.info.server_version // 10000 for one in (live or reached, reached))
        if here != there:
            raise SlateError(
                "scratch-refused",
                f"The scratch server {reached.host_and_port} is PostgreSQL {there}, the database's is {here}.",
                why="Versions print the same schema in different words, so only one and the same can compare.",
                hint=f"Name a server of PostgreSQL {here} with --scratch.",
            )
        with scratch(reached) as made:
            yield made


def tell(title: str, differences: Sequence[Difference]) -> None:
    """Tells differences as the command's result: what is the matter, and the DDL of both."""
    lines = [title]
    for difference in differences:
        lines += [f"  {difference.title}", *(f"      {line}" for line in difference.lines())]
    write_result("\n".join(lines))
