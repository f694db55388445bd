"""Tells what kind of cluster a source belongs to."""

from init_slate_db.core.addresses import Reached
from versioning.migrations.cluster import Cluster, Node
from versioning.migrations.plain import PlainCluster


def find_cluster(source: Reached, given: tuple[Node, ...]) -> Cluster:
    """The cluster of the source.

    :param given: the nodes that the operator named, the source first.
    """
    return PlainCluster(given)
