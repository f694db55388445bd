"""What a patch changes of published tables, and which of the nodes must change first."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from versioning.migrations.shapes import Shapes, Table


class Order(Enum):
    """Where a change is made first, so that rows go on flowing all the time."""

    ANY = "any"
    FOLLOWERS = "followers first"
    SOURCE = "source first"
    NONE = "neither"


@dataclass(frozen=True)
class Change:
    """One change, in words. instead: what to do where no order of the nodes would do.

    publishes: whether all of it is that a table is published which was not.
    """

    order: Order
    text: str
    instead: str = ""
    publishes: bool = False


_RENAME = "Add the new name in one patch, and drop the old one in a later patch when no client uses it any more."
_RETYPE = "Add a column of the new type in one patch, fill it, and drop the old one in a later patch."
_BY_HAND = "Disable the subscriptions, use a patch of type direct, and enable them again."
_OWN_VALUE = "Add it without the default; set the default in a later patch."
_NULLS = "Add it with a default, or add it without NOT NULL, and set that in a later patch."


def find_changes(before: Shapes, after: Shapes) -> list[Change]:
    """What became of the tables that were published before, and of those that are now."""
    changes: list[Change] = []
    for oid, table in before.items():
        if oid not in after:
            changes.append(Change(Order.SOURCE, f"drops table {table.name}"))
        else:
            changes += _compare(table, after[oid])
    return changes + [
        Change(
            Order.NONE,
            f"publishes table {table.name}",
            "Create it with a patch of type direct; add it to the publication, and refresh the subscriptions, by hand.",
            publishes=True,
        )
        for oid, table in after.items()
        if table.is_published and not (oid in before and before[oid].is_published)
    ]


def _compare(before: Table, after: Table) -> Iterator[Change]:
    name = before.name
    if after.name != name:
        yield Change(Order.NONE, f"renames table {name}", _BY_HAND)
    if _identity(before) != _identity(after):
        yield Change(Order.NONE, f"changes what identifies the rows of {name}", _BY_HAND)
    added = {int(number) for number in after.columns.keys() - before.columns.keys()}
    dropped = {int(number) for number in before.columns.keys() - after.columns.keys()}
    yield from _compare_columns(before, after)
    yield from _compare_constraints(before, after, added, dropped)
    yield from _compare_indexes(before, after, dropped)


def _identity(table: Table) -> tuple[str, list[str]]:
    """What decides how subscribers find the row that an UPDATE or DELETE is about."""
    keys = [f"{one['columns']}" for one in table.constraints.values() if one["type"] == "p"]
    return table.identity, keys + [one["definition"] for one in table.indexes.values() if one["identity"]]


def _compare_columns(before: Table, after: Table) -> Iterator[Change]:
    for number, column in before.columns.items():
        place = f"{before.name}.{column['name']}"
        if number not in after.columns:
            yield Change(Order.SOURCE, f"drops column {place}")
        else:
            yield from _compare_column(place, column, after.columns[number])
    for number in sorted(after.columns.keys() - before.columns.keys(), key=int):
        yield _added_column(f"{after.name}.{after.columns[number]['name']}", after.columns[number])


def _added_column(place: str, column: dict[str, Any]) -> Change:
    if column["varies"]:
        return Change(Order.NONE, f"adds column {place}, whose default gives each node values of its own", _OWN_VALUE)
    if column["not_null"] and column["default"] is None:
        return Change(Order.NONE, f"adds column {place}, NOT NULL and without a default", _NULLS)
    return Change(Order.FOLLOWERS, f"adds column {place}")


def _compare_column(place: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    if before["name"] != after["name"]:
        yield Change(Order.NONE, f"renames column {place}", _RENAME)
    if (before["type"], before["generated"]) != (after["type"], after["generated"]):
        yield Change(Order.NONE, f"changes the type of column {place}", _RETYPE)
    if after["not_null"] and not before["not_null"]:
        yield Change(Order.SOURCE, f"sets column {place} NOT NULL")
    if before["not_null"] and not after["not_null"]:
        yield Change(Order.FOLLOWERS, f"lets column {place} be null")
    if (before["default"], before["identity"]) != (after["default"], after["identity"]):
        yield Change(Order.ANY, f"changes the default of column {place}")


def _compare_constraints(before: Table, after: Table, added: set[int], dropped: set[int]) -> Iterator[Change]:
    for oid, constraint in before.constraints.items():
        place = f"constraint {constraint['name']} of {before.name}"
        if oid not in after.constraints:
            goes_with_column = set(constraint["columns"] or ()) & dropped
            yield Change(Order.ANY if goes_with_column else Order.FOLLOWERS, f"drops {place}")
        elif after.constraints[oid]["definition"] != constraint["definition"]:
            yield Change(Order.SOURCE, f"changes {place}")
    for oid, constraint in after.constraints.items():
        if oid not in before.constraints:
            is_on_new = bool(constraint["columns"]) and set(constraint["columns"]) <= added
            order = Order.ANY if is_on_new else Order.SOURCE
            yield Change(order, f"adds constraint {constraint['name']} to {before.name}")


def _compare_indexes(before: Table, after: Table, dropped: set[int]) -> Iterator[Change]:
    for oid, index in before.indexes.items():
        if oid not in after.indexes:
            is_free = not index["unique"] or set(index["columns"]) & dropped
            yield Change(Order.ANY if is_free else Order.FOLLOWERS, f"drops index {index['name']}")
        elif after.indexes[oid]["definition"] != index["definition"]:
            yield Change(Order.ANY, f"changes index {index['name']}")
    for oid, index in after.indexes.items():
        if oid not in before.indexes:
            yield Change(Order.SOURCE if index["unique"] else Order.ANY, f"adds index {index['name']}")
