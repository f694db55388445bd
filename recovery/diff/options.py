"""The options of slate-diff, once they are read."""

from dataclasses import dataclass

from init_slate_db.core.addresses import Address
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.options import Format

PROGRAM = "slate-diff"


@dataclass(frozen=True)
class Options:
    """The options of slate-diff."""

    left: Address
    right: Address
    settings: Settings
    format: Format
