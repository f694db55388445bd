"""A source that others follow by logical replication: who changes a published table first is worked out."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.errors import SlateError
from versioning.migrations import ledger
from versioning.migrations.apply import apply_in_transaction, name_patches, told_errors
from versioning.migrations.cluster import Node, Session
from versioning.migrations.locks import with_patience
from versioning.migrations.patches import Number, Patch
from versioning.migrations.rehearsal import rehearse
from versioning.migrations.running import run_patch
from versioning.migrations.shape_changes import Change, Order, find_changes
from versioning.migrations.shapes import Shapes, read_shapes
from versioning.migrations.statements import split
from versioning.migrations.waiting import STANDSTILL, Standing, wait_for_arrival

_logger = logging.getLogger(__name__)

_END_OF_WAL = "SELECT pg_current_wal_lsn()::text"
_STANDING = """
SELECT coalesce(bool_and(s.confirmed_flush_lsn >= %(lsn)s::pg_lsn), true), min(s.confirmed_flush_lsn)::text,
       coalesce(bool_and(s.active), true)
FROM pg_replication_slots AS s WHERE s.slot_name = ANY (%(slots)s)
"""
# The rows that say that a follower is to come after the source, where the source has refused the patch.
_FORGET = "DELETE FROM slate.patch WHERE (major, minor, point) = (%s, %s, %s) AND ended_at IS NULL"


@dataclass(frozen=True)
class Follower:
    """A node that subscribes to the source.

    slots: the source's for it. rows: the patches of which its ledger had a row when the run began.
    """

    node: Node
    slots: tuple[str, ...]
    publications: tuple[str, ...]
    rows: frozenset[Number]


@dataclass(frozen=True)
class Step:
    """Patches that are adjacent, and go to the nodes in one order. order: NONE: to the source alone."""

    order: Order
    patches: tuple[Patch, ...]


@dataclass(frozen=True)
class _Held:
    """The patches that each node has, by its name: complete, and begun."""

    complete: Mapping[str, set[Number]]
    begun: Mapping[str, set[Number]]


@dataclass(frozen=True)
class LogicalCluster:
    """The nodes that the operator named, the source first, and who of them follows it.

    publications: those of the source that somebody subscribes to.
    """

    nodes: tuple[Node, ...]
    followers: tuple[Follower, ...]
    publications: tuple[str, ...]

    @property
    def kind(self) -> str:
        return f"logical replication to {len(self.followers)} of {len(self.nodes) - 1} nodes"

    def std_nodes(self, patch: Patch) -> tuple[Node, ...]:
        """The source, and the followers that were given it: one that is for the source alone leaves no row there."""
        return (self.nodes[0], *(one.node for one in self.followers if patch.number in one.rows))

    def try_std(self, patches: Sequence[Patch], session: Session) -> None:
        self._plan(patches, session, self._read_held(session))

    def apply_std(self, patches: Sequence[Patch], session: Session) -> None:
        held = self._read_held(session)
        for step in self._plan(patches, session, held):
            if step.order is Order.FOLLOWERS:
                for node in self._reached(session):
                    self._apply(node, step.patches, session, held)
                    _logger.info("Applied %s on %s, before the source.", name_patches(step.patches), node.name)
            elif step.order is Order.SOURCE:
                self._announce(step.patches, session, held)
            self._apply_to_source(step, session, held)
            if step.order is Order.SOURCE:
                for one in self.followers:
                    self._follow(one, step.patches, session)

    def _plan(self, patches: Sequence[Patch], session: Session, held: _Held) -> list[Step]:
        """Who is first with which patches; all of them are tried on every node that they go to.

        :raises SlateError: patches-refused: no order of the nodes will do. patch-failed, lock-not-had: a node says no.
        """
        source = self.nodes[0]
        new = [patch for patch in patches if patch.number not in held.complete[source.name]]
        fresh = {patch.number for patch in new}
        # Where the source has it, and a follower was told of it, it is one that begins at the source.
        orders = {patch.number: Order.SOURCE for patch in patches}
        orders |= self._find_orders(new, session)
        for node in self._reached(session):
            begun = held.begun[node.name]
            missing = [patch for patch in patches if patch.number not in held.complete[node.name]]
            coming = [
                patch
                for patch in missing
                if patch.number in begun or (patch.number in fresh and orders[patch.number] is not Order.NONE)
            ]
            if coming:
                rehearse(node, coming, session, _see_nothing)
        groups = itertools.groupby(patches, key=lambda patch: orders[patch.number])
        return [Step(order, tuple(group)) for order, group in groups]

    def _find_orders(self, patches: Sequence[Patch], session: Session) -> dict[Number, Order]:
        """What each patch does to published tables, found by running it on the source and rolling it back."""
        if not patches:
            return {}
        known: list[int] = []

        def look(connection: Connection) -> Shapes:
            shapes = read_shapes(connection, self.publications, known)
            known.extend(shapes.keys() - set(known))
            return shapes

        seen = rehearse(self.nodes[0], patches, session, look)
        pairs = zip(patches, itertools.pairwise(seen), strict=True)
        return {patch.number: _judge(patch, before, after) for patch, (before, after) in pairs}

    def _apply(self, node: Node, patches: Sequence[Patch], session: Session, held: _Held) -> None:
        apply_in_transaction(node, [one for one in patches if one.number not in held.complete[node.name]], session)

    def _apply_to_source(self, step: Step, session: Session, held: _Held) -> None:
        try:
            self._apply(self.nodes[0], step.patches, session, held)
        except SlateError as error:
            if step.order is Order.SOURCE and error.code in {"patch-failed", "lock-not-had"}:
                self._forget(step.patches, session, held)
            raise

    def _announce(self, patches: Sequence[Patch], session: Session, held: _Held) -> None:
        """Notes on every follower that it is to come after the source, so that a later run knows, whatever happens."""
        for node in self._reached(session):
            known = held.complete[node.name] | held.begun[node.name]
            with server_errors(f"note in the ledger of {node.name} what is to come"):
                for patch in patches:
                    if patch.number not in known:
                        session.connection(node).execute(ledger.begin_text(patch, session.origin).encode())

    def _forget(self, patches: Sequence[Patch], session: Session, held: _Held) -> None:
        for node in self._reached(session):
            for patch in patches:
                if patch.number not in held.complete[self.nodes[0].name]:
                    with server_errors(f"take back a note in the ledger of {node.name}"):
                        session.connection(node).execute(_FORGET, patch.number)

    def _follow(self, follower: Follower, patches: Sequence[Patch], session: Session) -> None:
        """Completes what a follower was told of, when it has every row that was sent before the source had it."""
        node = follower.node
        if node.name not in session.work:
            return
        begun = self._read_held(session).begun[node.name]
        coming = [patch for patch in patches if patch.number in begun]
        if not coming:
            return
        self._wait(follower, coming, session)
        connection = session.connection(node)

        def run() -> None:
            connection.execute(session.fresh[node.name].encode())
            with connection.transaction():
                for patch in coming:
                    run_patch(connection, patch)
                    connection.execute(session.fresh[node.name].encode())
                    ledger.move(connection, ledger.end_text(patch))

        which = name_patches(coming)
        with told_errors(node, f"apply {which} on {node.name}", "The source has it. The next run goes on here."):
            with_patience(f"apply {which}", node, session, run)
        _logger.info("Applied %s on %s, behind the source.", which, node.name)

    def _wait(self, follower: Follower, patches: Sequence[Patch], session: Session) -> None:
        """:raises SlateError: node-behind."""
        source = session.connection(self.nodes[0])
        name = follower.node.name
        with server_errors("say how much it has written"):
            row = source.execute(_END_OF_WAL).fetchone()
        assert row
        look = partial(_look, source, follower, row[0])
        standing = wait_for_arrival(f"{name} to have what was sent before {name_patches(patches)}", look)
        if not standing.has_arrived:
            why = (
                f"It has confirmed {standing.step} of {row[0]}, and no more for {STANDSTILL} seconds."
                if standing.is_served
                else "Its subscription does not run."
            )
            raise SlateError(
                "node-behind",
                f"The source has {name_patches(patches)}, and {name} has not received yet what was sent before.",
                why=why,
                hint=f"See the log of {name}'s server. Then run the command again: it goes on there.",
            )

    def _read_held(self, session: Session) -> _Held:
        complete: dict[str, set[Number]] = {}
        begun: dict[str, set[Number]] = {}
        for node in (self.nodes[0], *self._reached(session)):
            with server_errors(f"read the ledger of {node.name}"):
                rows = ledger.read(session.connection(node))
            complete[node.name] = {number for number, row in rows.items() if row.is_complete}
            begun[node.name] = rows.keys() - complete[node.name]
        return _Held(complete, begun)

    def _reached(self, session: Session) -> list[Node]:
        return [one.node for one in self.followers if one.node.name in session.work]


def _see_nothing(connection: Connection) -> None:
    """What a rehearsal looks at that is for its errors alone."""


def _look(source: Connection, follower: Follower, lsn: str) -> Standing:
    with server_errors(f"say how far {follower.node.name} is"):
        row = source.execute(_STANDING, {"lsn": lsn, "slots": list(follower.slots)}).fetchone()
    assert row
    return Standing(*row)


def _judge(patch: Patch, before: Shapes, after: Shapes) -> Order:
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
        hint=f"{hint} Nothing was changed.",
    )
