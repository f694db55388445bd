"""Judges, by what a patch changes of published tables, which of the nodes must have it first."""

from collections.abc import Sequence

from init_slate_db.core.errors import SlateError
from versioning.migrations.patches import Patch
from versioning.migrations.shape_changes import Change, Order, find_changes
from versioning.migrations.shapes import Shapes
from versioning.migrations.statements import split


def judge(patch: Patch, before: Shapes, after: Shapes) -> Order:
    """In which order of the nodes the patch can be applied while rows go on flowing.

    :raises SlateError: patches-refused: in none.
    """
    changes = find_changes(before, after)
    if not changes:
        return Order.NONE
    impossible = [change for change in changes if change.order is Order.NONE]
    if impossible:
        raise _refusal(patch, impossible, "Replication would end, or the nodes would differ.", impossible[0].instead)
    orders = {change.order for change in changes} - {Order.ANY}
    if len(orders) > 1:
        raise _refusal(
            patch,
            changes,
            "The subscribers must be first with what adds, and the source with what removes.",
            "Make two patches of it.",
        )
    if _writes_rows(patch, before, after):
        raise _refusal(
            patch,
            [*changes, Change(Order.NONE, "writes rows of a published table")],
            "The subscribers would write them by themselves and get them from the source as well.",
            "Make two patches of it.",
        )
    return orders.pop() if orders else Order.FOLLOWERS


def _writes_rows(patch: Patch, before: Shapes, after: Shapes) -> bool:
    written = any(after[oid].rows_written != table.rows_written for oid, table in before.items() if oid in after)
    return written or any(statement.begins("TRUNCATE") for statement in split(patch.text))


def _refusal(patch: Patch, changes: Sequence[Change], why: str, hint: str) -> SlateError:
    told = "\n  ".join(dict.fromkeys(change.text for change in changes))
    return SlateError(
        "patches-refused",
        f"{patch.path.name} cannot be applied while published tables are followed. It\n  {told}",
        why=why,
        hint=f"{hint} Nothing of the patch was applied.",
    )
