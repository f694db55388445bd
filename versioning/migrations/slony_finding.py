"""Finds the Slony cluster of a source, with the ways to its nodes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from init_slate_db.core.addresses import Address, Reached, read_address
from init_slate_db.core.connection import server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import Faults
from versioning import PROGRAM
from versioning.migrations.cluster import Cluster, Node, place_of
from versioning.migrations.slony import SlonyCluster
from versioning.migrations.slony_nodes import Catalog, read_clusters, read_local_node

# What slonik reads as a name without quotes; others would have to be quoted by rules that are not written down.
_PLAIN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def find(source: Reached, given: tuple[Node, ...], known: Mapping[Address, Reached]) -> Cluster | None:
    """The Slony cluster of the source; None: it is in none.

    :param given: the nodes that the operator named, the source first. One that is a node of the cluster is reached
        as the operator says, all others by the paths of the cluster.
    :param known: the open connections to those of them that answer.
    :raises SlateError: cluster-unfit: patches cannot be applied through this node.
    """
    with server_errors(f"say whether {source.place} is a node of a Slony cluster"):
        names = read_clusters(source.connection)
        if not names:
            return None
        if len(names) > 1 or not _PLAIN_NAME.fullmatch(names[0]):
            raise _unfit(
                f"{source.place} is a node of Slony cluster{'s' * (len(names) > 1)} {', '.join(names)}",
                "Which stream of events patches would go into is not clear."
                if len(names) > 1
                else "slonik cannot be given this name.",
            )
        catalog = Catalog(names[0], read_local_node(source.connection, names[0]))
        conninfos = catalog.read_nodes(source.connection)
        sets = catalog.read_sets(source.connection)
        subscribers = catalog.read_subscribers(source.connection)
    _check_origin(source, catalog, sets, conninfos)
    _check_subscribers(source, catalog, subscribers, conninfos)
    ways = _given_ways(catalog, given, known)
    nodes = {
        number: _name_node(number, ways.get(number) or _read_path(conninfo, source))
        for number, conninfo in conninfos.items()
        if number != catalog.node and (conninfo or number in ways)
    }
    first = Node(f"node {catalog.node} ({given[0].name})", given[0].address)
    numbers = {first.name: catalog.node} | {node.name: number for number, node in nodes.items()}
    followers = tuple(node for number, node in nodes.items() if number in subscribers)
    return SlonyCluster(catalog, (first, *nodes.values()), numbers, followers)


def _check_origin(source: Reached, catalog: Catalog, sets: dict[int, int], conninfos: dict[int, str | None]) -> None:
    elsewhere = {number: origin for number, origin in sets.items() if origin != catalog.node}
    if elsewhere and len(elsewhere) == len(sets):
        number, origin = next(iter(elsewhere.items()))
        path = conninfos.get(origin)
        place = f" ({_name_path(path, source)})" if path else ""
        raise _unfit(
            f"{source.place} is node {catalog.node} of Slony cluster {catalog.name}, and set {number} originates on"
            f" node {origin}{place}",
            "Patches enter the stream of events at its origin.",
            "Name the origin as the source.",
        )


def _check_subscribers(
    source: Reached, catalog: Catalog, subscribers: dict[int, bool], conninfos: dict[int, str | None]
) -> None:
    copying = [str(number) for number, is_active in subscribers.items() if not is_active]
    if copying:
        raise _unfit(
            f"Node {', '.join(copying)} of Slony cluster {catalog.name} is still copying a set of {source.place}",
            "A patch now would come between the copy and what follows it.",
            "Run the command again when the subscription is active.",
        )
    pathless = [str(number) for number, path in conninfos.items() if not path and number != catalog.node]
    if pathless:
        raise _unfit(
            f"Slony cluster {catalog.name} has no path to node {', '.join(pathless)}",
            "So it cannot be told what that node has.",
            "Store a path with slonik (store path), or drop the node (drop node).",
        )


def _given_ways(catalog: Catalog, given: Sequence[Node], known: Mapping[Address, Reached]) -> dict[int, Address]:
    """How the operator reaches nodes, by their numbers. Nodes that do not answer are left out."""
    ways: dict[int, Address] = {}
    for node in given[1:]:
        if node.address not in known:
            continue
        connection = known[node.address].connection
        with server_errors(f"say which node {node.name} is"):
            if catalog.name not in read_clusters(connection):
                raise _unfit(
                    f"{node.name} is no node of Slony cluster {catalog.name}",
                    "Nodes are read from the cluster's own tables.",
                    "Leave it out; for a database that Slony does not know, run the command apart.",
                )
            ways[read_local_node(connection, catalog.name)] = node.address
    return ways


def _name_node(number: int, address: Address) -> Node:
    return Node(f"node {number} ({place_of(address)})", address)


def _name_path(conninfo: str, source: Reached) -> str:
    return place_of(_read_path(conninfo, source))


def _read_path(conninfo: str | None, source: Reached) -> Address:
    """The address in a conninfo of the cluster. User and password are the operator's where it has none."""
    faults = Faults()
    fallback = replace(source.options, host=None, port=None, dsn=None)
    address = read_address(conninfo or "", "sl_path", fallback, None, faults)
    faults.raise_any(PROGRAM)
    return address


def _unfit(what: str, why: str, hint: str = "") -> SlateError:
    return SlateError("cluster-unfit", f"{what}.", why=why, hint=hint or "Nothing was changed.")
