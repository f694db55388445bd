"""What the tables of a Slony cluster say of its nodes, paths and sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from init_slate_db.core.connection import Connection

# A sequence whose value is the number of this very node; -1 before the node is initialised.
_SCHEMAS = """
SELECT substr(n.nspname, 2) FROM pg_namespace AS n
WHERE n.nspname LIKE '\\_%' AND to_regclass(format('%I.sl_node', n.nspname)) IS NOT NULL
  AND to_regclass(format('%I.sl_local_node_id', n.nspname)) IS NOT NULL
ORDER BY 1
"""
_LOCAL_NODE = "SELECT last_value FROM {schema}.sl_local_node_id"
# That the client is this node is best: it is the way from the machine of the origin.
_NODES = """
SELECT n.no_id, (SELECT p.pa_conninfo FROM {schema}.sl_path AS p
                 WHERE p.pa_server = n.no_id AND p.pa_conninfo <> '<event pending>'
                 ORDER BY p.pa_client <> {node}, p.pa_client LIMIT 1)
FROM {schema}.sl_node AS n WHERE n.no_active AND NOT n.no_failed ORDER BY n.no_id <> {node}, n.no_id
"""
_SETS = "SELECT s.set_id, s.set_origin FROM {schema}.sl_set AS s ORDER BY s.set_id"
_SUBSCRIPTIONS = """
SELECT u.sub_receiver, bool_and(u.sub_active) FROM {schema}.sl_subscribe AS u
JOIN {schema}.sl_set AS s ON s.set_id = u.sub_set WHERE s.set_origin = {node} GROUP BY u.sub_receiver
"""
# As slonik's own command does it. What it is to carry has been committed before the lock is had.
_LOCK_EVENTS = "LOCK TABLE {schema}.sl_event_lock"
_MAKE_EVENT = "SELECT {schema}.createEvent({own_name}, 'SYNC')"
_CONFIRMED = """
SELECT coalesce(max(c.con_seqno), 0) FROM {schema}.sl_confirm AS c
WHERE c.con_origin = {node} AND c.con_received = {receiver}
"""
_IS_SERVED = """
SELECT EXISTS (SELECT FROM {schema}.sl_nodelock AS l JOIN pg_stat_activity AS a ON a.pid = l.nl_backendpid
               WHERE l.nl_nodeid = (SELECT last_value FROM {schema}.sl_local_node_id))
"""


def read_clusters(connection: Connection) -> list[str]:
    """The names of the Slony clusters that the database is a node of."""
    return [name for (name,) in connection.execute(_SCHEMAS).fetchall() if read_local_node(connection, name) > 0]


def read_local_node(connection: Connection, cluster: str) -> int:
    """The number of this node."""
    return _number(connection, cluster, _LOCAL_NODE)


@dataclass(frozen=True)
class Catalog:
    """The tables of a cluster, read for one node. name: the cluster's; node: the number of that node, the origin."""

    name: str
    node: int

    def read_nodes(self, connection: Connection) -> dict[int, str | None]:
        """The conninfo of each active node, by its number, this one first; none where the node has no path."""
        return dict(self._rows(connection, _NODES))

    def read_sets(self, connection: Connection) -> dict[int, int]:
        """The origin of each set."""
        return dict(self._rows(connection, _SETS))

    def read_subscribers(self, connection: Connection) -> dict[int, bool]:
        """The nodes that subscribe to sets of this one, directly or by way of others, and whether they have them."""
        return dict(self._rows(connection, _SUBSCRIPTIONS))

    def make_event(self, connection: Connection) -> int:
        """Sends all that is committed on this node and was not sent yet. The number of the event that carries it."""
        with connection.transaction():
            connection.execute(_fill(_LOCK_EVENTS, self.name))
            return _number(connection, self.name, _MAKE_EVENT, own_name=f"_{self.name}")

    def read_confirmed(self, connection: Connection, receiver: int) -> int:
        """The number of the last event of this node that the receiver is known to have."""
        return _number(connection, self.name, _CONFIRMED, node=self.node, receiver=receiver)

    def is_served(self, connection: Connection) -> bool:
        """Whether a slon works for the node that the connection leads to."""
        return bool(_number(connection, self.name, _IS_SERVED))

    def _rows(self, connection: Connection, query: str) -> Sequence[Any]:
        return connection.execute(_fill(query, self.name, node=self.node)).fetchall()


def _number(connection: Connection, cluster: str, query: str, **values: int | str) -> int:
    row = connection.execute(_fill(query, cluster, **values)).fetchone()
    assert row
    return int(row[0])


def _fill(query: str, cluster: str, **values: int | str) -> sql.Composed:
    parts = {name: sql.Literal(value) for name, value in values.items()}
    return sql.SQL(query).format(schema=sql.Identifier(f"_{cluster}"), **parts)
