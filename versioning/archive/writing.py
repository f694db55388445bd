"""Writes a schema as DDL that makes it in a new database: one object after another, always in the same order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError
from heapq import heapify, heappop, heappush

from init_slate_db.core.errors import SlateError
from versioning.archive.items import Description, Item

HEADER = "-- A schema on record, by its digest: write changes into deltas, not here.\n"

# Code may name what is only made after it, and comes as it was stored, whatever search_path it is to run under.
PREAMBLE = "SET LOCAL check_function_bodies = false;\nSET LOCAL search_path = '';\n"

_RANKS = (
    "absence of",
    "schema",
    "extension",
    "collation",
    "enum",
    "domain",
    "composite type",
    "range",
    "sequence",
    "function",
    "aggregate",
    "table",
    "view",
    "materialized view",
    "column",
    "default",
    "storage",
    "compression",
    "statistics target",
    "column options",
    "owned sequence",
    "constraint",
    "index",
    "partition",
    "inheritance",
    "attached index",
    "statistics",
    "replica identity",
    "rule",
    "trigger",
    "trigger state",
    "row security",
    "policy",
    "owner",
    "comment",
    "grants",
    "default privileges",
    "event trigger",
)
_RANK = {kind: rank for rank, kind in enumerate(_RANKS)}
# These change what comes after them, so nothing does.
_LAST = ("default privileges", "event trigger")

Place = tuple[int, int, str, int, str]


def place_of(item: Item, description: Description) -> Place:
    """Where an item stands as far as its needs let it: behind what it is inside of."""
    outermost = item
    while outermost.inside in description and outermost.kind not in _LAST:
        around = description[outermost.inside]
        if around.kind == "schema" and item.kind not in ("owner", "comment", "grants"):
            break
        if around.kind == "schema" and outermost is not item:
            break
        outermost = around
    is_last = item.kind in _LAST
    return (is_last, _RANK[outermost.kind], outermost.name, _RANK[item.kind], item.name)


def order(needs: Mapping[str, Iterable[str]], places: Mapping[str, Place]) -> list[str]:
    """The identities, each behind its needs, else by their places.

    :raises SlateError: archive-unfit: some need each other.
    """
    waiting = {identity: {need for need in needed if need in needs} for identity, needed in needs.items()}
    wanted_by: dict[str, list[str]] = {}
    for identity, needed in waiting.items():
        for need in needed:
            wanted_by.setdefault(need, []).append(identity)
    ready = [(places[identity], identity) for identity, needed in waiting.items() if not needed]
    heapify(ready)
    ordered: list[str] = []
    while ready:
        _, identity = heappop(ready)
        ordered.append(identity)
        for other in wanted_by.get(identity, ()):
            waiting[other].discard(identity)
            if not waiting[other]:
                heappush(ready, (places[other], other))
    if len(ordered) < len(needs):
        stuck = sorted(needs.keys() - set(ordered))
        raise SlateError(
            "archive-unfit",
            f"The archive cannot say in which order these are made: {', '.join(stuck[:5])}.",
            why="Each needs another one of them.",
        ) from CycleError(stuck)
    return ordered


def write_schema(description: Description) -> str:
    """The DDL of the whole schema, for one transaction in a new database."""
    inlined, inside = inline(description)
    needs = {
        identity: {_table_of(need, description) for need in item.needs} - {identity}
        for identity, item in inside.items()
    }
    for identity, item in inside.items():
        if item.kind in _LAST:
            needs[identity] |= {other for other, one in inside.items() if one.kind not in _LAST}
    places = {identity: place_of(item, description) for identity, item in inside.items()}
    texts = []
    for identity in order(needs, places):
        item = inside[identity]
        text = table_text(item, inlined.get(identity, [])) if item.kind == "table" else item.create
        if text:
            texts.append(text)
    return PREAMBLE + "".join(f"\n{text}\n" for text in texts)


def with_whole_tables(description: Description) -> Description:
    """The items, where those of tables and columns have the DDL of all that is inside of them as the fact whole."""
    clauses, rest = inline(description)
    inside: dict[str, list[Item]] = {}
    for item in description.values():
        inside.setdefault(item.inside, []).append(item)

    def texts(identity: str, of: Description) -> Iterator[str]:
        for item in sorted(inside.get(identity, ()), key=lambda item: (_RANK[item.kind], item.name)):
            if item.identity in of:
                yield item.create
            yield from texts(item.identity, of)

    def whole(item: Item) -> Item:
        if item.kind == "table":
            text, of = table_text(item, clauses.get(item.identity, [])), rest
        elif item.kind == "column":
            text, of = f"ALTER TABLE {item.facts['table']} ADD COLUMN {item.create};", description
        else:
            return item
        return replace(item, facts={**item.facts, "whole": "\n".join((text, *texts(item.identity, of)))})

    return {identity: whole(item) for identity, item in description.items()}


def inline(description: Description) -> tuple[dict[str, list[str]], Description]:
    """The clauses of each table's columns, and the items without those that the clauses say.

    A table then needs what its columns do.
    """
    columns = sorted(
        (item for item in description.values() if item.kind == "column"), key=lambda item: int(item.facts["position"])
    )
    clauses: dict[str, list[str]] = {}
    rest: dict[str, Item] = {identity: item for identity, item in description.items() if item.kind != "column"}
    for column in columns:
        clause = column.create
        default = description.get(f"default {column.name}")
        if default and default.needs <= {column.identity, column.inside}:
            clause = with_default(column, default)
            rest.pop(default.identity)
        clauses.setdefault(column.inside, []).append(clause)
        table = rest[column.inside]
        rest[column.inside] = Item(
            table.kind, table.name, table.target, table.create, table.drop, table.inside,
            table.needs | column.needs, table.facts,
        )  # fmt: skip
    return clauses, rest


def with_default(column: Item, default: Item) -> str:
    """The clause of a column that has a default."""
    clause, not_null = column.create, " NOT NULL"
    has_not_null = column.facts["not_null"] and clause.endswith(not_null)
    start = clause.removesuffix(not_null) if has_not_null else clause
    return f"{start} DEFAULT {default.facts['expression']}{not_null if has_not_null else ''}"


def table_text(table: Item, clauses: list[str]) -> str:
    """CREATE TABLE with its columns."""
    columns = ",".join(f"\n    {clause}" for clause in clauses)
    return f"{table.facts['head']} ({columns}{chr(10) if clauses else ''}){table.facts['tail']};"


def _table_of(identity: str, description: Description) -> str:
    item = description.get(identity)
    return item.inside if item and item.kind == "column" else identity
