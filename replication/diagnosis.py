"""Why a subscription does not get on."""

from contextlib import closing
from itertools import takewhile

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import server_errors
from init_slate_db.core.digests.blocks import BLOCK_SIZE
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.digests.side import Range, Side
from init_slate_db.core.errors import SlateError
from init_slate_db.core.snapshot import Snapshot
from replication.destination import Subscription
from replication.prefix import highest_id
from replication.shape import check_same_shape

_MAY_INSERT = "SELECT has_table_privilege(%s, 'public.events', 'INSERT')"
# From 18 on PostgreSQL counts conflicts by their kind.
_CONFLICTS = """
SELECT t.confl_insert_exists + t.confl_multiple_unique_conflicts FROM pg_stat_subscription_stats AS t
WHERE t.subname = %s
"""
_GO_ON_BEHIND = (
    "Where an event is in the way that is the source's own: slate-replicate remove, then add, go on behind it"
)
_WORKERS = """
SELECT current_setting('max_logical_replication_workers')::int
WHERE current_setting('max_logical_replication_workers')::int <= (
  SELECT count(*) FROM pg_stat_subscription AS s WHERE s.pid IS NOT NULL AND s.subname <> %s)
"""
# In psql one line is one transaction.
_DELETE = (
    "ALTER TABLE public.events DISABLE TRIGGER refuse_while_following; DELETE FROM public.events WHERE id >= {};"
    " ALTER TABLE public.events ENABLE TRIGGER refuse_while_following; COMMIT"
)


def find_reason(source: Reached, destination: Reached, subscription: Subscription, errors: int | None) -> str:
    """The likeliest reason that the databases themselves can tell, and what to do.

    :param errors: how often applying has failed; None or 0: not known to have failed.
    """
    try:
        with server_errors("say why it fails"):
            row = destination.connection.execute(_WORKERS, (subscription.name,)).fetchone()
        if row:
            return (
                f"all {row[0]:,} of its server's max_logical_replication_workers are busy; raise that, and restart it"
            )
        if not errors:
            return "its server does not get through to the source; its log says why"
        check_same_shape(source.connection, source.place, destination.connection, destination.place)
        with server_errors("say why it fails"):
            return (
                _by_rights(destination, subscription)
                or _by_events(source, destination)
                or _by_count(destination, subscription)
                or f"applying has failed {errors:,} times; its server's log says why. {_GO_ON_BEHIND}"
            )
    except SlateError as error:
        return error.why or error.what


def _by_rights(destination: Reached, subscription: Subscription) -> str:
    row = destination.connection.execute(_MAY_INSERT, (subscription.owner,)).fetchone()
    if row == (False,):
        return f'role "{subscription.owner}", which owns the subscription, may not INSERT into events'
    return ""


def _by_events(source: Reached, destination: Reached) -> str:
    """Whether the last events there are others than the source's: what another writer stored is in the way."""
    with closing(Snapshot(destination.again())) as theirs, closing(Snapshot(source.again())) as ours:
        last = highest_id(theirs)
        source_last = highest_id(ours)
        if last > source_last:
            return of_others(source_last + 1, last)
        latest = [Range(max(1, last - BLOCK_SIZE + 1), last)]
        sides = Side(theirs, Settings()), Side(ours, Settings())
        there, here = (side.digest_rows(side.connections[0], latest) for side in sides)
        differing = {id_ for id_ in there if there[id_] != here.get(id_)}
    at_the_end = list(takewhile(differing.__contains__, sorted(there, reverse=True)))
    if at_the_end:
        return of_others(at_the_end[-1], last)
    if differing:
        return f"event {min(differing):,} there has been changed; make that destination anew: slate-replicate remove"
    return ""


def of_others(first: int, last: int) -> str:
    """What to say of the events with these ids that a destination has, and the source does not."""
    which = f"events {first:,} to {last:,} there are" if first < last else f"event {first:,} there is"
    return (
        f"{which} not the source's: another writer stored what is there, or the source lost it in a failover."
        f" If nobody needs it, delete it with psql there: {_DELETE.format(first)}"
    )


def _by_count(destination: Reached, subscription: Subscription) -> str:
    if destination.connection.info.server_version < 180000:
        return ""
    row = destination.connection.execute(_CONFLICTS, (subscription.name,)).fetchone()
    if row and row[0]:
        return f"an event that the source sends is there already. {_GO_ON_BEHIND}"
    return ""
