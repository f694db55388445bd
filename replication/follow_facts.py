"""Read-only facts about two databases, and whether follow can bring one of them what the other has."""

from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import server_errors
from init_slate_db.core.digests.survey import HAS_UNIQUE_IDS
from init_slate_db.core.findings import Finding, Reason, objections, raise_any
from init_slate_db.core.identity import read_identity
from replication.destination import read_subscriptions
from replication.shape import check_same_shape

_SOURCE = """
SELECT pg_is_in_recovery() AS in_recovery,
       EXISTS (SELECT FROM pg_trigger AS t
               WHERE t.tgrelid = 'public.events'::regclass AND t.tgname = 'notify_insert' AND t.tgenabled <> 'D')
       AS notifies
"""
_DESTINATION = f"""
SELECT current_user AS role, pg_is_in_recovery() AS in_recovery,
       to_regclass('public.id') IS NOT NULL AS is_source,
       pg_has_role(c.relowner, 'USAGE') AS owns_events,
       c.relkind = 'r' AND has_database_privilege(current_database(), 'TEMPORARY')
       -- As which they are built again.
       AND has_database_privilege(c.relowner, current_database(), 'TEMPORARY')
       AND has_schema_privilege(c.relowner, 'public', 'CREATE') AS takes_indexes_aside,
       has_table_privilege(c.oid, 'INSERT')
       OR (SELECT bool_and(has_column_privilege(c.oid, a.attnum, 'INSERT')) FROM pg_attribute AS a
           WHERE a.attrelid = c.oid AND a.attname IN ('id', 'ts', 'event')) AS may_insert,
       {HAS_UNIQUE_IDS} AS unique_ids
FROM pg_class AS c WHERE c.oid = 'public.events'::regclass
"""


@dataclass(frozen=True)
class Facts:
    """What is known of both. notifies: the source tells of new events. owns_events: the role may guard the
    destination. takes_indexes_aside: it may drop and build indexes there, too."""

    notifies: bool
    owns_events: bool
    takes_indexes_aside: bool


def look(source: Reached, destination: Reached) -> Facts:
    """Reads the facts. Writes nothing.

    :raises SlateError: not-an-event-store, shape-differs, no-right, not-a-destination, same-database, read-only,
        destination-busy, connection-lost.
    """
    check_same_shape(source.connection, source.place, destination.connection, destination.place)
    with server_errors(f"say what {source.place} is"):
        ours: Any = source.connection.cursor(row_factory=dict_row).execute(_SOURCE).fetchone()
        identity = read_identity(source.connection)
    with server_errors(f"say what {destination.place} is"):
        theirs: Any = destination.connection.cursor(row_factory=dict_row).execute(_DESTINATION).fetchone()
        same = read_identity(destination.connection) == identity
        subscriptions = [one.name for one in read_subscriptions(destination.connection)]
    raise_any(_judge((source.place, destination.place), ours, theirs, subscriptions, same))
    return Facts(ours["notifies"], theirs["owns_events"], theirs["owns_events"] and bool(theirs["takes_indexes_aside"]))


def _judge(places: tuple[str, str], ours: Any, theirs: Any, subscriptions: list[str], same: bool) -> list[Finding]:
    source, destination = places
    role = theirs["role"]
    of_source: list[Reason] = [
        (
            ours["in_recovery"],
            "read-only",
            "it is a standby",
            "Name the primary, or all hosts of the cluster: postgresql://one,two/events",
        ),
    ]
    of_destination: list[Reason] = [
        (same, "same-database", "it is the source: the same database", "Name two databases."),
        (theirs["in_recovery"], "read-only", "it is a standby", "Name its primary."),
        (
            theirs["is_source"],
            "not-a-destination",
            "it is a source itself",
            "Name a destination: init-slate-db -t destination makes one.",
        ),
        (not theirs["unique_ids"], "not-a-destination", "its ids have no unique index", "Make id its primary key."),
        (
            bool(subscriptions),
            "destination-busy",
            f'subscription "{subscriptions[0] if subscriptions else ""}" fills it',
            "Leave it to that one, or end it: slate-replicate remove.",
        ),
        (
            not theirs["may_insert"],
            "no-right",
            f'role "{role}" may not store events there',
            f'Let its owner run: GRANT INSERT ON public.events TO "{role}"',
        ),
    ]
    return objections(f"{source} cannot be followed", of_source) + objections(
        f"{destination} cannot follow", of_destination
    )
