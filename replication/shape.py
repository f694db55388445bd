"""The columns of two tables events, which have to be the same where one follows the other."""

from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.digests.survey import check_events_table
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Reason

# Replication leaves generated columns to the destination.
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
WHERE a.attrelid = 'public.events'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
"""
_KNOWN = ("id", "ts", "event")


def no_events(owns_events: bool | None) -> Reason:
    """What speaks against a database without table events, whose owner is None."""
    return owns_events is None, "not-an-event-store", "it has no table public.events", "Name another database."


def check_same_shape(source: Connection, source_place: str, destination: Connection, destination_place: str) -> None:
    """Makes sure that both hold events, and that what one stores fits into the other.

    :raises SlateError: not-an-event-store, no-right, shape-differs.
    """
    check_events_table(source, source_place)
    check_events_table(destination, destination_place)
    with server_errors("describe its table events"):
        ours: dict[str, str] = dict(source.execute(_COLUMNS).fetchall())
        theirs: dict[str, str] = dict(destination.execute(_COLUMNS).fetchall())
    further = [name for name in (ours | theirs) if name not in _KNOWN]
    if further:
        where = [f"{name} ({source_place if name in ours else destination_place})" for name in further]
        raise SlateError(
            "shape-differs",
            f"Table events of {destination_place} cannot follow that of {source_place}.",
            why=f"There are further columns: {', '.join(where)}.",
            hint="An event has id, ts and event. Make further columns generated ones, or put them into other tables.",
        )
