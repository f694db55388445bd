"""What a run is to apply, from the files and the ledgers alone."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from init_slate_db.core.errors import SlateError
from versioning.migrations.cluster import Cluster, Node
from versioning.migrations.ledger import Ledger, Row
from versioning.migrations.patches import Folder, Number, Patch, PatchType, label

Ledgers = Mapping[str, Ledger]
"""The ledger of each node, by its name."""


@dataclass(frozen=True)
class Pending:
    """A patch, and the nodes that lack it, wholly or in part. is_gap: one of them has a later one, and none of this."""

    patch: Patch
    nodes: tuple[Node, ...]
    is_gap: bool = False


@dataclass(frozen=True)
class Drift:
    """A file that is another one than a node has applied."""

    patch: Patch
    node: str
    row: Row

    @property
    def text(self) -> str:
        """Both digests, and both types where they differ."""
        types = f"{self.row.type}, now {self.patch.type}; " if self.row.type != self.patch.type else ""
        return f"{self.patch.label} on {self.node}: {types}applied {self.row.digest}, the file is {self.patch.digest}"


@dataclass(frozen=True)
class Choice:
    """How much of what is pending a run applies. types: none: whichever comes."""

    all: bool = False
    one: bool = False
    types: tuple[PatchType, ...] = ()
    allow_gaps: bool = False


def nodes_of(patch: Patch, cluster: Cluster) -> tuple[Node, ...]:
    """Where the patch must be when it is done."""
    return cluster.std_nodes(patch) if patch.is_std else cluster.nodes


def find_pending(patches: Sequence[Patch], cluster: Cluster, ledgers: Ledgers) -> list[Pending]:
    """What is not complete everywhere, in order. Nodes without a ledger, for want of an answer, are left out."""
    highest = {name: max(ledger, default=None) for name, ledger in ledgers.items()}
    found: list[Pending] = []
    for patch in patches:
        lacking = tuple(node for node in nodes_of(patch, cluster) if _lacks(ledgers.get(node.name), patch.number))
        if lacking:
            absent = [node.name for node in lacking if patch.number not in ledgers[node.name]]
            found.append(Pending(patch, lacking, any(_is_below(patch.number, highest[name]) for name in absent)))
    return found


def _lacks(ledger: Ledger | None, number: Number) -> bool:
    if ledger is None:
        return False
    row = ledger.get(number)
    return row is None or not row.is_complete


def _is_below(number: Number, highest: Number | None) -> bool:
    return highest is not None and number < highest


def find_drift(patches: Iterable[Patch], ledgers: Ledgers) -> list[Drift]:
    """Every file that is another one than a node has applied, or begun to apply."""
    return [
        Drift(patch, name, row)
        for patch in patches
        for name, ledger in ledgers.items()
        if (row := ledger.get(patch.number)) and row.differs_from(patch)
    ]


def find_unknown(patches: Iterable[Patch], ledgers: Ledgers) -> list[tuple[str, Row]]:
    """The rows, each with its node, that no file stands for."""
    known = {patch.number for patch in patches}
    return [(name, row) for name, ledger in ledgers.items() for row in ledger.values() if row.number not in known]


def choose(pending: Sequence[Pending], choice: Choice) -> tuple[tuple[Pending, ...], ...]:
    """The groups that a run applies: adjacent ones of type std, or of types direct and concurrent.

    :raises SlateError: patches-refused: a patch of the types that were asked for stands behind one of another type.
    """
    queue = [one for one in pending if choice.allow_gaps or not one.is_gap]
    if choice.types:
        wanted = list(itertools.takewhile(lambda one: one.patch.type in choice.types, queue))
        if not wanted and any(one.patch.type in choice.types for one in queue):
            first = queue[0].patch
            raise SlateError(
                "patches-refused",
                f"Patch {first.label}, which comes next, is of type {first.type}.",
                why=f"You asked for patches of type {', '.join(choice.types)} alone.",
                hint="Apply that one first: patches go in the order of their numbers.",
            )
        queue = wanted
    groups = [tuple(group) for _, group in itertools.groupby(queue, key=lambda one: one.patch.is_std)]
    if choice.one:
        return tuple(group[:1] for group in groups[:1])
    return tuple(groups if choice.all else groups[:1])


def check_headers(planned: Sequence[Patch], folder: Folder, cluster: Cluster, ledgers: Ledgers) -> None:
    """Makes sure that what the patches require is there before them, and nothing that they conflict with.

    :raises SlateError: patches-refused: every such fault.
    """
    applied = _applied(folder, cluster, ledgers)
    # Who conflicts with a patch, whichever of the two says so.
    conflicts: dict[Number, set[Number]] = {patch.number: set(patch.conflicts) for patch in folder.patches}
    for patch in folder.patches:
        for number in patch.conflicts:
            conflicts.setdefault(number, set()).add(patch.number)
    faults: list[str] = []
    for patch in planned:
        faults += [
            f"{patch.path.name} requires {label(number)}, which is not applied before it"
            for number in patch.requires
            if number not in applied
        ]
        faults += [
            f"{patch.path.name} conflicts with {label(number)}"
            for number in sorted(applied & conflicts.get(patch.number, set()))
        ]
        applied.add(patch.number)
    if faults:
        raise SlateError(
            "patches-refused",
            "The patches do not go together:\n  " + "\n  ".join(faults),
            hint="Nothing was changed.",
        )


def _applied(folder: Folder, cluster: Cluster, ledgers: Ledgers) -> set[Number]:
    """What is complete wherever it belongs, as far as the nodes know; of what has no file, any row counts."""
    files = {patch.number for patch in folder.patches}
    pending = {one.patch.number for one in find_pending(folder.patches, cluster, ledgers)}
    rows = {number for ledger in ledgers.values() for number in ledger}
    return (files - pending) | (rows - files)
