"""What is known of an events table before it is read: that it is one, where it begins and ends, its indexes."""

from dataclasses import dataclass

from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.snapshot import Snapshot

HAS_UNIQUE_IDS = """EXISTS (
         SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = 'id'
         WHERE i.indrelid = to_regclass('public.events') AND i.indisunique AND i.indisvalid
           AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND i.indpred IS NULL)"""
"""SQL: whether an index keeps ids of events from being there twice."""

_COLUMNS = {"id": "bigint", "ts": "timestamp with time zone", "event": "jsonb"}

_FIND_COLUMNS = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL), a.attnotnull,
       pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
       AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = 'public' AND c.relname = 'events' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND a.attnum > 0 AND NOT a.attisdropped
"""
_FIND_INDEXES = """
SELECT i.indisunique AND i.indnkeyatts = 1
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = 'public.events'::pg_catalog.regclass AND a.attname = 'id' AND m.amname = 'btree'
  AND i.indisvalid AND i.indpred IS NULL
"""
_MEASURE = """
SELECT min(id), max(id),
       -- A partitioned table is empty itself; one that is not has no tree.
       (pg_catalog.pg_relation_size('public.events')
        + coalesce((SELECT pg_catalog.sum(pg_catalog.pg_relation_size(p.relid))
                    FROM pg_catalog.pg_partition_tree('public.events') p), 0))::bigint
       / pg_catalog.current_setting('block_size')::bigint
FROM public.events WHERE id <= %s
"""
_FIND_NULL = "SELECT EXISTS (SELECT FROM public.events WHERE id IS NULL)"


@dataclass(frozen=True)
class Survey:
    """One table. lowest_id, highest_id: None where it is empty. pages: how many the server keeps it in.

    indexed: rows are found by id without reading the whole table. unique: no id is there twice.
    """

    lowest_id: int | None
    highest_id: int | None
    indexed: bool
    unique: bool
    pages: int


def survey(snapshot: Snapshot, until_id: int) -> Survey:
    """What is known of the events table up to an id, inclusive.

    :raises SlateError: not-an-event-store, no-right, or what the server says.
    """
    connection = snapshot.connection
    check_events_table(connection, snapshot.place)
    with server_errors(f"describe the events table of {snapshot.place}"):
        indexes = [unique for (unique,) in connection.execute(_FIND_INDEXES)]
        measured = connection.execute(_MEASURE, (until_id,)).fetchone()
    assert measured
    return Survey(measured[0], measured[1], bool(indexes), any(indexes), measured[2])


def check_events_table(connection: Connection, place: str) -> None:
    """Makes sure that the database holds events and that they may be read.

    :param place: where it is, for messages.
    :raises SlateError: not-an-event-store, no-right, or what the server says.
    """
    with server_errors(f"describe the events table of {place}"):
        columns = {name: facts for name, *facts in connection.execute(_FIND_COLUMNS)}
        _check_columns(columns, connection.info.user, place)
        if not columns["id"][1] and connection.execute(_FIND_NULL).fetchone() == (True,):
            raise _not_an_event_store(place, "Some of its events have no id.")


def _check_columns(columns: dict[str, list[object]], user: str, place: str) -> None:
    if not columns:
        raise _not_an_event_store(place, "It has no table public.events.")
    wrong = [
        f"{name} is {columns[name][0]} instead of {kind}" if name in columns else f"{name} is not there"
        for name, kind in _COLUMNS.items()
        if name not in columns or columns[name][0] != kind
    ]
    if wrong:
        raise _not_an_event_store(place, f"Columns of its table public.events: {', '.join(wrong)}.")
    if not all(columns[name][2] for name in _COLUMNS):
        raise SlateError(
            "no-right",
            f'The user "{user}" may not read the events of {place}.',
            why="It has no right to SELECT from public.events.",
            hint=f'Let its owner run: GRANT SELECT ON public.events TO "{user}"',
        )


def _not_an_event_store(place: str, why: str) -> SlateError:
    return SlateError(
        "not-an-event-store",
        f"The database at {place} is no event store.",
        why=why,
        hint="Name another database: --database, or in the address.",
    )
