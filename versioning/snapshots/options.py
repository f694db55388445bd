"""The options of the verbs of snapshots, and how they are read."""

import argparse
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, add_database_option, read_database
from init_slate_db.core.completion import offer
from init_slate_db.core.options import Faults, Format, OptionParser
from versioning import PROGRAM
from versioning.snapshots.completion import SNAPSHOTS

_HIGHEST_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class Options:
    """Of every verb of snapshots."""

    target: Address
    format: Format


@dataclass(frozen=True)
class TakeOptions(Options):
    """Of ``snapshot``. note: "" is none."""

    note: str


@dataclass(frozen=True)
class ShowOptions(Options):
    """Of ``show``. object: part of the kind and name of the objects that are shown in full; "": all, by name."""

    number: int
    object: str


@dataclass(frozen=True)
class DiffOptions(Options):
    """Of ``diff``. after: None is the live state."""

    before: int
    after: int | None


@dataclass(frozen=True)
class RollbackOptions(Options):
    """Of ``rollback``. lock_timeout: how long an attempt waits for a lock, in milliseconds."""

    number: int
    lock_timeout: int
    attempts: int
    yes: bool
    dry_run: bool


@dataclass(frozen=True)
class PruneOptions(Options):
    """Of ``prune``. keep: how many of the newest stay. older_than: the age of one that goes. Not both are None."""

    keep: int | None
    older_than: timedelta | None
    yes: bool
    dry_run: bool


def add_target_options(parser: OptionParser) -> None:
    """Adds where the database is, how the result is told, and the options of all commands."""
    group = parser.add_argument_group("Where, and how to tell")
    add_database_option(group)
    shared.add_format_option(group)
    shared.add_connection_options(parser)
    shared.add_common_options(parser)


def add_number(group: argparse._ArgumentGroup, name: str, metavar: str, help: str) -> None:
    """Adds an argument that is the number of a snapshot."""
    offer(group.add_argument(name, metavar=metavar, nargs="?", help=help), SNAPSHOTS)


def read_target(values: argparse.Namespace, faults: Faults) -> dict[str, Any]:
    """What every verb has of add_target_options, by the fields of Options; each fault goes to faults."""
    return {"target": read_database(values, faults), "format": shared.read_format(values, faults)}


def read_number(value: str | None, name: str, faults: Faults) -> int:
    """The number of a snapshot; 0 where it is missing or is none, which is a fault."""
    if value is None:
        faults.add(name, f"is needed: the number of a snapshot; {PROGRAM} history shows them")
    return shared.read_whole_number(value, name, faults, largest=_HIGHEST_NUMBER) or 0
