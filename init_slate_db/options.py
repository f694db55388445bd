"""The options of init-slate-db, once they are read."""

from dataclasses import dataclass
from pathlib import Path

from init_slate_db.core.options import ConnectionOptions
from init_slate_db.core.sql_files import TableType

PROGRAM = "init-slate-db"


@dataclass(frozen=True)
class Options:
    """The options of init-slate-db.

    roles: the prefix of the roles that get the database's rights, or "" for none.
    partition_size: how many ids a partition of events has; 0: events is no partitioned table.
    snapshots: whether it is prepared for snapshots.
    embedded: the folder of the private server to use, or None.
    """

    name: str
    table_type: TableType
    roles: str
    dry_run: bool
    check: bool
    sql: bool
    embedded: Path | None
    partition_size: int
    snapshots: bool
    connection: ConnectionOptions
