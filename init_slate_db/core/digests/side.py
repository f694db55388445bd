"""One of the tables that are compared, and the questions that its server answers."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeVar

from psycopg import sql

from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.digests.survey import survey
from init_slate_db.core.snapshot import Snapshot

# What texts and plans depend on. Sequential scans are off because a table that was never analyzed gets one a block.
_PREPARE = """
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SET LOCAL bytea_output = 'hex';
SET LOCAL enable_seqscan = off;
SET LOCAL max_parallel_workers_per_gather = 0
"""
# NULL, which no event store holds, counts as no bytes.
_DIGEST = "sha256(int8send(id) || coalesce(timestamptz_send({ts}), '') || coalesce(jsonb_send(event), ''))"
_TS = {"microseconds": "ts", "milliseconds": "date_trunc('milliseconds', ts)"}

# A sorted subquery below a plain aggregate takes half the time of string_agg(… ORDER BY …).
_DIGEST_RANGES = """
SELECT part.number, found.events, found.digest
FROM unnest(%s::int8[], %s::int8[]) WITH ORDINALITY AS part (lowest, highest, number)
CROSS JOIN LATERAL (
  SELECT count(*) AS events, sha256(string_agg(digest, '')) AS digest
  FROM (
    SELECT {digest} AS digest FROM public.events
    WHERE id BETWEEN part.lowest AND part.highest ORDER BY {order} OFFSET 0
  ) AS sorted
) AS found
WHERE found.events > 0
"""
# The block of an id is (id - 1) / 4096, rounded down, without leaving the range of bigint.
_DIGEST_ALL = """
SELECT block, count(*), sha256(string_agg(digest, '' ORDER BY id, digest))
FROM (
  SELECT id, (id >> 12) - (id & 4095 = 0)::int4 AS block, {digest} AS digest
  FROM public.events WHERE id <= %s OFFSET 0
) AS digested
GROUP BY block
"""
_DIGEST_ROWS = """
SELECT id, {digest} AS digest
FROM unnest(%s::int8[], %s::int8[]) AS part (lowest, highest)
JOIN public.events ON id BETWEEN part.lowest AND part.highest
ORDER BY id, digest
"""
_FETCH_ROWS = "SELECT id, {ts}::text, event::text FROM public.events WHERE id = ANY (%s) ORDER BY id, {digest}"


Value = TypeVar("Value")


class Range(NamedTuple):
    """Some ids, both ends inclusive."""

    lowest: int
    highest: int


class RangeDigest(NamedTuple):
    """What a range of ids holds. digest: SHA-256 over the digests of its events, in the order of their ids."""

    events: int
    digest: bytes


class Row(NamedTuple):
    """One event as text. ts: in UTC, to the microsecond as far as it counts and is not zero."""

    ts: str | None
    event: str | None


class Side:
    """One table, in the state of its snapshot. What it raises are SlateErrors."""

    def __init__(self, snapshot: Snapshot, settings: Settings) -> None:
        """Looks at the table. The snapshot's settings are changed until its end."""
        self.place = snapshot.place
        self.connections: list[Connection] = []
        self._snapshot = snapshot
        self.connect(1)
        self.survey = survey(snapshot, settings.until_id)
        ts = sql.SQL(_TS[settings.precision])
        parts = {
            "ts": ts,
            "digest": sql.SQL(_DIGEST).format(ts=ts),
            "order": sql.SQL("id" if self.survey.unique else "id, digest"),
        }
        self._digest_ranges = sql.SQL(_DIGEST_RANGES).format(**parts)
        self._digest_all = sql.SQL(_DIGEST_ALL).format(**parts)
        self._digest_rows = sql.SQL(_DIGEST_ROWS).format(**parts)
        self._fetch_rows = sql.SQL(_FETCH_ROWS).format(**parts)

    def connect(self, count: int) -> None:
        """Makes that many connections ready to be asked."""
        self.connections = self._snapshot.connections(count)
        for connection in self.connections:
            with self._errors():
                connection.execute(_PREPARE)

    def digest_ranges(self, connection: Connection, ranges: Sequence[Range]) -> dict[Range, RangeDigest]:
        """The digests of those ranges that hold anything."""
        with self._errors(), connection.cursor(binary=True) as cursor:
            found = cursor.execute(self._digest_ranges, _bounds(ranges)).fetchall()
        return {ranges[number - 1]: RangeDigest(events, digest) for number, events, digest in found}

    def digest_all(self, connection: Connection, until_id: int) -> dict[int, RangeDigest]:
        """The digests of all blocks up to an id, by their numbers. For a table of any shape, but slower."""
        with self._errors(), connection.cursor(binary=True) as cursor:
            found = cursor.execute(self._digest_all, (until_id,)).fetchall()
        return {number: RangeDigest(events, digest) for number, events, digest in found}

    def digest_rows(self, connection: Connection, ranges: Sequence[Range]) -> dict[int, list[bytes]]:
        """The digests of the single events in the ranges, by id. Several where an id is there several times."""
        with self._errors(), connection.cursor(binary=True) as cursor:
            found = cursor.execute(self._digest_rows, _bounds(ranges)).fetchall()
        return _grouped(found)

    def fetch_rows(self, connection: Connection, ids: Sequence[int]) -> dict[int, list[Row]]:
        """The events with these ids, in the order of digest_rows."""
        with self._errors():
            found = connection.execute(self._fetch_rows, (ids,)).fetchall()
        return _grouped((id_, Row(ts, event)) for id_, ts, event in found)

    def _errors(self) -> AbstractContextManager[None]:
        return server_errors(f"read the events of {self.place}")


def _bounds(ranges: Sequence[Range]) -> tuple[list[int], list[int]]:
    return [part.lowest for part in ranges], [part.highest for part in ranges]


def _grouped(found: Iterable[tuple[int, Value]]) -> dict[int, list[Value]]:
    groups: dict[int, list[Value]] = {}
    for key, value in found:
        groups.setdefault(key, []).append(value)
    return groups
