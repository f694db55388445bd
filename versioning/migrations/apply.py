"""Applies patches in a transaction of one node, each with its row of the ledger."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from init_slate_db.core.connection import server_errors
from init_slate_db.core.errors import SlateError
from versioning.migrations import ledger
from versioning.migrations.cluster import Node, Session
from versioning.migrations.locks import with_patience
from versioning.migrations.patches import Patch
from versioning.migrations.running import PatchError, as_slate_error, run_patch

# What patches may run into together that run well in transactions of their own: a new value of an enum that is used,
# a table with events of deferred triggers that is altered, and the lock table that is full.
_APART = {"55P04", "55006", "53200"}


def apply_in_transaction(node: Node, patches: Sequence[Patch], session: Session) -> None:
    """Applies the patches, in their order, and adds their rows to the ledger: all of it or nothing.

    :raises SlateError: patch-failed, lock-not-had, turn-taken, or what becomes of the connection.
    """
    if not patches:
        return
    which = name_patches(patches)
    with told_errors(node, f"apply {which} on {node.name}", _outcome(patches)):
        with_patience(f"apply {which}", node, session, lambda: _apply(node, patches, session))


def name_patches(patches: Sequence[Patch]) -> str:
    """The patches, for a sentence: patch 2-1-0, patches 2-1-0 to 2-4-0."""
    if len(patches) == 1:
        return f"patch {patches[0].label}"
    return f"patches {patches[0].label} to {patches[-1].label}"


def _apply(node: Node, patches: Sequence[Patch], session: Session) -> None:
    connection = session.connection(node)
    fresh = session.fresh[node.name]
    connection.execute(fresh.encode())
    with connection.transaction():
        begins = [ledger.begin_text(patch, session.origin) for patch in patches]
        connection.execute(begins[0].encode())
        for patch, following in zip(patches, [*begins[1:], ""], strict=True):
            run_patch(connection, patch)
            # The patch may have changed role, search_path or timeouts, which are no business of the next one.
            connection.execute(f"{fresh};\n{ledger.end_text(patch)};\n{following}".encode())


@contextmanager
def told_errors(node: Node, doing: str, outcome: str) -> Iterator[None]:
    """Turns what happens to patches into a SlateError.

    :param doing: the end of "The server refuses to …".
    :param outcome: what became of the rest, where a patch failed.
    """
    try:
        with server_errors(doing):
            try:
                yield
            except PatchError as failure:
                if is_lost(failure.error):
                    raise failure.error from failure
                raise
            except psycopg.errors.UniqueViolation as error:
                if error.diag.table_name != "patch" or error.diag.schema_name != "slate":
                    raise
                raise _moved(doing) from error
    except ledger.LedgerMovedError as error:
        raise _moved(doing) from error
    except PatchError as failure:
        apart = "Patches before it may have to commit first: --one." if failure.error.sqlstate in _APART else ""
        # The server's own text shows lines of the patch, passwords and all, so no traceback is to have it.
        raise as_slate_error(failure, node.name, f"{outcome} {apart}".strip()) from None


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is what failed."""
    state = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (state is None or state.startswith(("57P", "08")))


def _moved(doing: str) -> SlateError:
    return SlateError(
        "turn-taken",
        f"Another run was quicker to {doing}.",
        hint="Nothing was done twice. Run the command again.",
    )


def _outcome(patches: Sequence[Patch]) -> str:
    if len(patches) == 1:
        return "Nothing of it was applied there."
    return f"None of the {len(patches)} patches of its group was applied."
