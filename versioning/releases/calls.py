"""Whether a release's functions are still called: PostgreSQL's own counts, kept from run to run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from psycopg.rows import class_row

from init_slate_db.core.connection import Connection

# Statistics of this transaction's own calls are not among these: they arrive when it ends.
_COUNTS = """
SELECT n.nspname::text, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', s.calls
FROM pg_stat_user_functions AS s JOIN pg_proc AS p ON p.oid = s.funcid JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = ANY (%s) AND s.calls > 0 ORDER BY 1, 2
"""
_STATE = """
SELECT current_setting('track_functions'), clock_timestamp(),
       (SELECT d.stats_reset FROM pg_stat_database AS d WHERE d.datname = current_database())
"""
_READ = """
SELECT schema_name, first_at, last_at, counts, called, tracking, counted_since
FROM slate.release_calls WHERE schema_name = ANY (%s) ORDER BY schema_name, first_at
"""
_MOVE = "UPDATE slate.release_calls SET last_at = %s WHERE (schema_name, first_at) = (%s, %s)"
_ADD = "INSERT INTO slate.release_calls VALUES (%s, %s, %s, %s, %s, %s, %s)"
_FORGET = """
DELETE FROM slate.release_calls AS c WHERE c.last_at < clock_timestamp() - interval '400 days'
  AND EXISTS (SELECT FROM slate.release_calls AS later
              WHERE later.schema_name = c.schema_name AND later.first_at > c.first_at)
"""


@dataclass(frozen=True)
class Sample:
    """One row of the table, as its comments say."""

    schema_name: str
    first_at: datetime
    last_at: datetime
    counts: dict[str, int]
    called: dict[str, int]
    tracking: str
    counted_since: datetime | None


@dataclass(frozen=True)
class _State:
    """How the server counts now."""

    tracking: str
    now: datetime
    counted_since: datetime | None


@dataclass(frozen=True)
class Usage:
    """What is known of the calls of a release.

    called: by function, the calls that were seen since the moment that was asked for. last_called: the sample that saw
    the last call of all; the call was between it and the one before. known_since: from when on no call can have gone
    unseen; None: there is no sample. tracking: track_functions at the last sample.
    """

    called: dict[str, int]
    last_called: datetime | None
    known_since: datetime | None
    tracking: str


def sample(connection: Connection, schemas: Sequence[str]) -> None:
    """Notes what the functions of the schemas have been called since the last sample."""
    counts: dict[str, dict[str, int]] = {schema: {} for schema in schemas}
    for schema, function, number in connection.execute(_COUNTS, (list(schemas),)):
        counts[schema][function] = number
    row = connection.execute(_STATE).fetchone()
    assert row
    state = _State(*row)
    latest = {one.schema_name: one for one in read(connection, schemas)}
    for schema in schemas:
        new = _next(schema, latest.get(schema), counts[schema], state)
        if new.first_at == state.now:
            jsons = (json.dumps(new.counts), json.dumps(new.called))
            connection.execute(_ADD, (schema, state.now, state.now, *jsons, state.tracking, new.counted_since))
        else:
            connection.execute(_MOVE, (state.now, schema, new.first_at))
    connection.execute(_FORGET)


def _next(schema: str, last: Sample | None, counts: dict[str, int], state: _State) -> Sample:
    """The sample that stands for now: the last one, where nothing is new."""
    since = state.counted_since
    before = last.counts if last and last.counted_since == since else {}
    if any(counts.get(function, 0) < number for function, number in before.items()):
        # They began from zero again, and the server does not say when.
        before, since = {}, state.now
    called = {function: number - before.get(function, 0) for function, number in counts.items()}
    called = {function: number for function, number in called.items() if number > 0}
    if last and not called and (last.counted_since, last.tracking) == (since, state.tracking):
        return last
    return Sample(schema, state.now, state.now, counts, called, state.tracking, since)


def read(connection: Connection, schemas: Sequence[str]) -> list[Sample]:
    """All samples of the schemas, the oldest first."""
    return connection.cursor(row_factory=class_row(Sample)).execute(_READ, (list(schemas),)).fetchall()


def usage(samples: Sequence[Sample], since: datetime) -> Usage:
    """What the samples of one release, the oldest first, tell of the time since then."""
    called: dict[str, int] = {}
    known_since = samples[0].first_at if samples else None
    for previous, one in pairwise(samples):
        if previous.counted_since != one.counted_since or previous.tracking == "none":
            # What was called between the two, and not counted or forgotten, nobody knows.
            known_since = one.first_at
    for one in samples:
        if one.first_at >= since:
            for function, number in one.called.items():
                called[function] = called.get(function, 0) + number
    last = max((one.first_at for one in samples if one.called), default=None)
    tracking = samples[-1].tracking if samples else "none"
    return Usage(called, last, None if tracking == "none" else known_since, tracking)


def ago(connection: Connection, age: timedelta) -> datetime:
    """The moment so long ago, by the server's clock."""
    row = connection.execute("SELECT clock_timestamp() - %s", (age,)).fetchone()
    assert row
    moment: datetime = row[0]
    return moment
