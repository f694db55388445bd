"""Guesses which of what is dropped may be what is new, under another name."""

from versioning.archive.delta.fates import Fate, Fates, is_plain
from versioning.archive.delta.names import split_name
from versioning.archive.items import Description, Item


def guess_renames(fates: Fates) -> dict[str, tuple[str, ...]]:
    """By columns and tables that are dropped, what the author has to decide about them."""
    lost = [item for identity, item in fates.before.items() if fates.of[identity] is Fate.DROP]
    new = [item for identity, item in fates.after.items() if fates.of[identity] is Fate.MAKE]
    were, are = _columns(fates.before), _columns(fates.after)
    found: dict[str, tuple[str, ...]] = {}
    for item in lost:
        if is_plain(item):
            candidates = [one for one in new if is_plain(one) and _is_alike(item, one)]
        elif item.kind == "table":
            mine = were.get(item.identity)
            candidates = [one for one in new if one.kind == "table" and mine and are.get(one.identity) == mine]
        else:
            continue
        found[item.identity] = tuple(_question(item, one) for one in candidates)
    return found


def _is_alike(lost: Item, new: Item) -> bool:
    return all(lost.facts[fact] == new.facts[fact] for fact in ("table", "type", "collation"))


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
