"""A schema as a set of items, each with the DDL that makes it, and how two schemas differ."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any


@dataclass(frozen=True)
class Item:
    """One thing that a schema has: a table, a column, a grant.

    Two items are the same thing where kind and name agree, and equal where create does.

    create: the DDL that makes it, as its server prints it; of a column, its clause in CREATE TABLE. drop: the DDL that
    undoes it. "": there is nothing to do. target: what COMMENT ON, ALTER … OWNER and GRANT call it. inside: the
    identity of what it disappears with. needs: the identities of what has to be there before. facts: what it is made
    of, for those who change one into another; not compared.
    """

    kind: str
    name: str
    target: str
    create: str
    drop: str
    inside: str = ""
    needs: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        return f"{self.kind} {self.name}"


Description = Mapping[str, Item]
"""A schema: its items by identity. Only what was read from one server, or others of its version, can be compared."""


_OF_WORDS = (
    "collation", "column", "constraint", "default", "domain", "function", "index", "materialized view", "partition",
    "policy", "rule", "statistics", "table", "trigger", "view",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """What differs in one item. wanted: as it ought to be; found: as it is. None: it is not there."""

    identity: str
    wanted: Item | None
    found: Item | None

    @property
    def title(self) -> str:
        """What is the matter, as a sentence without its full stop."""
        if self.found is None:
            return f"{self.identity} is missing"
        if self.wanted is None:
            return f"{self.identity} is not in the archive"
        return f"{self.identity} differs"

    @property
    def may_be_of_words(self) -> bool:
        """Whether both may mean the same: what holds an expression may be printed in other words once it is read."""
        return self.wanted is not None and self.found is not None and self.wanted.kind in _OF_WORDS

    def lines(self) -> Iterator[str]:
        """The DDL of both: + before what is only found, - before what is only wanted.

        Of what is on one side alone, with all that is inside of it: the fact whole, where there is one.
        """
        if self.wanted is None or self.found is None:
            item, sign = (self.wanted, "-") if self.wanted else (self.found, "+")
            assert item
            yield from (f"{sign} {line}" for line in str(item.facts.get("whole", "\n".join(_lines(item)))).splitlines())
            return
        # The first two lines name files.
        hunks = islice(difflib.unified_diff(_lines(self.wanted), _lines(self.found), n=5, lineterm=""), 2, None)
        for line in hunks:
            if not line.startswith("@@"):
                yield f"{line[0]} {line[1:]}".rstrip()
            elif not line.startswith("@@ -1"):
                yield "  …"


def _lines(item: Item) -> list[str]:
    return (item.create or item.identity).splitlines()


def compare(wanted: Description, found: Description) -> list[Difference]:
    """What differs, in the order of identities.

    An item that disappears with another, or came with it, goes without saying; other than a schema, that is.
    """
    differences = []
    for identity in sorted(wanted.keys() | found.keys()):
        one, other = wanted.get(identity), found.get(identity)
        if one is None or other is None:
            item = one or other
            there = wanted if one else found
            elsewhere = found if one else wanted
            if item and item.inside in there and item.inside not in elsewhere and there[item.inside].kind != "schema":
                continue
        elif one.create == other.create:
            continue
        differences.append(Difference(identity, one, other))
    return differences
