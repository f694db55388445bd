"""How an item becomes another one as it stands: the DDL, and what is to be decided about it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from versioning.archive.delta.fates import is_plain
from versioning.archive.items import Description, Item


@dataclass(frozen=True)
class Alteration:
    """DDL that changes one item. notes: what the author of the delta has to decide before."""

    statements: tuple[str, ...]
    notes: tuple[str, ...] = ()


def alter(before: Item, after: Item, schema: Description) -> Alteration | None:
    """What changes one item into the other; None: it has to be made anew. Not for columns: see columns.

    :param schema: all of what is to be.
    """
    if found := _WAYS.get(before.kind):
        return found(before, after, schema)
    return Alteration((after.create,)) if before.kind in _SAID_ANEW else None


# What these say holds from then on, whatever was before.
_SAID_ANEW = ("default", "comment", "owner", "owned sequence", "replica identity", "storage", "statistics target")


def can_alter_column(before: Item, after: Item) -> bool:
    """Whether a column keeps its data, or need not be computed anew."""
    was, becomes = before.facts["expression"], after.facts["expression"]
    if was is None and becomes is None:
        return True
    if was is not None and becomes is None:
        return bool(before.facts["stored"])
    facts = ("expression", "stored", "type", "collation", "identity")
    return all(before.facts[fact] == after.facts[fact] for fact in facts)


def can_alter(before: Item, after: Item, schema: Description) -> bool:
    """Whether one item can become the other as it stands."""
    if before.kind == "column":
        return can_alter_column(before, after)
    return alter(before, after, schema) is not None


def _alter_extension(before: Item, after: Item, schema: Description) -> Alteration | None:
    place = after.create.rpartition(" WITH SCHEMA ")[2]
    return Alteration((f"ALTER EXTENSION {after.name} SET SCHEMA {place}",))


def _alter_enum(before: Item, after: Item, schema: Description) -> Alteration | None:
    """Labels are added where they are to be; for anything else the type has to be made anew."""
    labels, wanted = before.facts["labels"] or [], after.facts["labels"] or []
    if [label for label in wanted if label in labels] != labels:
        return None
    new = [label for label in wanted if label not in labels]
    # A label can be used only after the transaction that adds it.
    users = (item for item in schema.values() if after.identity in item.needs and item.kind != "comment")
    if any(label in item.create for item in users for label in new):
        return None
    statements, previous = [], None
    for label in wanted:
        if label in new:
            first = next((one for one in wanted if one in labels), None)
            where = f" AFTER {quote(previous)}" if previous is not None else f" BEFORE {quote(first)}" if first else ""
            statements.append(f"ALTER TYPE {after.name} ADD VALUE {quote(label)}{where};")
        previous = label
    return Alteration(tuple(statements))


def _alter_domain(before: Item, after: Item, schema: Description) -> Alteration | None:
    if before.facts["base"] != after.facts["base"]:
        return None
    statements, notes, head = [], [], f"ALTER DOMAIN {after.name}"
    if before.facts["default"] != (preset := after.facts["default"]):
        statements.append(f"{head} {'DROP DEFAULT' if preset is None else f'SET DEFAULT {preset}'};")
    if before.facts["not_null"] != after.facts["not_null"]:
        statements.append(f"{head} {'SET' if after.facts['not_null'] else 'DROP'} NOT NULL;")
        if after.facts["not_null"]:
            notes.append(f"Where a column of {after.name} holds a null, this fails: fill it before.")
    return Alteration(tuple(statements), tuple(notes))


def _alter_composite(before: Item, after: Item, schema: Description) -> Alteration | None:
    """Attributes are added at the end, and dropped; in use, their types cannot be changed."""
    were, are = _attributes(before), _attributes(after)
    kept = [one for one in were if one in are]
    if are[: len(kept)] != kept:
        return None
    lost, new = [one for one in were if one not in are], [one for one in are if one not in were]
    head = f"ALTER TYPE {after.name}"
    statements = [f"{head} DROP ATTRIBUTE {_first_name(one)};" for one in lost]
    statements += [f"{head} ADD ATTRIBUTE {one};" for one in new]
    notes = [f"Columns of {after.name} lose what is in {_first_name(one)}." for one in lost]
    return Alteration(tuple(statements), tuple(notes))


def _attributes(composite: Item) -> list[str]:
    lines = composite.create.splitlines()[1:-1]
    return [line.strip().removesuffix(",") for line in lines]


def _first_name(clause: str) -> str:
    found = re.match(r'"(?:[^"]|"")+"|[^ ]+', clause)
    return found[0] if found else clause


def _alter_sequence(before: Item, after: Item, schema: Description) -> Alteration | None:
    statements, notes = [], []
    if before.facts["unlogged"] != after.facts["unlogged"]:
        statements.append(f"ALTER SEQUENCE {after.name} SET {'UNLOGGED' if after.facts['unlogged'] else 'LOGGED'};")
    if before.facts["shape"] != (shape := after.facts["shape"]):
        stands, (_, least, most) = _bounds(before.facts["shape"])[0], _bounds(shape)
        restart = "" if least <= stands <= most else " RESTART"
        if restart:
            notes.append(f"Where {after.name} stands is lost, as it may be beyond its bounds now.")
        statements.append(f"ALTER SEQUENCE {after.name} AS {shape}{restart};")
    return Alteration(tuple(statements), tuple(notes))


def _bounds(shape: str) -> tuple[int, int, int]:
    """Where a sequence starts, and its least and largest value."""
    start, least, most = (
        int(found[1]) if (found := re.search(rf"{word} (-?\d+)", shape)) else 0
        for word in ("START WITH", "MINVALUE", "MAXVALUE")
    )
    return start, least, most


def _alter_function(before: Item, after: Item, schema: Description) -> Alteration | None:
    same = before.facts["shape"] == after.facts["shape"] and before.facts["defaults"] <= after.facts["defaults"]
    return Alteration((after.create,)) if same else None


def _alter_view(before: Item, after: Item, schema: Description) -> Alteration | None:
    were, are = before.facts["columns"] or [], after.facts["columns"] or []
    if are[: len(were)] != were:
        return None
    return Alteration((after.create.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1),))


_OPTION = re.compile(r"([\w.]+)=('(?:[^']|'')*')")


def _alter_table(before: Item, after: Item, schema: Description) -> Alteration | None:
    if before.facts["partition_key"] != after.facts["partition_key"]:
        return None
    head, statements = f"ALTER TABLE {after.name}", []
    if before.facts["unlogged"] != after.facts["unlogged"]:
        statements.append(f"{head} SET {'UNLOGGED' if after.facts['unlogged'] else 'LOGGED'};")
    if before.facts["method"] != after.facts["method"]:
        statements.append(f"{head} SET ACCESS METHOD {after.facts['method'] or 'heap'};")
    were, are = (dict(_OPTION.findall(item.facts["options"])) for item in (before, after))
    if lost := [name for name in were if name not in are]:
        statements.append(f"{head} RESET ({', '.join(lost)});")
    if new := [f"{name}={value}" for name, value in are.items() if were.get(name) != value]:
        statements.append(f"{head} SET ({', '.join(new)});")
    return Alteration(tuple(statements))


def _alter_constraint(before: Item, after: Item, schema: Description) -> Alteration | None:
    facts = before.facts
    if "validated" not in facts or facts["validated"] or not after.facts["validated"]:
        return None
    if facts["definition"].removesuffix(" NOT VALID") != after.facts["definition"]:
        return None
    return Alteration((f"ALTER TABLE {after.facts['table']} VALIDATE CONSTRAINT {after.facts['name']};",))


_WAYS: dict[str, Callable[[Item, Item, Description], Alteration | None]] = {
    "extension": _alter_extension,
    "enum": _alter_enum,
    "domain": _alter_domain,
    "composite type": _alter_composite,
    "sequence": _alter_sequence,
    "function": _alter_function,
    "view": _alter_view,
    "table": _alter_table,
    "constraint": _alter_constraint,
}


def quote(text: str | None) -> str:
    """A string as an SQL literal."""
    return "'" + (text or "").replace("'", "''") + "'"


def lost_data(item: Item) -> str | None:
    """What goes for good when an item is dropped; None: nothing that DDL cannot bring back."""
    if item.kind == "table":
        return f"The rows of {item.name} are lost."
    if is_plain(item):
        return f"What is in {item.name} is lost."
    return None
