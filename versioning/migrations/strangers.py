"""Those who follow a source and are no node: Debezium and the like, or a subscription whose database nobody named."""

from collections.abc import Sequence
from dataclasses import dataclass

from init_slate_db.core.errors import SlateError
from versioning.migrations.patches import Patch
from versioning.migrations.shape_changes import Order, find_changes
from versioning.migrations.shapes import Shapes


@dataclass(frozen=True)
class Stranger:
    """A replication slot of pgoutput that is no node's. is_ignored: the operator answers for whoever reads it."""

    slot: str
    is_active: bool
    is_ignored: bool

    @property
    def text(self) -> str:
        """The slot for people."""
        return f"{self.slot} ({'active' if self.is_active else 'not active'})"

    @property
    def note(self) -> str:
        """What comes of it, for the plan and for status."""
        what = "ignored" if self.is_ignored else "patches that change a published table are refused"
        return f"replication slot {self.text} is that of no node: {what}"


def refuse_changes(patch: Patch, before: Shapes, after: Shapes, strangers: Sequence[Stranger]) -> None:
    """Makes sure that the patch leaves published tables as strangers know them.

    :raises SlateError: cluster-unfit: it does not.
    """
    # An index or a default is not seen from outside, and what is published anew changes nothing that was.
    seen = [one for one in find_changes(before, after) if one.order is not Order.ANY and not one.publishes]
    if not seen:
        return
    slots = ", ".join(one.text for one in strangers)
    told = "\n  ".join(dict.fromkeys(change.text for change in seen))
    raise SlateError(
        "cluster-unfit",
        f"{patch.path.name} changes what somebody follows by replication slot {slots}. It\n  {told}",
        why="No node that you named subscribes by it. Whoever reads it would get rows of another shape, at which a"
        " subscription stops. Nothing of the patch was applied.",
        hint="A subscription: name its database, --node DSN.\n"
        "  Another consumer, Debezium say, that copes with the change:"
        f" {' '.join(f'--ignore-slot {one.slot}' for one in strangers)}\n"
        f"  Read by nobody any more: SELECT pg_drop_replication_slot('{strangers[0].slot}')",
    )
