"""The nodes that patches are applied to, and what a kind of cluster has to know about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from init_slate_db.core.addresses import Address, Reached, parameters_of, unasked
from init_slate_db.core.connection import Connection
from init_slate_db.core.conninfo import describe_database
from versioning import PROGRAM
from versioning.migrations.patches import Patch


@dataclass(frozen=True)
class Node:
    """A database that patches are applied to. name: as told to the operator."""

    name: str
    address: Address


@dataclass(frozen=True)
class Origin:
    """Who applies patches, and from where, for the ledger. role: the database's; came_from: user@machine."""

    role: str
    came_from: str


@dataclass(frozen=True)
class LockPatience:
    """How locks are waited for. timeout: of one attempt, in milliseconds; tries: how many attempts."""

    timeout: int = 2000
    tries: int = 10


@dataclass(frozen=True)
class Session:
    """One run under way.

    work: of each node, by its name, the connection that patches go through, in autocommit mode.
    watch: likewise a second one, which holds the turn and never a transaction.
    fresh: likewise the SQL that undoes what a patch has set in its session.
    """

    work: Mapping[str, Reached]
    watch: Mapping[str, Connection]
    fresh: Mapping[str, str]
    origin: Origin
    patience: LockPatience = LockPatience()

    def connection(self, node: Node) -> Connection:
        """What patches go through to the node."""
        return self.work[node.name].connection


def place_of(address: Address) -> str:
    """Host, port and database, for messages, of what need not answer. Nobody is asked who the user is."""
    return describe_database(parameters_of(unasked(address), PROGRAM))


def count(nodes: Sequence[Node]) -> str:
    """How many they are, in words."""
    return "one node" if len(nodes) == 1 else f"{len(nodes)} nodes"


class Cluster(Protocol):
    """What a source and its followers are, and how a std patch reaches them."""

    @property
    def kind(self) -> str:
        """In words, for the operator: "one node", "Slony cluster main"."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The source first."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the operator is to know of the cluster beside its nodes."""

    def std_nodes(self, patch: Patch) -> tuple[Node, ...]:
        """Where the std patch must have a row in the ledger when it is done."""

    def apply_std(self, patches: Sequence[Patch], session: Session) -> None:
        """Applies a group of std patches, on each node wholly or not at all, rows of the ledger included.

        The group is what is pending on some node; a node that has a patch already is not given it again. The
        ledger is on every node when this is called.

        :raises SlateError: patch-failed, lock-not-had, or a code of the connection.
        """

    def check_direct(self, patches: Sequence[Patch], session: Session) -> None:
        """Tries direct patches on the source, as far as others than the nodes are concerned, and changes nothing.

        :raises SlateError: what speaks against it.
        """

    def try_std(self, patches: Sequence[Patch], session: Session) -> None:
        """Tries a group, as far as more is to be known of it than that the source takes it, and changes nothing.

        For a dry run, which runs the group on the source itself. There may be no ledger yet.

        :raises SlateError: what apply_std would refuse.
        """
