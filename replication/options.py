"""The options of slate-replicate, once they are read: one class a verb."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from init_slate_db.core.addresses import Address
from init_slate_db.core.options import ConnectionOptions, Format, LogOptions

PROGRAM = "slate-replicate"

Side = Literal["source", "destination"]
SIDES: tuple[Side, ...] = ("source", "destination")


@dataclass(frozen=True)
class AddOptions:
    """Of ``add``. way: libpq's parameters by which the destination's server reaches the source, where they are others
    than ours. failover: the slot is one that standbys of the source keep, too. set_back: a new file for the events that
    the destination has and the source does not, which are deleted there. jobs: connections a server."""

    source: Address
    destination: Address
    way: Mapping[str, Any] = field(repr=False)
    create: bool
    failover: bool
    set_back: Path | None
    jobs: int
    yes: bool
    dry_run: bool
    log: LogOptions


@dataclass(frozen=True)
class Limits:
    """How far a destination may be behind. events: how many; seconds: how long; bytes: of the source's log."""

    events: int | None = None
    seconds: float | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class StatusOptions:
    """Of ``status``. destinations: looked at in addition to those that the source knows. fallback: fills in what leads
    to those. watch: seconds from one look to the next; None: one look."""

    source: Address
    destinations: tuple[Address, ...]
    fallback: ConnectionOptions
    watch: float | None
    limits: Limits
    format: Format
    log: LogOptions


@dataclass(frozen=True)
class VerifyOptions:
    """Of ``verify``. jobs: connections a server."""

    source: Address
    destination: Address
    jobs: int
    format: Format
    log: LogOptions


@dataclass(frozen=True)
class RemoveOptions:
    """Of ``remove``. lost: the side that is gone for good, and is not asked."""

    source: Address
    destination: Address
    lost: Side | None
    yes: bool
    dry_run: bool
    log: LogOptions


@dataclass(frozen=True)
class FollowOptions:
    """Of ``follow``. once: end when there is nothing new."""

    source: Address
    destination: Address
    once: bool
    log: LogOptions
