"""The order of the steps of a delta: what is dropped goes after what needs it, what is made after what it needs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from init_slate_db.core.errors import SlateError
from versioning.archive.delta.alterations import can_alter
from versioning.archive.delta.columns import CanCast, sequence_of
from versioning.archive.delta.fates import Fate, Fates, needs_of, settle
from versioning.archive.delta.names import split_name
from versioning.archive.delta.operations import Operation, Operations
from versioning.archive.items import Description, Item
from versioning.archive.writing import Place, order, place_of

DROP, LOOSEN, MAKE = "drop", "loosen", "make"
Step = tuple[str, str]
"""DROP, LOOSEN or MAKE, and an identity."""

# What changes everything that is done meanwhile.
_AROUND = ("default privileges", "event trigger")
# These are in the way of nothing, so they change after what stands on them has been dropped.
_ALTERED_FREE = ("column", "table", "domain", "enum", "composite type", "sequence")
_RELATIONS = ("table", "view", "materialized view", "sequence", "index", "composite type")
_TYPES = ("table", "view", "materialized view", "composite type", "enum", "domain", "range")
# What can be dropped and made anew without anybody's loss.
_CHEAP = ("function", "view", "default", "constraint", "owned sequence", "owner", "comment", "replica identity")


def plan(before: Description, after: Description, can_cast: CanCast, *, with_partitions: bool) -> list[Operation]:
    """The steps from one schema to another, in order.

    :raises SlateError: delta-impossible: there is no order.
    """

    def may_alter(one: Item, other: Item) -> bool:
        return can_alter(one, other, after)

    rebuilt: set[str] = set()
    explicit: set[str] = set()
    loosened: set[str] = set()
    cycle: list[Step] | None = None
    # Each round takes one obstacle out of the way, and there are no more than items.
    for _ in range(len(before) + 1):
        fates = settle(before, after, may_alter, rebuilt, loosened)
        operations = Operations(fates, can_cast, with_partitions, set(explicit))
        ordering = _Ordering(fates, operations)
        cycle = ordering.find_cycle()
        if cycle is None:
            return ordering.operations()
        if not _break(cycle, operations, explicit, rebuilt, loosened):
            break
    steps = "; ".join(f"{verb} {identity}" for verb, identity in (cycle or ())[:6])
    raise SlateError(
        "delta-impossible",
        f"There is no order for what leads there: {steps}.",
        why="Each would have to come after the one before it.",
        hint="Write the delta yourself, in two versions if need be.",
    )


def _break(
    cycle: list[Step], operations: Operations, explicit: set[str], rebuilt: set[str], loosened: set[str]
) -> bool:
    """Whether a way out was found. Adds what is to be dropped by itself, made anew, or text meanwhile."""
    fates = operations.fates
    for verb, identity in cycle:
        if verb == DROP and operations.goes_with_others(identity) and fates.before[identity].drop:
            explicit.add(identity)
            return True
    for verb, identity in cycle:
        if verb == MAKE and fates.of[identity] is Fate.ALTER and fates.after[identity].kind in _CHEAP:
            rebuilt.add(identity)
            return True
    for verb, identity in cycle:
        # Columns that exchange their types, both of which are made anew.
        if verb == MAKE and identity in fates.retyped - fates.loosened:
            loosened.add(identity)
            return True
    return False


class _Ordering:
    """The graph of the steps."""

    def __init__(self, fates: Fates, operations: Operations) -> None:
        self._fates = fates
        self._operations = operations
        self._needs: dict[Step, set[Step]] = {}
        for identity, fate in fates.of.items():
            # An index is no part of another one any longer when either, or what makes it so, is dropped.
            if fates.ends(identity) and not identity.startswith("attached index "):
                self._needs[DROP, identity] = set()
            if fate in (Fate.MAKE, Fate.REBUILD, Fate.ALTER) and operations.maker(identity) == identity:
                self._needs[MAKE, identity] = set()
        for identity in fates.loosened:
            self._needs[LOOSEN, identity] = set()
        self._make_keys_explicit()
        for find in (
            self._ends, self._makings, self._alterations, self._loosenings, self._links, self._names, self._rights,
            self._led, self._sequences,
        ):  # fmt: skip
            for step, need in find():
                self._add(step, need)

    def _add(self, step: Step, need: Step) -> None:
        step, need = self._resolve(step), self._resolve(need)
        if step != need and step in self._needs and need in self._needs:
            self._needs[step].add(need)

    def _resolve(self, step: Step) -> Step:
        return (MAKE, self._operations.maker(step[1])) if step[0] == MAKE else step

    def find_cycle(self) -> list[Step] | None:
        try:
            TopologicalSorter(self._needs).prepare()
        except CycleError as error:
            return list(reversed(error.args[1]))
        return None

    def operations(self) -> list[Operation]:
        """The steps in order, without those that go without saying."""
        first: list[Step] = []
        middle: list[Step] = []
        last: list[Step] = []
        for step in self._in_order():
            is_around = self._item(step).kind in _AROUND or self._item(step).inside.startswith("event trigger ")
            (middle if not is_around else first if step[0] == DROP else last).append(step)
        written = [getattr(self._operations, verb)(identity) for verb, identity in (*first, *middle, *last)]
        return [operation for operation in written if operation.text]

    def _in_order(self) -> list[Step]:
        steps = {" ".join(step): step for step in self._needs}
        needs = {" ".join(step): [" ".join(need) for need in needed] for step, needed in self._needs.items()}
        places = {name: self._place(step) for name, step in steps.items()}
        return [steps[name] for name in order(needs, places)]

    def _place(self, step: Step) -> Place:
        """Drops as early as can be, the makings of one table together."""
        verb, _ = step
        item = self._item(step)
        if verb == MAKE:
            return place_of(item, self._fates.after)
        rank = place_of(replace(item, inside=""), self._fates.before)[1]
        return (False, -1 - rank if verb == DROP else -1, item.name, 0, "")

    def _item(self, step: Step) -> Item:
        verb, identity = step
        return (self._fates.after if verb == MAKE else self._fates.before)[identity]

    def _make_keys_explicit(self) -> None:
        """Tables that refer to each other can be dropped when they do not any longer."""
        fates = self._fates
        for identity, item in fates.before.items():
            if item.facts.get("type") == "f" and fates.ends(identity):
                others = {fates.before[need].inside or need for need in item.needs} - {item.inside}
                if any(fates.ends(one) for one in others if one.startswith("table ")):
                    self._operations.explicit.add(identity)

    def _really(self, identity: str) -> set[str]:
        """What is dropped so that an item ends: itself, or what it is in."""
        if not self._operations.goes_with_others(identity):
            return {identity}
        return {one for above in self._fates.containers(identity) for one in self._really(above)}

    def _ends(self) -> Iterator[tuple[Step, Step]]:
        fates = self._fates
        for identity in [one for verb, one in self._needs if verb == DROP]:
            yield (MAKE, identity), (DROP, identity)
            really = self._really(identity)
            for one in really - {identity}:
                yield (DROP, identity), (DROP, one)
            for other in fates.dependents(identity):
                if not fates.ends(other):
                    # What is altered lets go of it; what is loosened has before.
                    if other not in fates.loosened:
                        yield from (((DROP, one), (MAKE, other)) for one in really)
                elif not really & self._really(other):
                    yield (DROP, identity), (DROP, other)
                    yield from (((DROP, one), (DROP, other)) for one in really)

    def _makings(self) -> Iterator[tuple[Step, Step]]:
        for identity, item in self._fates.after.items():
            for need in needs_of(item):
                yield (MAKE, identity), (MAKE, need)
                around = self._fates.after[need].inside
                if around.startswith("table ") and self._fates.of[around] is Fate.ALTER:
                    yield (MAKE, identity), (MAKE, around)

    def _alterations(self) -> Iterator[tuple[Step, Step]]:
        fates = self._fates
        for identity, fate in fates.of.items():
            if fate is Fate.ALTER and fates.before[identity].kind in _ALTERED_FREE:
                for other in fates.dependents(identity):
                    yield (MAKE, identity), (DROP, other)

    def _loosenings(self) -> Iterator[tuple[Step, Step]]:
        fates = self._fates
        for identity in fates.loosened:
            yield (MAKE, identity), (LOOSEN, identity)
            for need in fates.before[identity].needs:
                yield (DROP, need), (LOOSEN, identity)
            for other in fates.dependents(identity):
                yield (LOOSEN, identity), (DROP, other)

    def _links(self) -> Iterator[tuple[Step, Step]]:
        """A table leaves its parent before either changes, and comes to another one when both have."""
        fates = self._fates
        ended, made = (
            [one for one in schema.values() if one.kind in ("partition", "inheritance") and test(one.identity)]
            for schema, test in ((fates.before, fates.ends), (fates.after, fates.is_made))
        )
        for tables, verb in ((ended, DROP), (made, MAKE)):
            schema = fates.before if verb == DROP else fates.after
            inside = _by_container(schema, ("column", "constraint", "index", "default"))
            for link in tables:
                for table in (link.facts["child"], link.facts["parent"]):
                    for other in inside(f"table {table}"):
                        if verb == DROP:
                            yield (DROP, other), (DROP, link.identity)
                            yield (MAKE, other), (DROP, link.identity)
                        elif schema[other].kind == "column":
                            yield (MAKE, link.identity), (MAKE, other)

    def _names(self) -> Iterator[tuple[Step, Step]]:
        """What takes a name comes after what had it."""
        had: dict[tuple[str, str], list[str]] = {}
        for verb, identity in self._needs:
            if verb == DROP:
                for key in _names_of(self._fates.before[identity]):
                    had.setdefault(key, []).append(identity)
        for identity, item in self._fates.after.items():
            if self._fates.is_made(identity):
                for key in _names_of(item):
                    yield from (
                        ((MAKE, identity), (DROP, one)) for other in had.get(key, ()) for one in self._really(other)
                    )
        yield (MAKE, "schema public"), (DROP, "absence of schema public")
        yield (MAKE, "absence of schema public"), (DROP, "schema public")

    def _rights(self) -> Iterator[tuple[Step, Step]]:
        """Grants come from the owner."""
        for schema, verb in ((self._fates.before, DROP), (self._fates.after, MAKE)):
            for identity, item in schema.items():
                if item.kind != "grants" or not item.inside:
                    continue
                around = schema.get(item.inside)
                owner = f"owner of {around.inside if around and around.kind == 'column' else item.inside}"
                if verb == DROP:
                    yield (MAKE, owner), (DROP, identity)
                    yield (DROP, owner), (DROP, identity)
                else:
                    yield (MAKE, identity), (MAKE, owner)
                    yield (MAKE, identity), (DROP, owner)

    def _led(self) -> Iterator[tuple[Step, Step]]:
        """What a parent hands down comes first."""
        fates = self._fates
        for identity in fates.of:
            if identity in fates.before:
                for above in fates.led_by(identity, fates.before):
                    yield from (((verb, identity), (verb, above)) for verb in (DROP, LOOSEN, MAKE))

    def _sequences(self) -> Iterator[tuple[Step, Step]]:
        """A column's own sequence may be one that it had as a default, or the other way round."""
        for schema in (self._fates.before, self._fates.after):
            for owned in schema.values():
                if owned.kind == "owned sequence":
                    sequence = f"sequence {owned.name}"
                    for column in (need for need in owned.needs if need.startswith("column ")):
                        yield (MAKE, owned.identity), (DROP, f"owner of {schema[column].inside}")
                        if schema is self._fates.before:
                            yield (MAKE, column), (DROP, sequence)
                        elif self._drops_identity(column):
                            yield (MAKE, sequence), (MAKE, column)
                        elif self._fates.of[sequence] is self._fates.of[schema[column].inside] is Fate.ALTER:
                            # A table takes its sequences with it when it becomes unlogged.
                            yield (MAKE, sequence), (MAKE, schema[column].inside)

    def _drops_identity(self, column: str) -> bool:
        before = self._fates.before.get(column)
        return bool(before and before.facts["identity"] and not self._fates.after[column].facts["identity"])


def _by_container(schema: Description, kinds: tuple[str, ...]) -> Callable[[str], list[str]]:
    found: dict[str, list[str]] = {}
    for identity, item in schema.items():
        if item.kind in kinds:
            found.setdefault(item.inside, []).append(identity)
    return lambda container: found.get(container, [])


def _names_of(item: Item) -> Iterator[tuple[str, str]]:
    """The names that an item takes, each with what it is a name of."""
    if item.kind in _RELATIONS:
        yield "relation", item.name
    if item.kind in _TYPES:
        yield "type", item.name
    if item.kind in ("function", "aggregate"):
        yield "routine", item.name
    if item.kind == "column" and item.facts["identity"]:
        yield "relation", sequence_of(item)
    if item.kind == "constraint" and item.facts.get("type") in ("p", "u", "x"):
        yield "relation", f"{split_name(item.facts['table'])[0]}.{item.facts['name']}"
