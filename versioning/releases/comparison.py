"""What changed from one version of an API to another, and what of it breaks those who call it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from versioning.releases.contents import Contents, Routine, Thing, shown

Change = Literal["added", "removed", "signature", "body"]
# Rights and the schema itself are no part of what callers see.
_KINDS = ("type", "enum", "domain", "range", "table", "view", "materialized view")


@dataclass(frozen=True)
class Difference:
    """One change. kind: "function", or of a type or a table. breaking: why a caller of the old version would fail."""

    change: Change
    kind: str
    name: str
    before: str
    after: str
    breaking: str = ""


def compare(old: Contents, new: Contents) -> list[Difference]:
    """All differences, by kind and name."""
    return sorted([*_routines(old, new), *_things(old, new)], key=lambda one: (one.kind, one.name, one.change))


def _routines(old: Contents, new: Contents) -> Iterator[Difference]:
    for key in old.routines.keys() & new.routines.keys():
        before, after = old.routines[key], new.routines[key]
        if _interface(before) != _interface(after):
            breaking = _break(before, after)
            yield _difference("signature", before, after, breaking)
        elif before.definition != after.definition:
            yield _difference("body", before, after, "")
    gone, come = _by_name(old, new), _by_name(new, old)
    for name in gone.keys() | come.keys():
        left, right = gone.get(name, []), come.get(name, [])
        if len(left) == len(right) == 1:
            yield _difference("signature", left[0], right[0], _break(left[0], right[0]))
            continue
        yield from (_difference("removed", one, None, "it is gone") for one in left)
        yield from (_difference("added", None, one, "") for one in right)


def _by_name(these: Contents, others: Contents) -> dict[str, list[Routine]]:
    """Those of the routines that the other side has not, by name."""
    own = sorted((one for key, one in these.routines.items() if key not in others.routines), key=lambda one: one.name)
    return {name: list(group) for name, group in groupby(own, lambda one: one.name)}


def _interface(routine: Routine) -> tuple[str, ...]:
    return routine.arguments, routine.result, routine.kind


def _break(before: Routine, after: Routine) -> str:
    """Why a call that the old one takes would fail, or give something else; "": it would not."""
    old_types, new_types = _types(before), _types(after)
    more = len(new_types) - len(old_types)
    if before.kind != after.kind:
        return "it is of another kind"
    if new_types[: len(old_types)] != old_types or more < 0:
        return "its arguments are others"
    if more > 0 and after.defaults < more + before.defaults:
        return "it wants more arguments"
    if after.defaults < before.defaults:
        return "an argument has no default any more"
    if any(after.names[position : position + 1] != [name] for position, name in enumerate(before.names) if name):
        return "an argument has another name"
    return "its result is another" if before.result != after.result else ""


def _types(routine: Routine) -> list[str]:
    return [one for one in routine.types.split(", ") if one]


def _difference(change: Change, before: Routine | None, after: Routine | None, breaking: str) -> Difference:
    routine = after or before
    assert routine
    return Difference(change, "function", routine.name, _told(before), _told(after), breaking)


def _told(routine: Routine | None) -> str:
    if routine is None:
        return ""
    return shown(routine.signature)


def _things(old: Contents, new: Contents) -> Iterator[Difference]:
    for key in sorted(old.things.keys() | new.things.keys()):
        before, after = old.things.get(key), new.things.get(key)
        thing = before or after
        assert thing
        if thing.kind not in _KINDS or (before and after and before.definition == after.definition):
            continue
        change: Change = "signature" if before and after else "removed" if before else "added"
        breaking = "it is gone" if after is None else _break_of_thing(before, after) if before else ""
        yield Difference(change, thing.kind, thing.name, _definition(before), _definition(after), breaking)


def _break_of_thing(before: Thing, after: Thing) -> str:
    old, new = before.definition.split("\n"), after.definition.split("\n")
    if before.kind == "enum":
        kept = [one for one in new if one in old]
        return "" if kept == old else "a value is gone, or stands elsewhere"
    if before.kind in ("table", "view", "materialized view"):
        return "" if set(old) <= set(new) else "a column is gone, or another one"
    return "its definition is another"


def _definition(thing: Thing | None) -> str:
    return shown(thing.definition) if thing else ""
