"""The steps of a delta: what is dropped, loosened, made and altered, each with its DDL."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from versioning.archive.delta.alterations import alter, lost_data
from versioning.archive.delta.columns import CanCast, alter_column, loosen
from versioning.archive.delta.fates import TYPES, Fate, Fates, is_plain
from versioning.archive.delta.renames import guess_renames
from versioning.archive.items import Description, Item
from versioning.archive.writing import inline, table_text, with_default

_FILL_IF_POSSIBLE = """\
DO $$
BEGIN
  REFRESH MATERIALIZED VIEW {name};
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  NULL;  -- One that it reads has not been filled yet.
END
$$;"""


@dataclass(frozen=True)
class Operation:
    """One step. text: its DDL; "": it goes without saying. notes: what has to be decided first."""

    text: str
    notes: tuple[str, ...] = ()


@dataclass
class Operations:
    """Writes the steps.

    explicit: items that are dropped by themselves, though what they are in is dropped, too. with_partitions: whether
    partitions are left out of the archive, so that what is done to their parents has to include them.
    """

    fates: Fates
    can_cast: CanCast
    with_partitions: bool
    explicit: set[str] = field(default_factory=set)
    made_by: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.made_by = dict(_find_makers(self.fates))
        made = {
            identity: item
            for identity, item in self.fates.after.items()
            if self.maker(identity) != identity or (item.kind == "table" and self.fates.is_made(identity))
        }
        in_tables = {
            identity: item for identity, item in made.items() if self.maker(identity) in made and _is_table(item, made)
        }
        self.clauses, self.tables = inline(in_tables)
        self._renames = guess_renames(self.fates)
        self._children: dict[str, list[Item]] = {}
        for item in self.fates.after.values():
            for above in self.fates.led_by(item.identity, self.fates.after) if item.kind == "column" else ():
                self._children.setdefault(above, []).append(item)
        self._keys: dict[str, list[Item]] = {}
        for item in self.fates.before.values():
            if item.facts.get("type") == "f":
                self._keys.setdefault(item.facts["table"], []).append(item)

    def maker(self, identity: str) -> str:
        """The item that is made together with this one, or itself."""
        while identity in self.made_by:
            identity = self.made_by[identity]
        return identity

    def goes_with_others(self, identity: str) -> bool:
        """Whether something that ends is dropped with what it is in."""
        return identity not in self.explicit and bool(self.fates.containers(identity))

    def drop(self, identity: str) -> Operation:
        item = self.fates.before[identity]
        if self.goes_with_others(identity):
            return Operation("")
        text, notes = item.drop, []
        if any(self.fates.ends(one) for one in self.fates.led_by(identity, self.fates.before)):
            text = _drop_if_there(item)
        elif lost := lost_data(item):
            notes.append(lost)
        if item.kind == "partition":
            text += "".join(f"\n{one}" for one in self._drop_keys_of_detached(item))
        elif item.kind == "owned sequence":
            text += "".join(f"\n{one}" for one in self._own_released_sequence(item))
        return Operation(text, (*notes, *self._renames.get(identity, ())))

    def loosen(self, identity: str) -> Operation:
        item = self.fates.before[identity]
        is_led = any(one in self.fates.loosened for one in self.fates.led_by(identity, self.fates.before))
        if is_led:
            return Operation("")
        note = f"Rows whose {item.name} is no {item.facts['type']} as it is now are refused: change them before."
        return Operation(loosen(item), (note,) if self._may_be_refused(item) else ())

    def _may_be_refused(self, column: Item) -> bool:
        """Whether a type that is made anew may not have all values of before."""
        for identity in column.needs & self.fates.after[column.identity].needs:
            if self.fates.ends(identity):
                was, becomes = self.fates.before[identity], self.fates.after[identity]
                is_wider = was.kind == "enum" and {*was.facts["labels"]} <= {*becomes.facts["labels"]}
                if was.kind in TYPES and was.kind != "collation" and not is_wider:
                    return True
        return False

    def make(self, identity: str) -> Operation:
        if self.fates.of[identity] is Fate.ALTER:
            return self._alter(identity)
        item = self.fates.after[identity]
        if item.kind == "table":
            return Operation(table_text(self.tables[identity], self.clauses.get(identity, [])))
        if item.kind == "column":
            return self._add_column(item)
        text = item.create
        if item.kind == "materialized view":
            text = self._fill(item)
        elif item.kind == "owned sequence":
            text = "\n".join([*self._own_sequence(item), text])
        elif item.kind in ("index", "constraint") and self.with_partitions:
            text = self._include_partitions(item)
        if item.facts.get("type") == "f" and self.fates.ends(f"partition {item.facts['table']}"):
            text = f"{_drop_if_there(item)}\n{text}"
        return Operation(text)

    def _fill(self, view: Item) -> str:
        """What makes a materialized view with its rows; without, where another one that it reads has none."""
        if not self._reads_another(view):
            return view.create.removesuffix("\nWITH NO DATA;") + ";"
        return f"{view.create}\n{_FILL_IF_POSSIBLE.format(name=view.name)}"

    def _reads_another(self, view: Item) -> bool:
        """Whether it reads other materialized views, be it through views and functions."""
        seen, ahead = {view.identity}, set(view.needs)
        while ahead:
            identity = ahead.pop()
            seen.add(identity)
            item = self.fates.after.get(identity)
            if item is None:
                continue
            if item.kind == "materialized view":
                return True
            ahead |= item.needs - seen
        return False

    def _alter(self, identity: str) -> Operation:
        before, after = self.fates.before[identity], self.fates.after[identity]
        if after.kind == "column":
            found = alter_column(
                before,
                after,
                is_loose=identity in self.fates.loosened,
                is_led=any(one in self.fates.retyped for one in self.fates.led_by(identity, self.fates.before)),
                can_cast=self.can_cast,
            )
        else:
            altered = alter(before, after, self.fates.after)
            assert altered
            found = altered
        extra = self._own_sequence(after) if after.kind == "owned sequence" else []
        return Operation("\n".join([*extra, *found.statements]), found.notes)

    def _add_column(self, column: Item) -> Operation:
        default = self.fates.after.get(f"default {column.name}")
        inlined = default if default and self.maker(default.identity) == column.identity else None
        clause = with_default(column, inlined) if inlined else column.create
        lines = [f"ALTER TABLE {column.facts['table']} ADD COLUMN {clause};"]
        if inlined:
            lines += self._drop_defaults_of_children(column)
        notes = []
        if column.facts["not_null"] and not inlined and is_plain(column) and not column.facts["identity"]:
            notes.append(
                f"Where {column.facts['table']} has rows, this fails, as {column.name} has no default: give it one here"
                " and drop it below, or add it without NOT NULL, fill it, and set that."
            )
        return Operation("\n".join(lines), tuple(notes))

    def _drop_defaults_of_children(self, column: Item) -> Iterator[str]:
        for item in self._children.get(column.identity, ()):
            yield from self._drop_defaults_of_children(item)
            if f"default {item.name}" not in self.fates.after:
                yield f"ALTER TABLE ONLY {item.facts['table']} ALTER COLUMN {item.facts['column']} DROP DEFAULT;"

    def _include_partitions(self, item: Item) -> str:
        table = self.fates.after.get(item.inside)
        if not table or not table.facts.get("partition_key"):
            return item.create
        if item.kind == "index":
            return item.create.replace(" ON ONLY ", " ON ", 1)
        return item.create.replace("ALTER TABLE ONLY ", "ALTER TABLE ", 1)

    def _drop_keys_of_detached(self, link: Item) -> Iterator[str]:
        """A table that is no partition any longer keeps copies of the foreign keys of its parent."""
        child, parent = link.facts["child"], link.facts["parent"]
        if self.fates.ends(f"table {child}"):
            return
        comes_back = self.fates.of[link.identity] is Fate.REBUILD
        for key in self._keys.get(parent, ()):
            if not comes_back or self.fates.ends(key.identity):
                yield f"ALTER TABLE {child} DROP CONSTRAINT IF EXISTS {key.facts['name']};"

    def _own_sequence(self, owned: Item) -> list[str]:
        """A sequence has to have the owner of its table."""
        for column in _columns_of(owned):
            table = self.fates.after[column].inside
            owner = self.fates.before.get(f"owner of {table}")
            if owner and not self.fates.ends(owner.identity):
                return [f"ALTER SEQUENCE {owned.name} OWNER TO {owner.create.rpartition(' OWNER TO ')[2]}"]
        return []

    def _own_released_sequence(self, owned: Item) -> list[str]:
        """A sequence that leaves its table keeps the owner of that, which its own description does not say."""
        sequence = f"sequence {owned.name}"
        if self.fates.ends(sequence):
            return []
        for column in _columns_of(owned):
            if f"owner of {self.fates.before[column].inside}" in self.fates.before:
                return [f"ALTER SEQUENCE {owned.name} OWNER TO CURRENT_ROLE;"]
        return []


def _columns_of(owned: Item) -> list[str]:
    return [need for need in owned.needs if need.startswith("column ")]


def _drop_if_there(item: Item) -> str:
    """What is dropped with that of a parent, unless it was made apart from it."""
    what, name = ("COLUMN", "column") if item.kind == "column" else ("CONSTRAINT", "name")
    return f"ALTER TABLE {item.facts['table']} DROP {what} IF EXISTS {item.facts[name]};"


def _is_table(item: Item, made: Description) -> bool:
    """Whether it is a table that is made, a column of it, or a column's default."""
    while item.kind != "table":
        if item.inside not in made:
            return False
        item = made[item.inside]
    return True


def _find_makers(fates: Fates) -> Iterator[tuple[str, str]]:
    """Items that are made together with others."""
    after = fates.after
    for identity, item in after.items():
        if not fates.is_made(identity):
            continue
        if item.kind == "column" and fates.is_made(item.inside):
            yield identity, item.inside
        elif item.kind in ("column", "constraint") and (above := _made_above(fates, identity)):
            yield identity, above
        elif item.kind == "default" and fates.is_made(item.inside) and item.inside.startswith("column "):
            column = after[item.inside]
            above = _made_above(fates, column.identity)
            if above is None:
                if not fates.is_made(column.inside) or item.needs <= {column.identity, column.inside}:
                    yield identity, column.identity
            elif (one := after.get(above.replace("column ", "default ", 1))) and one.create.partition(" SET DEFAULT ")[
                2
            ] == item.create.partition(" SET DEFAULT ")[2]:
                yield identity, one.identity


def _made_above(fates: Fates, identity: str) -> str | None:
    """The item of a parent that is made, and this one with it."""
    return next((one for one in fates.led_by(identity, fates.after) if fates.is_made(one)), None)
