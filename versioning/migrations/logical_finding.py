"""Finds who follows a source by PostgreSQL's own logical replication: slots there, subscriptions at the given nodes."""

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from init_slate_db.core.addresses import Address, Reached
from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.errors import SlateError
from versioning.migrations import ledger
from versioning.migrations.cluster import Cluster, Node
from versioning.migrations.logical import Follower, LogicalCluster
from versioning.migrations.strangers import Stranger

_logger = logging.getLogger(__name__)

# A subscription that copies a table has a slot of its own for it, which says so in its name.
_COPYING = re.compile("pg_[0-9]+_sync_[0-9]+_[0-9]+")
_SLOTS = """
SELECT s.slot_name, s.active FROM pg_replication_slots AS s
WHERE s.database = current_database() AND s.plugin = 'pgoutput' AND NOT s.temporary ORDER BY 1
"""
_ALL_TABLES = """
SELECT p.pubname FROM pg_publication AS p WHERE p.pubname = ANY (%s) AND (p.puballtables OR EXISTS (
  SELECT FROM pg_publication_tables AS t WHERE t.pubname = p.pubname AND t.schemaname = 'slate')) ORDER BY 1
"""
_SUBSCRIPTIONS = """
SELECT s.subname, s.subslotname, s.subpublications,
       EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srsubid = s.oid AND r.srsubstate NOT IN ('r', 's'))
FROM pg_subscription AS s
WHERE s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
  AND s.subslotname = ANY (%s) ORDER BY 1
"""


@dataclass(frozen=True)
class _Subscription:
    """One subscription at a node. is_copying: whether tables of it are not there wholly yet."""

    name: str
    slot: str
    publications: tuple[str, ...]
    is_copying: bool


def find(
    source: Reached, given: tuple[Node, ...], known: Mapping[Address, Reached], ignored: Collection[str]
) -> Cluster | None:
    """The source and those of the given nodes that subscribe to it; None: nobody follows it.

    :param given: the nodes that the operator named, the source first.
    :param known: the open connections to those of them that answer.
    :param ignored: the slots of consumers that the operator answers for.
    :raises SlateError: cluster-unfit: a node still copies, or the slot of one is to be ignored.
    """
    with server_errors(f"say who follows {source.place}"):
        rows = source.connection.execute(_SLOTS).fetchall()
    slots = {slot: is_active for slot, is_active in rows if not _COPYING.fullmatch(slot)}
    if unknown := sorted(set(ignored) - slots.keys()):
        _logger.warning("%s has no replication slot %s to ignore.", source.place, ", ".join(unknown))
    if not slots:
        return None
    followers: list[Follower] = []
    copying: list[str] = []
    # Whoever must reach all nodes has said so already.
    answering = [node for node in given[1:] if node.address in known]
    for node in answering:
        connection = known[node.address].connection
        with server_errors(f"say what {node.name} subscribes to"):
            found = _read_subscriptions(connection, list(slots))
            copying += [f"{one.name} of {node.name}" for one in found if one.is_copying]
            followers += _followers(node, found, ledger.read(connection))
    theirs = {slot: one.node for one in followers for slot in one.slots}
    for slot in theirs.keys() & set(ignored):
        raise SlateError(
            "cluster-unfit",
            f"Replication slot {slot}, which you say to ignore, is that of {theirs[slot].name}, which you named.",
            why="What a node follows by cannot be ignored.",
            hint="Leave out --ignore-slot, or the --node.",
        )
    # Of a node that does not answer, nobody knows which slots are its.
    strangers = [Stranger(slot, is_active, slot in ignored) for slot, is_active in slots.items() if slot not in theirs]
    if copying:
        raise SlateError(
            "cluster-unfit",
            f"Subscription {', '.join(copying)} still copies tables of {source.place}.",
            why="A patch now would come between the copy and what follows it.",
            hint="Run the command again when the copy is complete.",
        )
    publications = tuple(sorted({name for one in followers for name in one.publications}))
    _check_publications(source, publications)
    all_answer = len(answering) == len(given) - 1
    return LogicalCluster(given, tuple(followers), publications, tuple(strangers) if all_answer else ())


def _read_subscriptions(connection: Connection, slots: list[str]) -> list[_Subscription]:
    rows = connection.execute(_SUBSCRIPTIONS, (slots,)).fetchall()
    return [_Subscription(name, slot, tuple(publications), copying) for name, slot, publications, copying in rows]


def _followers(node: Node, found: list[_Subscription], rows: Mapping[tuple[int, int, int], object]) -> list[Follower]:
    """The node as a follower, where it subscribes to something."""
    if not found:
        return []
    publications = tuple(sorted({name for one in found for name in one.publications}))
    return [Follower(node, tuple(one.slot for one in found), publications, frozenset(rows))]


def _check_publications(source: Reached, publications: tuple[str, ...]) -> None:
    """:raises SlateError: cluster-unfit: the ledger is published."""
    with server_errors(f"say what {source.place} publishes"):
        found = [name for (name,) in source.connection.execute(_ALL_TABLES, (list(publications),)).fetchall()]
    if found:
        raise SlateError(
            "cluster-unfit",
            f"Publication {', '.join(found)} of {source.place} publishes the ledger, table slate.patch, too.",
            why="The rows of the source's ledger would come to the subscribers, each of which keeps its own.",
            hint="Publish tables by their names: a publication FOR TABLE in place of one FOR ALL TABLES.",
        )
