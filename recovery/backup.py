"""Read-only facts about one backup, and whether a source can be rebuilt from it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg.rows import class_row

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.digests.survey import HAS_UNIQUE_IDS, check_events_table
from init_slate_db.core.errors import SlateError
from init_slate_db.core.identity import read_identity
from init_slate_db.core.snapshot import Snapshot
from recovery.options import BackupAddress

_EXTENT = f"""
SELECT e.events, e.lowest_id, e.highest_id,
       (SELECT min(f.ts) FROM public.events AS f WHERE f.id = e.lowest_id) AS first_ts,
       (SELECT max(f.ts) FROM public.events AS f WHERE f.id = e.highest_id) AS last_ts,
       -- A partitioned table is empty itself; one that is not has no tree.
       pg_relation_size('public.events')
       + coalesce((SELECT sum(pg_relation_size(p.relid)) FROM pg_partition_tree('public.events') AS p), 0)::bigint
       AS bytes,
       {HAS_UNIQUE_IDS} AS unique_ids
FROM (SELECT count(*) AS events, min(a.id) AS lowest_id, max(a.id) AS highest_id
      FROM public.events AS a WHERE a.id <= %(until)s OR %(until)s IS NULL) AS e
"""
_FIRST_MISSING = """
SELECT min(e.id) + 1 FROM public.events AS e
WHERE e.id >= 0 AND NOT EXISTS (SELECT FROM public.events AS n WHERE n.id = e.id + 1)
"""
_FIRST_DOUBLE = "SELECT min(d.id) FROM (SELECT e.id FROM public.events AS e GROUP BY e.id HAVING count(*) > 1) AS d"
_HIGHEST = "SELECT max(id) FROM public.events"
_AT_MOMENT = """
SELECT (SELECT max(e.id) FROM public.events AS e WHERE e.ts <= %(until)s),
       (SELECT min(e.id) FROM public.events AS e WHERE e.ts > %(until)s)
"""


@dataclass(frozen=True)
class Extent:
    """What a table events holds up to the last event asked for. bytes: of the whole table, without its indexes."""

    events: int
    lowest_id: int | None
    highest_id: int | None
    first_ts: datetime | None
    last_ts: datetime | None
    bytes: int
    unique_ids: bool


@dataclass(frozen=True)
class Backup:
    """A backup as one snapshot shows it.

    identity: of the database, wherever it is reached: system identifier of the cluster, and oid. fault: what makes it
    useless, or None.
    """

    origin: BackupAddress
    reached: Reached
    snapshot: Snapshot
    identity: tuple[str, str]
    extent: Extent
    fault: SlateError | None = None

    @property
    def place(self) -> str:
        return self.reached.place

    @property
    def last_id(self) -> int:
        """The highest id of a backup without a fault."""
        assert self.extent.highest_id is not None
        return self.extent.highest_id

    @property
    def text(self) -> str:
        """What it holds, in words."""
        held = self.extent
        if held.highest_id is None:
            return f"backup {self.place}: no events"
        return (
            f"backup {self.place}: {held.events:,} events, ids {held.lowest_id:,} to {held.highest_id:,},"
            f" {_moment(held.first_ts)} to {_moment(held.last_ts)}"
        )


def look(origin: BackupAddress, reached: Reached, until_id: int | None, until: datetime | None) -> Backup:
    """Reads what a backup holds, up to an event or a moment, both inclusive.

    :raises SlateError: not-an-event-store, no-right, or a connection code; what else is wrong is the backup's fault.
    """
    snapshot = Snapshot(reached)
    connection = snapshot.connection
    check_events_table(connection, reached.place)
    with server_errors(f"say what {reached.place} holds"):
        identity = read_identity(connection)
        fault = None
        if until is not None:
            until_id, fault = _event_at(connection, reached.place, until)
        cursor = connection.cursor(row_factory=class_row(Extent))
        extent = cursor.execute(_EXTENT, {"until": until_id}).fetchone()
        assert extent
        fault = fault or _find_fault(connection, reached.place, extent, until_id)
    return Backup(origin, reached, snapshot, identity, extent, fault)


def _event_at(connection: Connection, place: str, until: datetime) -> tuple[int | None, SlateError | None]:
    """The last event up to the moment, and the fault where the events' own order does not tell one."""
    row = connection.execute(_AT_MOMENT, {"until": until}).fetchone()
    assert row
    last, next = row
    if last is None:
        return 0, _invalid(place, f"it has no event up to {_moment(until)}", hint="Name a later --until.")
    if next is not None and next < last:
        return last, _invalid(
            place,
            f"event {next:,} is later than {_moment(until)}, but event {last:,} is not",
            why="ts does not rise with id there, so --until does not say which events are meant.",
            hint="Look at the events around these, and name the last one: --until-id.",
        )
    return last, None


def _find_fault(connection: Connection, place: str, extent: Extent, until_id: int | None) -> SlateError | None:
    lowest, highest = extent.lowest_id, extent.highest_id
    if lowest is None or highest is None or highest < 1:
        return _invalid(place, "it has no events" if highest is None else f"its highest id is {highest:,}")
    if until_id is not None and highest < until_id and _single(connection, _HIGHEST) < until_id:
        fault = f"it ends at event {highest:,}, before {until_id:,}"
        return _invalid(place, fault, hint="Name an earlier --until-id.")
    if not extent.unique_ids or extent.events > highest:
        double = _single(connection, _FIRST_DOUBLE)
        if double is not None and (until_id is None or double <= until_id):
            return _invalid(place, f"event {double:,} is there twice")
    if lowest < 1:
        return _invalid(place, f"its lowest id is {lowest:,}, not 1")
    if extent.events != highest or (until_id is not None and highest < until_id):
        missing = 1 if lowest > 1 else _single(connection, _FIRST_MISSING)
        return _invalid(place, f"event {missing:,} is missing")
    return None


def _single(connection: Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row
    return row[0]


def _invalid(place: str, fault: str, why: str = "", hint: str = "") -> SlateError:
    return SlateError(
        "invalid-backup",
        f"No source can be rebuilt from {place}: {fault}.",
        why=why,
        hint=hint or "Name another backup, or the last event before that: --until-id.",
    )


def _moment(ts: datetime | None) -> str:
    return "?" if ts is None else ts.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
