"""The options of slate-recover, once they are read."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from init_slate_db.core.addresses import Address
from init_slate_db.core.options import LogOptions

PROGRAM = "slate-recover"

Method = Literal["restore-events", "copy", "promote"]
METHODS: tuple[Method, ...] = ("restore-events", "copy", "promote")
DEFAULT_METHOD: Method = "restore-events"


@dataclass(frozen=True)
class BackupAddress:
    """A backup as this machine reaches it, and as the source's server does where that is another way.

    seen_host, seen_port: None where the source's server goes the same way.
    """

    address: Address
    seen_host: str | None = None
    seen_port: int | None = None


@dataclass(frozen=True)
class Options:
    """The options of slate-recover.

    method: None where the user leaves it to us. until_id: the last event to recover, inclusive; until: the last moment,
    inclusive. jobs: connections a server.
    """

    backups: tuple[BackupAddress, ...]
    target: Address
    method: Method | None
    create: bool
    replace: bool
    until_id: int | None
    until: datetime | None
    jobs: int
    resume: bool
    compare: bool
    yes: bool
    dry_run: bool
    report: Path | None
    log: LogOptions
