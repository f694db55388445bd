"""What becomes of each item on the way from one schema to another."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from versioning.archive.items import Description, Item

CanAlter = Callable[[Item, Item], bool]
"""Whether an item can be changed into another one as it stands."""

TYPES = ("enum", "domain", "composite type", "range", "collation")
"""What a column's type is made of."""

_RIGHTS = ("owner", "comment", "grants", "default privileges")
_MADE_BY_ROLES = ("schema", "sequence", "function", "aggregate", "table", "view", "materialized view", *TYPES)
# PostgreSQL makes these anew by itself when the type of a column changes.
_FOLLOWS_TYPE = ("index", "constraint", "statistics")
# These do not care about the type of their column.
_INDIFFERENT = (
    *_RIGHTS, "statistics target", "column options", "owned sequence", "sequence", "table", "partition", "inheritance",
    "attached index", "replica identity", "row security",
)  # fmt: skip


class Fate(Enum):
    """What becomes of an item: REBUILD is to be dropped and made anew."""

    KEEP = "keep"
    ALTER = "alter"
    REBUILD = "rebuild"
    DROP = "drop"
    MAKE = "make"


ENDING = (Fate.DROP, Fate.REBUILD)
MADE = (Fate.MAKE, Fate.REBUILD)


def is_plain(column: Item) -> bool:
    """Whether it is a column that is not generated."""
    return column.kind == "column" and column.facts["expression"] is None


def needs_of(item: Item) -> Iterable[str]:
    """What it needs, but for what an item of its own says: a table's parents, and the column that owns a sequence."""
    apart = {"table": "table ", "sequence": "column "}.get(item.kind)
    return (need for need in item.needs if not (apart and need.startswith(apart)))


def has_other_type(before: Item, after: Item) -> bool:
    """Whether a column's type or collation is another one."""
    return any(before.facts[fact] != after.facts[fact] for fact in ("type", "collation"))


@dataclass
class Fates:
    """The fates of all items of both schemas.

    retyped: columns whose type is to be set. loosened: those of them that are text meanwhile, as what their type is
    made of is made anew.
    """

    before: Description
    after: Description
    of: dict[str, Fate]
    retyped: set[str] = field(default_factory=set)
    loosened: set[str] = field(default_factory=set)
    _dependents: dict[str, set[str]] = field(default_factory=dict)
    _contents: dict[str, set[str]] = field(default_factory=dict)
    _attached: dict[str, Item] = field(default_factory=dict)

    def ends(self, identity: str) -> bool:
        return self.of.get(identity) in ENDING

    def is_made(self, identity: str) -> bool:
        return self.of.get(identity) in MADE

    def dependents(self, identity: str) -> Iterable[str]:
        """What needs it before."""
        return self._dependents.get(identity, ())

    def containers(self, identity: str) -> list[str]:
        """What it disappears with, of what ends."""
        item = self.before[identity]
        found = [item.inside] if item.inside and _ends_with_container(item) else []
        if item.kind == "sequence" and (owned := self.before.get(f"owned sequence {item.name}")):
            found += (
                [need for need in owned.needs if need.startswith("column ")] if self.of[identity] is Fate.DROP else []
            )
        found += [parent for parent, link in self._attached_to(identity) if not self.ends(link)]
        return [one for one in found if self.ends(one)]

    def parents_of(self, identity: str, description: Description) -> list[str]:
        """Where a column or a constraint comes from by inheritance."""
        return list(description[identity].facts.get("inherits_from", ()))

    def links(self, child: str, parent: str) -> list[str]:
        """The items by which a table inherits from another one."""
        return [one for one in (f"partition {child}", f"inheritance {child} from {parent}") if one in self.of]

    def is_linked(self, child: str, parent: str) -> bool:
        """Whether the one table inherits from the other all the way through."""
        kept = (Fate.KEEP, Fate.ALTER)
        return any(self.of[link] in kept and _parent(self.before[link]) == parent for link in self.links(child, parent))

    def led_by(self, identity: str, description: Description) -> list[str]:
        """The items of parents that do to this one what is done to them."""
        item = description[identity]
        found = self.parents_of(identity, description)
        return [one for one in found if self.is_linked(item.facts["table"], description[one].facts["table"])]

    def _attached_to(self, identity: str) -> list[tuple[str, str]]:
        """The index of a partitioned table that this one is part of, and what makes their tables so."""
        if (attached := self._attached.get(identity)) is None:
            return []
        return [(attached.facts["parent"], f"partition {self.before[identity].inside.removeprefix('table ')}")]


def _parent(link: Item) -> str:
    return str(link.facts["parent"])


def _ends_with_container(item: Item) -> bool:
    return not item.inside.startswith("schema ") or item.kind in _RIGHTS


def settle(
    before: Description,
    after: Description,
    can_alter: CanAlter,
    rebuilt: Iterable[str] = (),
    loosened: Iterable[str] = (),
) -> Fates:
    """The fates of all items.

    :param rebuilt: items that are to be made anew, though they can be altered.
    :param loosened: columns that are to be text meanwhile, though what their type is made of stays.
    """
    fates = Fates(before, after, {})
    for identity in before.keys() | after.keys():
        fates.of[identity] = _first_fate(before.get(identity), after.get(identity), can_alter)
    for identity in rebuilt:
        if fates.of[identity] in (Fate.KEEP, Fate.ALTER):
            fates.of[identity] = Fate.REBUILD
    fates.loosened.update(one for one in loosened if fates.of[one] is Fate.ALTER)
    fates.retyped.update(fates.loosened)
    _Settling(fates).run()
    return fates


def _first_fate(before: Item | None, after: Item | None, can_alter: CanAlter) -> Fate:
    if before is None:
        return Fate.MAKE
    if after is None:
        return Fate.DROP
    if before.create == after.create:
        return Fate.KEEP
    return Fate.ALTER if can_alter(before, after) else Fate.REBUILD


class _Settling:
    """Carries the end of items, and new types of columns, on to what stands on them."""

    def __init__(self, fates: Fates) -> None:
        self._fates = fates
        self._waiting: deque[str] = deque()
        for identity, item in fates.before.items():
            for need in needs_of(item):
                # A table stays a partition, whatever becomes of the indexes that it had before it was one.
                if item.kind not in ("partition", "inheritance") or need.startswith("table "):
                    fates._dependents.setdefault(need, set()).add(identity)
            if item.inside and _ends_with_container(item):
                fates._contents.setdefault(item.inside, set()).add(identity)
            if item.kind == "attached index":
                fates._attached[item.facts["child"]] = item
                fates._contents.setdefault(item.facts["parent"], set()).add(item.facts["child"])

    def run(self) -> None:
        fates = self._fates
        for identity, fate in list(fates.of.items()):
            if fate is Fate.ALTER:
                self._begin_alter(identity)
        self._waiting.extend(identity for identity in fates.of if fates.ends(identity) or identity in fates.retyped)
        while self._waiting:
            self._spread(self._waiting.popleft())
        self._lift_default_privileges()

    def _lift_default_privileges(self) -> None:
        """What is made on the way has the grants that it is to have, and no others."""
        fates = self._fates
        if not any(item.kind in _MADE_BY_ROLES and fates.is_made(item.identity) for item in fates.after.values()):
            return
        for identity, item in fates.before.items():
            if item.kind == "default privileges" and fates.of[identity] in (Fate.KEEP, Fate.ALTER):
                fates.of[identity] = Fate.REBUILD

    def _begin_alter(self, identity: str) -> None:
        fates = self._fates
        before, after = fates.before[identity], fates.after[identity]
        if before.kind == "column" and has_other_type(before, after):
            fates.retyped.add(identity)
        if before.kind == "table" and before.facts["unlogged"] != after.facts["unlogged"]:
            for other, item in fates.before.items():
                if item.facts.get("type") == "f" and (item.inside == identity or identity in item.needs):
                    self._end(other)

    def _spread(self, identity: str) -> None:
        fates = self._fates
        if not fates.ends(identity):
            for other in fates.dependents(identity):
                if not fates.ends(other):
                    self._meet_new_type(other, identity)
            return
        for other in fates.dependents(identity):
            if not fates.ends(other):
                self._meet_end(other, identity)
        for other in fates._contents.get(identity, ()):
            if identity in fates.containers(other):
                self._end(other)
        for parent, link in fates._attached_to(identity):
            # A part cannot go alone.
            if not fates.ends(link) and not fates.ends(fates.before[identity].inside):
                self._end(parent)

    def _meet_end(self, identity: str, need: str) -> None:
        """What an item does when what it needs comes to its end."""
        fates = self._fates
        before, after = fates.before[identity], fates.after[identity]
        needs_it_still = need in after.needs
        if fates.of[identity] is Fate.ALTER and not needs_it_still:
            return
        if is_plain(before) and is_plain(after) and needs_it_still and fates.before[need].kind in TYPES:
            self._loosen(identity)
        else:
            self._end(identity)

    def _meet_new_type(self, identity: str, column: str) -> None:
        """What an item does when a column that it needs has another type."""
        item = self._fates.before[identity]
        if item.kind in _FOLLOWS_TYPE:
            is_strict = item.facts.get("type") == "f" or column in self._fates.loosened
            if is_strict or self._fates.of[identity] is Fate.ALTER:
                self._end(identity)
        elif item.kind not in _INDIFFERENT and not is_plain(item):
            self._end(identity)

    def _loosen(self, column: str) -> None:
        fates = self._fates
        if column not in fates.loosened:
            fates.of[column] = Fate.ALTER
            fates.retyped.add(column)
            fates.loosened.add(column)
            self._waiting.append(column)

    def _end(self, identity: str) -> None:
        fates = self._fates
        if fates.ends(identity):
            return
        fates.of[identity] = Fate.REBUILD if identity in fates.after else Fate.DROP
        fates.retyped.discard(identity)
        fates.loosened.discard(identity)
        self._waiting.append(identity)
