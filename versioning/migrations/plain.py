"""One node, or several that nothing keeps alike: a std patch is for the source alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from versioning.migrations.apply import apply_in_transaction
from versioning.migrations.cluster import Node, Session, count
from versioning.migrations.patches import Patch


@dataclass(frozen=True)
class PlainCluster:
    """Nodes that the operator named, the source first."""

    nodes: tuple[Node, ...]

    @property
    def kind(self) -> str:
        return count(self.nodes)

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def std_nodes(self, patch: Patch) -> tuple[Node, ...]:
        return self.nodes[:1]

    def apply_std(self, patches: Sequence[Patch], session: Session) -> None:
        apply_in_transaction(self.nodes[0], patches, session)

    def check_direct(self, patches: Sequence[Patch], session: Session) -> None:
        """Nobody follows."""

    def try_std(self, patches: Sequence[Patch], session: Session) -> None:
        """The source is all there is to know."""
