"""Tries patches on a node: runs them in a transaction that is rolled back."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from init_slate_db.core.connection import Connection
from versioning.migrations.apply import name_patches, told_errors
from versioning.migrations.cluster import Node, Session
from versioning.migrations.locks import with_patience
from versioning.migrations.patches import Patch
from versioning.migrations.running import run_patch

Seen = TypeVar("Seen")

# As the process that applies what comes from the source: triggers and foreign keys of the node do not fire.
_AS_REPLICA = "SET session_replication_role = replica"
# Else what a constraint says at the end of the transaction would never be said.
_CHECK_DEFERRED = "SET CONSTRAINTS ALL IMMEDIATE"
_OUTCOME = "It was tried there in a transaction that was rolled back. No node was changed."


def _see_nothing(connection: Connection) -> None:
    """What a rehearsal looks at that is for its errors alone."""


def rehearse(
    node: Node,
    patches: Sequence[Patch],
    session: Session,
    look: Callable[[Connection], Seen] = _see_nothing,  # type: ignore[assignment]
    *,
    as_replica: bool = False,
    outcome: str = _OUTCOME,
) -> list[Seen]:
    """Runs the patches in their order and rolls them back.

    :param look: reads something, before the first patch and behind each.
    :param as_replica: whether they will come to the node by way of replication.
    :param outcome: what the operator is told of the rest where a patch fails.
    :returns: what look gave, one more than there are patches.
    :raises SlateError: patch-failed, lock-not-had, or what becomes of the connection; nothing is changed in any case.
    """
    settings = f"{session.fresh[node.name]};\n{_AS_REPLICA}" if as_replica else session.fresh[node.name]
    connection = session.connection(node)

    def attempt() -> list[Seen]:
        connection.execute(settings.encode())
        try:
            with connection.transaction(force_rollback=True):
                seen = [look(connection)]
                for patch in patches:
                    run_patch(connection, patch)
                    connection.execute(settings.encode())
                    seen.append(look(connection))
                connection.execute(_CHECK_DEFERRED)
                return seen
        finally:
            if not connection.closed:
                connection.execute(session.fresh[node.name].encode())

    which = name_patches(patches)
    with told_errors(node, f"try {which} on {node.name}", outcome):
        return with_patience(f"try {which}", node, session, attempt)
