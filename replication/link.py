"""The link between a source and one destination: publication, slot and subscription, which all bear one name."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from init_slate_db.core.connection import Connection

# Names of ours begin so. Slots allow lower-case letters, digits and underscores alone.
PREFIX = "slate_"
_LONGEST_DATABASE = 40

_LINKS = """
SELECT coalesce(p.pubname, s.slot_name) AS name, p.pubname IS NOT NULL AS has_publication,
       obj_description(p.oid, 'pg_publication') AS comment, s.slot_name IS NOT NULL AS has_slot,
       coalesce(s.active, false) AS active, s.active_pid, s.wal_status,
       nullif(s.database, current_database()) AS elsewhere,
       pg_wal_lsn_diff(w.lsn, s.restart_lsn)::bigint AS held_bytes,
       pg_wal_lsn_diff(w.lsn, s.confirmed_flush_lsn)::bigint AS lag_bytes, s.safe_wal_size,
       -- From 17 on there is such a column.
       coalesce((to_jsonb(s) ->> 'failover')::boolean, false) AS failover
FROM (SELECT pubname, oid FROM pg_publication WHERE pubname ~ '^slate_') AS p
FULL JOIN (SELECT * FROM pg_replication_slots
           WHERE slot_type = 'logical' AND NOT temporary
             AND (database = current_database() OR slot_name = %(name)s)) AS s
  ON s.slot_name = p.pubname
CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                        ELSE pg_current_wal_lsn() END AS lsn) AS w
ORDER BY 1
"""


@dataclass(frozen=True)
class Destination:
    """A destination as the source's publication names it. host, port, database: as `add` reached it."""

    host: str
    port: int
    database: str
    identity: tuple[str, str]

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True)
class Link:
    """What the source knows of a link. destination: None where no publication tells. elsewhere: the other database of
    its server that the slot belongs to: a source that was set aside, for one; else None.

    held_bytes: of its log, which the slot keeps the server from removing; lag_bytes: which the destination has not
    confirmed; both None where there is no slot. safe_bytes: how much more until the slot is lost; None: no such bound.
    failover: whether standbys of the source keep the slot, too.
    """

    name: str
    has_publication: bool
    destination: Destination | None
    has_slot: bool
    active: bool
    active_pid: int | None
    wal_status: str | None
    held_bytes: int | None
    lag_bytes: int | None
    safe_bytes: int | None
    elsewhere: str | None = None
    failover: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether the source has all that a destination needs to follow."""
        return self.has_publication and self.has_slot and not self.is_lost and self.elsewhere is None

    @property
    def is_lost(self) -> bool:
        """Whether the server has removed log that the destination still needed."""
        return self.wal_status == "lost"


def link_name(database: str, identity: tuple[str, str]) -> str:
    """The name of the link to a destination: always the same for the same database, however it is reached.

    :param identity: of the destination.
    """
    readable = re.sub("[^a-z0-9_]", "_", database.lower())[:_LONGEST_DATABASE]
    return f"{PREFIX}{readable}_{hashlib.sha256(' '.join(identity).encode()).hexdigest()[:8]}"


def describe(destination: Destination) -> str:
    """What the comment on the publication says of the destination."""
    system_identifier, database_oid = destination.identity
    return json.dumps(
        {
            "destination": {
                "host": destination.host,
                "port": destination.port,
                "database": destination.database,
                "system_identifier": system_identifier,
                "database_oid": database_oid,
            }
        }
    )


def read_links(source: Connection) -> list[Link]:
    """The links that the source has any part of, and every other logical slot of its database."""
    return _read(source, "")


def read_link(source: Connection, name: str) -> Link | None:
    """What the source has of one link. Its slot is found in the server's other databases, too."""
    return next((link for link in _read(source, name) if link.name == name), None)


def _read(source: Connection, name: str) -> list[Link]:
    cursor = source.cursor(row_factory=dict_row)
    return [_as_link(row) for row in cursor.execute(_LINKS, {"name": name}).fetchall()]


def _as_link(row: dict[str, Any]) -> Link:
    return Link(
        row["name"],
        row["has_publication"],
        _read_comment(row["comment"]),
        row["has_slot"],
        row["active"],
        row["active_pid"],
        row["wal_status"],
        row["held_bytes"],
        row["lag_bytes"],
        row["safe_wal_size"],
        row["elsewhere"],
        row["failover"],
    )


def _read_comment(comment: str | None) -> Destination | None:
    try:
        told = json.loads(comment or "")["destination"]
        return Destination(
            str(told["host"]),
            int(told["port"]),
            str(told["database"]),
            (str(told["system_identifier"]), str(told["database_oid"])),
        )
    except (ValueError, KeyError, TypeError):
        return None
