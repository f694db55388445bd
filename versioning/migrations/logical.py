"""A source that others follow by logical replication: who changes a published table first is worked out."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg

from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.errors import SlateError
from versioning.migrations import ledger
from versioning.migrations.apply import apply_in_transaction, name_patches, told_errors
from versioning.migrations.cluster import Node, Session, count
from versioning.migrations.judging import judge
from versioning.migrations.locks import with_patience
from versioning.migrations.patches import Number, Patch
from versioning.migrations.rehearsal import rehearse
from versioning.migrations.running import run_patch
from versioning.migrations.shape_changes import Order
from versioning.migrations.shapes import Look, Shapes
from versioning.migrations.strangers import Stranger, refuse_changes
from versioning.migrations.telling import tell_states
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

    publications: those of the source that a follower subscribes to. strangers: who else follows.
    """

    nodes: tuple[Node, ...]
    followers: tuple[Follower, ...]
    publications: tuple[str, ...]
    strangers: tuple[Stranger, ...] = ()

    @property
    def kind(self) -> str:
        if not self.followers:
            return count(self.nodes)
        return f"logical replication to {len(self.followers)} of {len(self.nodes) - 1} nodes"

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(one.note for one in self.strangers)

    def std_nodes(self, patch: Patch) -> tuple[Node, ...]:
        """The source, and the followers that were given it: one that is for the source alone leaves no row there."""
        return (self.nodes[0], *(one.node for one in self.followers if patch.number in one.rows))

    def check_direct(self, patches: Sequence[Patch], session: Session) -> None:
        """Tries the patches on the source, where somebody follows who is no node."""
        if patches and self._unknown:
            seen = rehearse(self.nodes[0], patches, session, Look(None))
            for patch, (before, after) in zip(patches, itertools.pairwise(seen), strict=True):
                refuse_changes(patch, before, after, self._unknown)

    def try_std(self, patches: Sequence[Patch], session: Session) -> None:
        self._plan(patches, session, self._read_held(session))

    def apply_std(self, patches: Sequence[Patch], session: Session) -> None:
        held = self._read_held(session)
        for step in self._plan(patches, session, held):
            try:
                self._take(step, session, held)
            except (SlateError, KeyboardInterrupt):
                if step.order is not Order.NONE:
                    self._tell_nodes(step.patches, session)
                raise

    def _take(self, step: Step, session: Session, held: _Held) -> None:
        if step.order is Order.FOLLOWERS:
            for node in self._reached(session):
                self._apply(node, step.patches, session, held)
                _logger.info("Applied %s on %s, before the source.", name_patches(step.patches), node.name)
        elif step.order is Order.SOURCE:
            self._announce(step.patches, session, held)
        self._apply_to_source(step, session, held)
        if step.order is Order.SOURCE:
            self._follow_all(step.patches, session)

    def _follow_all(self, patches: Sequence[Patch], session: Session) -> None:
        """Completes the patches on every follower that can have them; one that cannot keeps nobody else waiting."""
        errors: list[SlateError] = []
        for one in self.followers:
            try:
                self._follow(one, patches, session)
            except SlateError as error:
                errors.append(error)
        for further in errors[1:]:
            _logger.warning("%s %s", further.what, further.why)
        if errors:
            raise errors[0]

    def _tell_nodes(self, patches: Sequence[Patch], session: Session) -> None:
        """Says of every node whether it has the patches, where some have them and others do not."""
        states = {node.name: _state(node, patches, session) for node in (self.nodes[0], *self._reached(session))}
        if "applied" in states.values():
            tell_states(f"{name_patches(patches).capitalize()} std", states)

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
                rehearse(node, coming, session)
        groups = itertools.groupby(patches, key=lambda patch: orders[patch.number])
        return [Step(order, tuple(group)) for order, group in groups]

    def _find_orders(self, patches: Sequence[Patch], session: Session) -> dict[Number, Order]:
        """What each patch does to published tables, found by running it on the source and rolling it back."""
        orders = {patch.number: Order.NONE for patch in patches}
        if not patches or not (self.followers or self._unknown):
            return orders
        for_followers, for_strangers = Look(self.publications), Look(None)

        def look(connection: Connection) -> tuple[Shapes, Shapes]:
            return for_followers(connection), for_strangers(connection) if self._unknown else {}

        seen = rehearse(self.nodes[0], patches, session, look)
        for patch, (before, after) in zip(patches, itertools.pairwise(seen), strict=True):
            refuse_changes(patch, before[1], after[1], self._unknown)
            orders[patch.number] = judge(patch, before[0], after[0])
        return orders

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

    @property
    def _unknown(self) -> list[Stranger]:
        return [one for one in self.strangers if not one.is_ignored]

    def _reached(self, session: Session) -> list[Node]:
        return [one.node for one in self.followers if one.node.name in session.work]


def _state(node: Node, patches: Sequence[Patch], session: Session) -> str:
    try:
        rows = ledger.read(session.connection(node))
    except psycopg.Error:
        return "does not answer"
    has_all = all((row := rows.get(patch.number)) and row.is_complete for patch in patches)
    return "applied" if has_all else "not applied"


def _look(source: Connection, follower: Follower, lsn: str) -> Standing:
    with server_errors(f"say how far {follower.node.name} is"):
        row = source.execute(_STANDING, {"lsn": lsn, "slots": list(follower.slots)}).fetchone()
    assert row
    return Standing(*row)
