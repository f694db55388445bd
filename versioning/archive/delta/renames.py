"""Guesses which of what is dropped may be what is new, under another name."""

from collections.abc import Hashable, Mapping

from versioning.archive.delta.fates import Fate, Fates, is_plain
from versioning.archive.delta.names import split_name
from versioning.archive.items import Description, Item

# More questions about one thing help nobody.
_MOST = 3


def guess_renames(fates: Fates) -> dict[str, tuple[str, ...]]:
    """By columns and tables that are dropped, what the author has to decide about them."""
    were, are = _columns(fates.before), _columns(fates.after)
    new: dict[Hashable, list[Item]] = {}
    for identity, item in fates.after.items():
        if fates.of[identity] is Fate.MAKE and (key := _likeness(item, are)):
            new.setdefault(key, []).append(item)
    found: dict[str, tuple[str, ...]] = {}
    for identity, item in fates.before.items():
        if fates.of[identity] is Fate.DROP and (key := _likeness(item, were)):
            found[identity] = tuple(_question(item, one) for one in new.get(key, ())[:_MOST])
    return found


def _likeness(item: Item, columns: Mapping[str, set[str]]) -> Hashable | None:
    """What a column or a table has in common with itself under another name. None: it is neither."""
    if is_plain(item):
        return ("column", *(item.facts[fact] for fact in ("table", "type", "collation")))
    if item.kind == "table" and item.identity in columns:
        return ("table", frozenset(columns[item.identity]))
    return None


def _columns(schema: Description) -> dict[str, set[str]]:
    """The clauses of the columns of each table."""
    found: dict[str, set[str]] = {}
    for item in schema.values():
        if item.kind == "column":
            found.setdefault(item.inside, set()).add(item.create)
    return found


def _question(lost: Item, new: Item) -> str:
    if lost.kind == "column":
        way = f"ALTER TABLE {lost.facts['table']} RENAME COLUMN {lost.facts['column']} TO {new.facts['column']};"
        made = "its ADD COLUMN"
    else:
        (schema, name), (was_in, _) = split_name(new.name), split_name(lost.name)
        move = f" ALTER TABLE {lost.name} SET SCHEMA {schema};" if schema != was_in else ""
        where = schema if move else was_in
        way = f"{move} ALTER TABLE {where}.{split_name(lost.name)[1]} RENAME TO {name};".strip()
        made = "its CREATE TABLE"
    return f"Is it {new.name} now? Then, instead of this and {made}: {way}"
