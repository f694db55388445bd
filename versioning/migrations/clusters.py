"""Tells what kind of cluster a source belongs to."""

from collections.abc import Collection, Mapping

from init_slate_db.core.addresses import Address, Reached
from versioning.migrations import logical_finding, slony_finding
from versioning.migrations.cluster import Cluster, Node
from versioning.migrations.plain import PlainCluster


def find_cluster(
    source: Reached, given: tuple[Node, ...], known: Mapping[Address, Reached], ignored: Collection[str] = ()
) -> Cluster:
    """The cluster of the source.

    :param given: the nodes that the operator named, the source first.
    :param known: the open connections to those of them that answer.
    :param ignored: replication slots of others who follow the source, for whom the operator answers.
    :raises SlateError: cluster-unfit, or a code of the connection.
    """
    return (
        slony_finding.find(source, given, known)
        or logical_finding.find(source, given, known, ignored)
        or PlainCluster(given)
    )
