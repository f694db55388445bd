"""Reads the description of a schema from the catalogs, in one snapshot, writing nothing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from psycopg.pq import TransactionStatus

from init_slate_db.core.connection import Connection
from versioning.archive.catalog import code, constraints, dependencies, tables, types
from versioning.archive.items import Description, Item
from versioning.archive.rights import Rights, read_left_out, read_roles
from versioning.archive.writing import with_whole_tables
from versioning.snapshots.patience import lock_errors

_logger = logging.getLogger(__name__)

# Under these, the same schema is printed in the same words, and every name with its schema.
_SETTINGS = {
    "search_path": "",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "xmlbinary": "base64",
}
_QUERIES = (*types.ALL, *tables.ALL, *constraints.ALL, *code.ALL)

Entry = tuple[int, int, int]


def describe(connection: Connection, stand_in: str | None = None) -> Description:
    """The schema of the database; where a transaction is open, as that sees it.

    :param stand_in: the role that scratch databases belong to; None: the connection's own; "": of no matter. Where the
        database is another one's, what that role owns and may is left out: in a scratch database it stands in for the
        owner, and what is its own cannot be told from what is the owner's.
    :raises SlateError: the server refuses to tell it.
    """
    with lock_errors("tell its schema"), _settled(connection):
        return _Reader(connection).read(stand_in)


def tell_left_out(connection: Connection, place: str) -> None:
    """Warns of what the database has and the archive cannot hold."""
    with lock_errors("tell its schema"), _settled(connection):
        left_out = read_left_out(connection)
    if left_out:
        _logger.warning("Of %s the archive does not hold: %s.", place, "; ".join(left_out))


@contextmanager
def _settled(connection: Connection) -> Iterator[None]:
    """A read-only transaction of one snapshot, or part of the open one, with the settings."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            _set(connection, _SETTINGS)
            yield
        return
    names = list(_SETTINGS)
    before = connection.execute("SELECT current_setting(n) FROM unnest(%s::text[]) AS n", (names,)).fetchall()
    _set(connection, _SETTINGS)
    yield
    _set(connection, dict(zip(names, (value for (value,) in before), strict=True)))


def _set(connection: Connection, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, value))


class _Reader:
    """One reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._items: dict[str, Item] = {}
        self._entries: dict[Entry, str] = {}
        self._aliases: dict[Entry, Entry] = {}

    def read(self, stand_in: str | None) -> Description:
        roles = read_roles(self._connection, stand_in)
        rights = Rights(self._connection, self._items, self._resolve, roles)
        owned = [pair for query in _QUERIES for pair in self._read(query)]
        for row in self._connection.execute(dependencies.ALIASES.encode()):
            self._aliases[row[0], row[1], row[2]] = (row[3], row[4], row[5])
        self._add_edges()
        for item, role in owned:
            self._add(rights.owner(item, role))
        for group in (rights.comments(), rights.grants(), rights.default_privileges()):
            for item in list(group):
                self._add(item)
        self._order_partitions()
        self._order_owned_sequences()
        self._order_inherited()
        known = self._items.keys()
        return with_whole_tables(
            {
                identity: replace(item, needs=frozenset((item.needs & known) - {identity}))
                for identity, item in self._items.items()
            }
        )

    def _read(self, query: str) -> Iterator[tuple[Item, int | None]]:
        rows: list[tuple[Any, ...]] = self._connection.execute(query.encode()).fetchall()
        for class_oid, oid, subid, kind, name, target, create, drop, owner, inside, needs, facts in rows:
            around = {inside} if inside else set()
            item = Item(kind, name, target, create or "", drop, inside or "", frozenset({*needs, *around}), facts)
            self._items[item.identity] = item
            if oid is not None:
                self._entries[class_oid, oid, subid] = item.identity
            yield item, owner

    def _add(self, item: Item | None) -> None:
        if item:
            self._items[item.identity] = item

    def _resolve(self, class_oid: int, oid: int, subid: int) -> str | None:
        """The identity of the item that a catalog entry belongs to."""
        for _ in range(4):
            for entry in ((class_oid, oid, subid), (class_oid, oid, 0)):
                if entry in self._entries:
                    return self._entries[entry]
            for entry in ((class_oid, oid, subid), (class_oid, oid, 0)):
                if entry in self._aliases:
                    class_oid, oid, subid = self._aliases[entry]
                    break
            else:
                return None
        return None

    def _need(self, identity: str, *needed: str) -> None:
        if item := self._items.get(identity):
            self._items[identity] = replace(item, needs=item.needs | {*needed})

    def _add_edges(self) -> None:
        for row in self._connection.execute(dependencies.EDGES.encode()):
            item, needed = self._resolve(row[0], row[1], row[2]), self._resolve(row[3], row[4], row[5])
            # A table does not need its own sequences, though those are its own.
            if item and needed and item != needed and not (item.startswith("table ") and needed.startswith("column ")):
                self._need(item, needed)

    def _order_partitions(self) -> None:
        """A table becomes a partition when it has the indexes and constraints that it shares with its parent."""
        inside: dict[str, list[Item]] = {}
        for item in self._items.values():
            if item.kind in ("constraint", "index"):
                inside.setdefault(item.inside, []).append(item)
        for partition in [item for item in self._items.values() if item.kind == "partition"]:
            child, parent = f"table {partition.facts['child']}", f"table {partition.facts['parent']}"
            of_child = [one.identity for one in inside.get(child, ()) if one.facts.get("type") != "f"]
            checks = [one.identity for one in inside.get(parent, ()) if one.facts.get("type") == "c"]
            self._need(partition.identity, *of_child, *checks)
            for index in inside.get(parent, ()):
                # One that not all partitions have (CREATE INDEX ON ONLY) would be given to those that come later.
                if index.facts.get("valid") is False:
                    self._need(index.identity, partition.identity)

    def _order_owned_sequences(self) -> None:
        """An owned sequence has the owner of its table, and goes to another one with it."""
        for owned in [item for item in self._items.values() if item.kind == "owned sequence"]:
            self._items.pop(f"owner of sequence {owned.name}", None)
            for column in (need for need in owned.needs if need.startswith("column ")):
                self._need(f"owner of {self._items[column].inside}", owned.identity)

    def _order_inherited(self) -> None:
        """What a child has from its parents comes after that, and is known by it: the fact inherits_from."""
        parents: dict[str, list[str]] = {}
        for link in self._items.values():
            if link.kind in ("partition", "inheritance"):
                parents.setdefault(link.facts["child"], []).append(link.facts["parent"])
        for identity, item in list(self._items.items()):
            if item.facts.get("inherited") and item.kind in ("column", "constraint"):
                table = item.facts["table"]
                short = item.name.removeprefix(f"{table}.")
                above = [f"{item.kind} {parent}.{short}" for parent in parents.get(table, ())]
                above = [one for one in above if one in self._items]
                self._items[identity] = replace(item, facts={**item.facts, "inherits_from": above})
