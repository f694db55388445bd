"""The model of rights that init-slate-db --roles makes, read from the very files that make it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from init_slate_db.core.creation.plan import fill_in, role_names
from init_slate_db.core.sql_files import SqlObject, TableType, read_following_objects, read_objects_with_roles
from versioning.check.facts import EVENTS, ID, JOURNAL, Facts, Kind, Thing, database_thing

_GRANT = re.compile(
    r"^GRANT (?P<privilege>[A-Z]+) ON (?P<kind>DATABASE|SCHEMA|TABLE|FUNCTION) (?P<name>[^;]+?) TO (?P<role>[^;]+);",
    re.MULTILINE,
)
_DEFINER = re.compile(r"^ALTER FUNCTION (?P<name>[\w.]+)\(.*?\) SECURITY DEFINER;", re.MULTILINE)
_FUNCTION = re.compile(r"(?P<head>CREATE FUNCTION .*?)AS \$function\$(?P<body>.*?)\$function\$;", re.DOTALL)
_SETTING = re.compile(r"^SET (?P<name>\w+) = (?P<value>.+)$", re.MULTILINE)
PARTITION_SIZE = ("slate", "partition_size")
_SIZE = re.compile(r"RETURN '(?P<size>[0-9]+)'")
# The catalog has a value without its quotes.
_QUOTE = "'"
_TRIGGER = re.compile(
    r"TRIGGER (?P<name>\w+) (?P<timing>BEFORE|AFTER|INSTEAD OF) (?P<events>[A-Z ]+?) ON (?P<table>[\w.]+)\s+"
    r"FOR EACH (?P<level>ROW|STATEMENT) EXECUTE FUNCTION (?P<function>[\w.]+)\(\)"
)


@dataclass(frozen=True)
class FunctionModel:
    """A function as this version makes it. sql: its file, but with CREATE OR REPLACE, and its comment."""

    schema: str
    name: str
    body: str
    settings: tuple[str, ...]
    definer: bool
    sql: str


@dataclass(frozen=True)
class TriggerModel:
    """A trigger as this version makes it. shape: what it fires on and calls. required: there must be one."""

    name: str
    shape: tuple[str, ...]
    enabled: str
    required: bool
    sql: str

    def on(self, table: str) -> "TriggerModel":
        """The same on a partition."""
        shape = tuple(table if part == EVENTS.name else part for part in self.shape)
        return replace(self, shape=shape, sql=self.sql.replace(EVENTS.name, table))


@dataclass(frozen=True)
class Model:
    """What a database of this type is to have.

    roles: the names of the five, by what they are for. owned: what the owner owns, functions left out. grants: all
    rights but the owner's, as (thing, privilege, role).
    """

    roles: Mapping[str, str]
    owned: tuple[Thing, ...]
    grants: frozenset[tuple[Thing, str, str]]
    functions: tuple[FunctionModel, ...]
    triggers: tuple[TriggerModel, ...]

    @property
    def owner(self) -> str:
        return self.roles["owner"]


def table_type_of(facts: Facts) -> TableType | None:
    """Whether this is a source or a destination; None: neither."""
    if EVENTS not in facts.owners:
        return None
    return "source" if ID in facts.owners or JOURNAL in facts.owners else "destination"


def find_prefix(facts: Facts) -> str:
    """The prefix of the roles that the database was made with, or "": its owner and all others of the five exist."""
    owner = facts.owners[database_thing(facts)]
    prefix = owner.removesuffix("_owner")
    if prefix == owner or not prefix:
        return ""
    return prefix if set(role_names(prefix).values()) <= set(facts.roles) else ""


def read_model(table_type: TableType, prefix: str, facts: Facts) -> Model:
    """The model for the database of the facts."""
    roles = role_names(prefix)
    names = roles | {"database": facts.database.strip('"').replace('""', '"')}
    items = _objects(table_type, facts)
    privileges = "\n".join(fill_in(item.sql, names) for item in items if item.kind == "privilege")
    definers = {found["name"].removeprefix("public.") for found in _DEFINER.finditer(privileges)}
    following = read_following_objects() if table_type == "destination" else ()
    triggers = [(item, True) for item in items] + [(item, False) for item in following]
    schemas = [Thing("schema", name) for name in ("public", "slate") if name == "public" or table_type == "source"]
    tables = [Thing("table", item.name if "." in item.name else f"public.{item.name}") for item in _tables(items)]
    return Model(
        roles,
        (database_thing(facts), *schemas, *tables, *(Thing("table", child) for child in facts.children)),
        frozenset(_grants(privileges, facts)),
        tuple(_function(item, item.name in definers) for item in items if item.kind == "function"),
        tuple(_trigger(item, required) for item, required in triggers if item.kind == "trigger"),
    )


def trigger_shape(definition: str) -> tuple[str, ...]:
    """What of a CREATE TRIGGER tells what it does: timing, events in order, level, function; or the text itself."""
    found = _TRIGGER.search(definition)
    if found is None or found.end() < len(definition.partition(";")[0].rstrip()):
        return (definition,)
    events = sorted(found["events"].split(" OR "))
    return (found["timing"], " OR ".join(events), found["table"], found["level"], found["function"])


def read_functions(table_type: TableType, facts: Facts) -> tuple[FunctionModel, ...]:
    """The functions of a database of this type without roles."""
    return tuple(_function(item, False) for item in _objects(table_type, facts) if item.kind == "function")


def _objects(table_type: TableType, facts: Facts) -> tuple[SqlObject, ...]:
    """What the database is made of; whether its events are in partitions, and of which size, it says itself."""
    live = facts.function(*PARTITION_SIZE)
    found = _SIZE.search(live.body) if live else None
    items = read_objects_with_roles(table_type, partitions=found is not None)
    if found is None:
        return items
    filled = {"partition_size": found["size"]}
    name = ".".join(PARTITION_SIZE)
    return tuple(replace(item, sql=fill_in(item.sql, filled)) if item.name == name else item for item in items)


def _tables(items: tuple[SqlObject, ...]) -> list[SqlObject]:
    return [item for item in items if item.kind == "table"]


def _grants(privileges: str, facts: Facts) -> set[tuple[Thing, str, str]]:
    found: set[tuple[Thing, str, str]] = set()
    for match in _GRANT.finditer(privileges):
        kind: Kind = {"DATABASE": "database", "SCHEMA": "schema", "TABLE": "table"}.get(match["kind"], "function")  # type: ignore[assignment]
        name = match["name"].replace(", ", ",")
        thing = database_thing(facts) if kind == "database" else Thing(kind, name)
        found.add((thing, match["privilege"], match["role"].strip('"').replace('""', '"')))
    return found


def _function(item: SqlObject, definer: bool) -> FunctionModel:
    found = _FUNCTION.search(item.sql)
    if found is None:
        raise AssertionError(f"{item.name} is not written like the others")
    schema, _, name = item.name.rpartition(".")
    settings = tuple(f"{one['name']}={one['value'].strip(_QUOTE)}" for one in _SETTING.finditer(found["head"]))
    made_definer = "\nSECURITY DEFINER\n" in found["head"]
    sql = item.sql.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    return FunctionModel(schema or "public", name, found["body"], settings, definer or made_definer, sql)


def _trigger(item: SqlObject, required: bool) -> TriggerModel:
    statement = re.search(r"CREATE TRIGGER .*?;", item.sql, re.DOTALL)
    if statement is None:
        raise AssertionError(f"{item.name} is not written like the others")
    enabled = "A" if f"ENABLE ALWAYS TRIGGER {item.name};" in item.sql else "O"
    return TriggerModel(item.name, trigger_shape(statement[0].rstrip(";")), enabled, required, item.sql)
