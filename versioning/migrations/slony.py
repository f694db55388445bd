"""A source that Slony replicates: std patches reach every node at one point of the event stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from init_slate_db.core.connection import server_errors
from init_slate_db.core.errors import SlateError
from versioning.migrations import ledger, slonik
from versioning.migrations.apply import name_patches, told_errors
from versioning.migrations.cluster import Node, Session
from versioning.migrations.locks import with_patience
from versioning.migrations.patches import Patch
from versioning.migrations.rehearsal import rehearse
from versioning.migrations.slony_nodes import Catalog
from versioning.migrations.statements import Statement, split
from versioning.migrations.waiting import STANDSTILL, Standing, wait_for_arrival

# What is no setting, or one that ends with the transaction.
_FOR_THE_TRANSACTION = ("LOCAL", "TRANSACTION", "CONSTRAINTS")


@dataclass(frozen=True)
class SlonyCluster:
    """A Slony cluster, seen from the origin of its sets.

    numbers: of each node, by its name. subscribers: the nodes that get what happens on the origin.
    """

    catalog: Catalog
    nodes: tuple[Node, ...]
    numbers: Mapping[str, int]
    subscribers: tuple[Node, ...]

    @property
    def kind(self) -> str:
        return f"Slony cluster {self.catalog.name}"

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def std_nodes(self, patch: Patch) -> tuple[Node, ...]:
        return self.nodes[:1] + self.subscribers

    def check_direct(self, patches: Sequence[Patch], session: Session) -> None:
        """Only the nodes follow."""

    def try_std(self, patches: Sequence[Patch], session: Session) -> None:
        """Tries the patches on the subscribers: one that fails there would end replication."""
        slonik.find_slonik()
        _refuse_settings(patches)
        for node in self._reached(session):
            if new := _lacks(node, patches, session):
                rehearse(node, new, session, as_replica=True)

    def apply_std(self, patches: Sequence[Patch], session: Session) -> None:
        source = self.nodes[0]
        new = _lacks(source, patches, session)
        numbers = {patch.number for patch in new}
        sent = [patch for patch in patches if patch.number not in numbers]
        # What comes next may build on what is still under way.
        self._wait(sent, session)
        if new:
            slonik.find_slonik()
            # Of what fails there slonik would not tell the place.
            rehearse(source, new, session)
            self.try_std(new, session)
            self._send(new, session)
            self._wait(new, session)

    def _send(self, patches: Sequence[Patch], session: Session) -> None:
        """Has slonik apply the patches on the origin, in one transaction, which subscribers repeat."""
        source = self.nodes[0]
        which = name_patches(patches)
        script = slonik.make_script(patches, session.origin)
        number = self.numbers[source.name]
        parameters = session.work[source.name].parameters
        with told_errors(source, f"apply {which} on {source.name}", "Nothing of it was applied."):
            ended = with_patience(
                f"apply {which}",
                source,
                session,
                lambda: slonik.execute_script(self.catalog.name, number, parameters, script, session.patience),
            )
        # The ledger tells what became of it, whatever slonik says.
        if _lacks(source, patches, session):
            raise SlateError(
                "slonik-failed",
                f"slonik has not applied {which} on {source.name}.",
                why=slonik.read_message(ended),
                hint="Nothing of it was applied on any node.",
            )

    def _wait(self, patches: Sequence[Patch], session: Session) -> None:
        """Waits until all subscribers have the patches.

        :raises SlateError: node-behind: some do not get on.
        """
        if not patches or not self.subscribers:
            return
        if not any(_lacks(node, patches, session) for node in self._reached(session)):
            return
        last = self._flush(patches, session)
        faults: list[str] = []
        for node in self._reached(session):
            look = partial(self._look, node, patches, session, last)
            standing = wait_for_arrival(f"{name_patches(patches)} to reach {node.name}", look)
            if missing := _lacks(node, patches, session):
                faults.append(f"{node.name} lacks {name_patches(missing)}: {_explain(standing, last)}")
        if faults:
            raise SlateError(
                "node-behind",
                f"The origin has {name_patches(patches)}, and some of its subscribers lack them:\n  "
                + "\n  ".join(faults),
                hint="They get them from Slony's stream, when it flows again. Then run the command again: it waits"
                " for them, and applies nothing twice.",
            )

    def _flush(self, patches: Sequence[Patch], session: Session) -> int:
        """Has the origin send the patches, also if no slon works for it, and a run was killed before it had.

        The number of the event that carries them.
        """
        source = self.nodes[0]
        which = name_patches(patches)

        def attempt() -> int:
            return self.catalog.make_event(session.connection(source))

        with server_errors(f"send {which}"):
            return with_patience(f"send {which}", source, session, attempt)

    def _look(self, node: Node, patches: Sequence[Patch], session: Session, last: int) -> Standing:
        with server_errors(f"say how far {node.name} is"):
            confirmed = self.catalog.read_confirmed(session.connection(self.nodes[0]), self.numbers[node.name])
            is_served = self.catalog.is_served(session.connection(node))
        # In this order: what was confirmed before is in the ledger now.
        has_all = not _lacks(node, patches, session)
        return Standing(has_all or confirmed >= last, confirmed, is_served)

    def _reached(self, session: Session) -> list[Node]:
        return [node for node in self.subscribers if node.name in session.work]


def _lacks(node: Node, patches: Sequence[Patch], session: Session) -> list[Patch]:
    """Those of the patches that the node's ledger does not have."""
    with server_errors(f"read the ledger of {node.name}"):
        rows = ledger.read(session.connection(node))
    return [patch for patch in patches if not ((row := rows.get(patch.number)) and row.is_complete)]


def _explain(standing: Standing, last: int) -> str:
    if standing.has_arrived:
        return (
            "it has confirmed all events, so they will not come any more; it joined later, or lost its ledger."
            " Where its schema has them, copy these rows of slate.patch from the origin"
        )
    if not standing.is_served:
        return "no slon serves it"
    return f"it stands at event {standing.step} of {last} for {STANDSTILL} seconds; see the log of its slon"


def _refuse_settings(patches: Sequence[Patch]) -> None:
    """:raises SlateError: patches-refused: a patch sets what it may not set there."""
    faults = [
        f"{patch.path.name}: line {statement.line}: {' '.join(statement.names[:2])}"
        for patch in patches
        for statement in split(patch.text)
        if _is_unfit(statement)
    ]
    if faults:
        raise SlateError(
            "patches-refused",
            "Under Slony a patch may not change its role, nor set anything beyond its transaction:\n  "
            + "\n  ".join(faults),
            why="Slony runs it on the subscribers in a function whose role is fixed, in a session that goes on.",
            hint="Use SET LOCAL; instead of a change of role, ALTER … OWNER TO. Nothing was changed.",
        )


def _is_unfit(statement: Statement) -> bool:
    if statement.begins("SET", "LOCAL", "ROLE") or statement.begins("SET", "LOCAL", "SESSION"):
        return True
    if statement.begins("SET"):
        return statement.tokens[1:2] == () or statement.tokens[1] not in _FOR_THE_TRANSACTION
    return statement.begins("RESET") or statement.begins("DISCARD")
