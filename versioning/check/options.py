"""The options of slate-schema check, once they are read."""

from dataclasses import dataclass

from init_slate_db.core.addresses import Address
from init_slate_db.core.options import Format


@dataclass(frozen=True)
class Options:
    """The options. roles: the prefix of the model's roles; "": that of the database's owner, where it has one."""

    target: Address
    roles: str
    format: Format
