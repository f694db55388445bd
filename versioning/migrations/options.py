"""The options of slate-schema migrate and status, once they are read."""

from dataclasses import dataclass
from pathlib import Path

from init_slate_db.core.addresses import Address
from init_slate_db.core.options import Format
from versioning.migrations.cluster import LockPatience
from versioning.migrations.concurrent import Truth
from versioning.migrations.patches import Number
from versioning.migrations.plan import Choice


@dataclass(frozen=True)
class StatusOptions:
    """The options of status. addresses: the nodes that were named, the source first."""

    folder: Path
    addresses: tuple[Address, ...]
    format: Format


@dataclass(frozen=True)
class MigrateOptions:
    """The options of migrate. accept: patches whose changed files are taken. wait: for another run, in seconds.

    ignored_slots: replication slots of others who follow the source, for whom the operator answers.
    """

    folder: Path
    addresses: tuple[Address, ...]
    choice: Choice
    accept: tuple[Number, ...]
    repair: bool
    truths: tuple[tuple[Number, Truth], ...]
    patience: LockPatience
    wait: int
    dry_run: bool
    yes: bool
    ignored_slots: tuple[str, ...] = ()
