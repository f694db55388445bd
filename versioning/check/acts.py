"""The things that somebody could do to an event store, each with what PostgreSQL asks for it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from versioning.check.facts import (
    EVENTS,
    ID,
    RECOVERY,
    SCHEMA_PUBLIC,
    SCHEMA_SLATE,
    Facts,
    Function,
    Thing,
    View,
    database_thing,
)
from versioning.check.standing import Reason, Standing, all_of, any_of

Ability = Literal["everything", "read", "write", "rewrite", "restore", "replicate", "dblink", "listen"]
ABILITIES: tuple[Ability, ...] = (
    *("everything", "read", "write", "rewrite", "restore", "replicate", "dblink", "listen"),
)

_COLUMNS = ("id", "ts", "event")
_RECOVERY = tuple(Thing("table", f"slate.{name}") for name in ("recovery", "recovery_range", "recovery_command"))
_CHANGES = ("UPDATE", "DELETE", "TRUNCATE")
# tgtype's bits are not read: the definition says the same in words.
_GUARD = "check_sql_command"


@dataclass(frozen=True)
class Act:
    """Something that could be done. by: in words, what it is done with. reason: None where it cannot be done.

    connects: whether it needs a session in this database.
    """

    ability: Ability
    by: str
    reason: Callable[[Standing], Reason | None]
    connects: bool = True


def list_acts(facts: Facts) -> list[Act]:
    """All acts that make sense in the database."""
    acts = [
        Act("everything", "superuser", Standing.is_superuser),
        Act("everything", "runs programs on the server", lambda s: s.belongs_to("pg_execute_server_program")),
        Act("everything", "writes files on the server", lambda s: s.belongs_to("pg_write_server_files")),
        Act("replicate", "REPLICATION", Standing.replicates, connects=False),
        Act("read", "copies the whole cluster by replication", Standing.replicates, connects=False),
        Act("listen", "hears and sends notifications", lambda s: Reason(s.root.name)),
    ]
    if EVENTS not in facts.owners:
        return acts
    acts += [Act("read", "reads the files of the server", lambda s: s.belongs_to("pg_read_server_files"))]
    acts += [*_reading(facts), *_writing(facts), *_rewriting(facts), *_restoring(facts), *_replicating(facts)]
    return acts


def _reading(facts: Facts) -> Iterator[Act]:
    for table in (EVENTS.name, *facts.children):
        yield Act("read", f"SELECT on {table}", partial(_reads, table=Thing("table", table), column="event"))
    for view in facts.views:
        if EVENTS.name in _sources(facts, view):
            yield Act("read", f"view {view.thing.name}", partial(_reads_view, view=view))


def _sources(facts: Facts, view: View) -> set[str]:
    """The relations that a view shows columns of, directly or through other views."""
    views = {one.thing.name: one for one in facts.views}
    found: set[str] = set()
    waiting = [view]
    for one in waiting:
        for relation, column in one.reads:
            if column and relation not in found:
                found.add(relation)
                waiting += [views[relation]] if relation in views else []
    return found


def _reads(standing: Standing, table: Thing, column: str) -> Reason | None:
    schema = Thing("schema", standing.facts.schemas[table])
    return all_of(standing.has(table, "SELECT", column), standing.has(schema, "USAGE"))


def _reads_view(standing: Standing, view: View) -> Reason | None:
    first = standing.facts.columns[view.thing.name][0]
    return all_of(
        standing.has(view.thing, "SELECT", first),
        standing.has(Thing("schema", view.schema), "USAGE"),
        _passes(standing, view),
    )


def _passes(standing: Standing, view: View) -> Reason | None:
    """Whether what the view reads is open: to its owner, or to who asks, where the view is made so."""
    if view.stored:
        return Reason(standing.root.name)
    reader = standing if view.invoker else standing.as_role(standing.facts.owners[view.thing])
    views = {one.thing.name: one for one in standing.facts.views}
    reasons = [Reason(standing.root.name)]
    for relation, column in view.reads:
        if relation not in standing.facts.columns:
            continue
        columns = (column,) if column else standing.facts.columns[relation]
        open_columns = [reader.has(Thing("table", relation), "SELECT", one) for one in columns]
        inner = _passes(reader, views[relation]) if relation in views else reasons[0]
        reason = all_of(any_of(*open_columns), inner)
        if reason is None:
            return None
        reasons.append(reason)
    return all_of(*reasons)


def _writing(facts: Facts) -> Iterator[Act]:
    for name in ("append_events", "insert_events"):
        function = facts.function("public", name)
        if function:
            yield Act("write", name, partial(_appends, function=function))
    for table in (EVENTS.name, *facts.children):
        yield Act("write", f"INSERT on {table}", partial(_inserts, table=Thing("table", table)))


def _calls(standing: Standing, function: Function) -> Reason | None:
    schema = Thing("schema", function.schema)
    return all_of(standing.has(function.thing, "EXECUTE"), standing.has(schema, "USAGE"))


def _inside(standing: Standing, function: Function) -> Standing:
    """The standing of what the function does."""
    return standing.as_role(standing.facts.owners[function.thing]) if function.definer else standing


def _appends(standing: Standing, function: Function) -> Reason | None:
    inside = _inside(standing, function)
    facts = standing.facts
    reasons = [_calls(standing, function), _inserts(inside, EVENTS)]
    if RECOVERY not in facts.owners:
        # The original's locks table id.
        return all_of(*reasons, _counts(inside), inside.has(ID, "UPDATE"))
    reasons.append(_takes_ids(inside))
    if function.name == "insert_events":
        checks = facts.function("slate", "check_insert_values")
        reasons.append(_calls(inside, checks) if checks else None)
    return all_of(*reasons)


def _inserts(standing: Standing, table: Thing) -> Reason | None:
    schema = Thing("schema", standing.facts.schemas[table])
    return all_of(standing.has_columns(table, "INSERT", _COLUMNS), standing.has(schema, "USAGE"))


def _counts(standing: Standing) -> Reason | None:
    """Whether it may take the next id."""
    return all_of(
        standing.has(ID, "UPDATE", "id"), standing.has(ID, "SELECT", "id"), standing.has(SCHEMA_PUBLIC, "USAGE")
    )


def _takes_ids(standing: Standing) -> Reason | None:
    names = ("take_ids", "transaction_ts", "is_current_transaction")
    functions = [function for name in names if (function := standing.facts.function("slate", name))]
    if len(functions) < len(names):
        return None
    take_ids, transaction_ts, is_current = functions
    taking = _inside(standing, take_ids)
    looking = _inside(taking, transaction_ts)
    return all_of(
        _calls(standing, take_ids),
        _counts(taking),
        _calls(taking, transaction_ts),
        looking.has_columns(EVENTS, "SELECT", ("id", "ts", "xmin")),
        looking.has(SCHEMA_PUBLIC, "USAGE"),
        _calls(looking, is_current),
    )


def _rewriting(facts: Facts) -> Iterator[Act]:
    yield Act("rewrite", f"owns table {EVENTS.name}", partial(_owns, thing=EVENTS))
    yield Act("rewrite", "owns the database", partial(Standing.owns, thing=database_thing(facts)), connects=False)
    for schema in (SCHEMA_PUBLIC, SCHEMA_SLATE):
        if schema in facts.owners:
            yield Act("rewrite", f"owns schema {schema.name}", partial(_owns, thing=schema))
            yield Act("rewrite", f"CREATE on schema {schema.name}", partial(_creates, schema=schema))
    for thing in _guarding(facts):
        yield Act("rewrite", f"owns function {thing.name}", partial(_owns, thing=thing))
    for table in (EVENTS.name, *facts.children):
        thing = Thing("table", table)
        yield Act("rewrite", f"TRIGGER on {table}", partial(_on_table, table=thing, privilege="TRIGGER"))
        for change in _CHANGES:
            if (guard := _guard(facts, table, change)) != "always":
                act = partial(_changes, table=thing, change=change, replica=guard == "origin")
                yield Act("rewrite", f"{change} on {table}, which nothing refuses", act)
    writing = [(ID, ("INSERT", *_CHANGES)), *((table, ("INSERT", *_CHANGES)) for table in _RECOVERY)]
    for thing, privileges in writing:
        if thing in facts.owners:
            for privilege in privileges:
                yield Act("rewrite", f"{privilege} on {thing.name}", partial(_alters, table=thing, privilege=privilege))


def _guarding(facts: Facts) -> list[Thing]:
    """The functions of the event store: who owns one can replace it."""
    names = {"append_events", "insert_events", "notify_event_insert", "filter_sql_command", "restore_events"}
    return [
        one.thing
        for one in facts.functions
        if not one.of_extension and (one.schema == "slate" or (one.schema == "public" and one.name in names))
    ]


def _guard(facts: Facts, table: str, change: str) -> str:
    """Whether the trigger refuses the change: "always", in sessions of ordinary "origin" alone, or "never"."""
    for trigger in facts.triggers:
        if (trigger.table, trigger.name) == (table, _GUARD) and re.search(rf"\b{change}\b", trigger.definition):
            return {"A": "always", "O": "origin"}.get(trigger.enabled, "never")
    return "never"


def _changes(standing: Standing, table: Thing, change: str, *, replica: bool) -> Reason | None:
    reason = _alters(standing, table, change)
    if not replica:
        return reason
    return all_of(reason, standing.has(Thing("parameter", "session_replication_role"), "SET"))


def _alters(standing: Standing, table: Thing, privilege: str) -> Reason | None:
    """Whether rows can be changed: one column to change is enough."""
    schema = Thing("schema", standing.facts.schemas[table])
    columns = standing.facts.columns[table.name] if privilege == "UPDATE" else ("",)
    allowed = any_of(*(standing.has(table, privilege, column) for column in columns))
    if privilege == "INSERT":
        allowed = standing.has_columns(table, "INSERT", standing.facts.columns[table.name])
    return all_of(allowed, standing.has(schema, "USAGE"))


def _on_table(standing: Standing, table: Thing, privilege: str) -> Reason | None:
    return all_of(standing.has(table, privilege), standing.has(Thing("schema", standing.facts.schemas[table]), "USAGE"))


def _owns(standing: Standing, thing: Thing) -> Reason | None:
    """Whether it can change or drop the thing: the owner's right, and the way to its name."""
    schema = thing if thing.kind == "schema" else Thing("schema", standing.facts.schemas[thing])
    return all_of(standing.owns(thing), standing.has(schema, "USAGE"))


def _creates(standing: Standing, schema: Thing) -> Reason | None:
    return standing.has(schema, "CREATE")


def _restoring(facts: Facts) -> Iterator[Act]:
    function = facts.function("public", "restore_events")
    if function:
        yield Act("restore", "restore_events", partial(_restores, function=function))
    if all(thing in facts.owners for thing in (ID, *_RECOVERY)):
        yield Act("restore", "slate-recover --method copy", _recovers)
    for function in facts.functions:
        # Without a password they lead nowhere; dblink_connect_u does, with that of the server's own user.
        if function.of_extension and function.schema == "public" and function.name.startswith("dblink_connect"):
            yield Act("dblink", function.thing.name, partial(_calls, function=function))


def _restores(standing: Standing, function: Function) -> Reason | None:
    inside = _inside(standing, function)
    facts = standing.facts
    reasons = [_calls(standing, function), _counts(inside)]
    called, of_dblink = _called(facts, function)
    for one in called:
        reasons.append(_calls(inside, one))
    for name in of_dblink:
        reasons.append(any_of(*(_calls(inside, one) for one in facts.functions if one.name == name)))
    if RECOVERY in facts.owners:
        return all_of(*reasons, inside.owns(EVENTS))
    reads = _reads(inside, EVENTS, "id")
    return all_of(*reasons, reads, _inserts(inside, EVENTS))


def _called(facts: Facts, function: Function) -> tuple[list[Function], set[str]]:
    """What the function calls of schema slate, and of dblink by name, directly or through others."""
    found: list[Function] = [function]
    of_dblink: set[str] = set()
    for one in found:
        of_dblink |= set(re.findall(r"\b(dblink\w*)\s*\(", one.body))
        for name in re.findall(r"\bslate\.(\w+)\s*\(", one.body):
            inner = facts.function("slate", name)
            if inner and inner not in found:
                found.append(inner)
    return found[1:], of_dblink


def _recovers(standing: Standing) -> Reason | None:
    owned = [_owns(standing, thing) for thing in (EVENTS, ID, *_RECOVERY)]
    begin = standing.facts.function("slate", "begin_recovery")
    return all_of(*owned, _calls(standing, begin) if begin else None, standing.has(SCHEMA_PUBLIC, "CREATE"))


def _replicating(facts: Facts) -> Iterator[Act]:
    for thing in facts.owners:
        if thing.kind in ("publication", "subscription"):
            yield Act("replicate", f"owns {thing.kind} {thing.name}", partial(Standing.owns, thing=thing))
    yield Act("replicate", "publishes events", _publishes)


def _publishes(standing: Standing) -> Reason | None:
    return all_of(standing.owns(EVENTS), standing.has(database_thing(standing.facts), "CREATE"))
