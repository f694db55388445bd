"""What differs from the model in the code that guards the rights: tables, functions, triggers, rules, row security."""

from collections.abc import Iterable, Iterator

from init_slate_db.core.creation.plan import quote_name
from init_slate_db.core.sql_files import read_object
from versioning.check.facts import EVENTS, Facts, Function, Thing, Trigger
from versioning.check.mending import Difference, as_owner
from versioning.check.model import PARTITION_SIZE, FunctionModel, Model, TriggerModel, trigger_shape

_PINNED = "search_path=pg_catalog, pg_temp"


def code_differences(facts: Facts, model: Model) -> list[Difference]:
    """The differences, in an order in which their commands can be run one after the other."""
    return [
        *_tables(facts, model),
        *_extra_functions(facts, model),
        *(one for function in model.functions for one in _function(facts, model, function)),
        *_unpinned(facts, model),
        *_triggers(facts, model),
        *_rules(facts, model),
    ]


def guarded_functions(facts: Facts, model: Model) -> list[Thing]:
    """The functions of the model, as far as they are there."""
    return [live.thing for one in model.functions if (live := facts.function(one.schema, one.name))]


def _tables(facts: Facts, model: Model) -> Iterator[Difference]:
    for thing in model.owned:
        if thing in facts.owners:
            continue
        kind, name = thing.kind, thing.name
        item = read_object(kind, name.removeprefix("public."))
        yield Difference("missing", f"{kind} {name} is missing", as_owner(model.owner, item.sql))


def _extra_functions(facts: Facts, model: Model) -> Iterator[Difference]:
    """Functions beside those of the model that callers could take for them, or that stand where only those belong."""
    names = {(one.schema, one.name) for one in model.functions}
    for function in facts.functions:
        if function.of_extension:
            continue
        same = [one for one in facts.functions if (one.schema, one.name) == (function.schema, function.name)]
        doubled = len(same) > 1 and (function.schema, function.name) in names and not _is_of_model(function, model)
        if doubled or (function.schema == "slate" and (function.schema, function.name) not in names):
            what = f"function {function.thing.name} is none of this version's"
            yield Difference("function", what, f"DROP FUNCTION {function.thing.name};")


def _is_of_model(function: Function, model: Model) -> bool:
    """Of several functions of one name, whether this is the one that the event store is made with."""
    comment = f"COMMENT ON FUNCTION {function.thing.name}"
    sql = next(one.sql for one in model.functions if (one.schema, one.name) == (function.schema, function.name))
    return comment in sql.replace(", ", ",")


def _function(facts: Facts, model: Model, expected: FunctionModel) -> Iterator[Difference]:
    named = [one for one in facts.functions if (one.schema, one.name) == (expected.schema, expected.name)]
    live = next((one for one in named if len(named) == 1 or _is_of_model(one, model)), None)
    name = f"{expected.schema}.{expected.name}"
    if live is None:
        yield Difference("missing", f"function {name} is missing", as_owner(model.owner, _whole(expected)))
        return
    name = live.thing.name
    if live.body != expected.body or live.language != "plpgsql":
        what = f"function {name} has another text than this version's"
        yield Difference("function", what, _whole(expected).strip())
        return
    if live.settings != expected.settings:
        was = ", ".join(live.settings) or "none"
        what = f"function {name} has settings {was}, instead of {', '.join(expected.settings) or 'none'}"
        # The whole command sets all of them, and resets what is none of them.
        yield Difference("function", what, _whole(expected).strip())
    if live.definer != expected.definer:
        security = "DEFINER" if expected.definer else "INVOKER"
        rights = {True: "its owner's", False: "its caller's"}
        what = f"function {name} runs with {rights[live.definer]} rights, instead of {rights[expected.definer]}"
        yield Difference("function", what, f"ALTER FUNCTION {name} SECURITY {security};")


def _whole(expected: FunctionModel) -> str:
    """The command that makes the function what it is to be."""
    if not expected.definer or "\nSECURITY DEFINER\n" in expected.sql:
        return expected.sql
    # One function has the name alone, or its comment tells which is meant.
    start = expected.sql.index("COMMENT ON FUNCTION ") + len("COMMENT ON FUNCTION ")
    signature = expected.sql[start : expected.sql.index(" IS", start)]
    return f"{expected.sql.strip()}\nALTER FUNCTION {signature} SECURITY DEFINER;"


def _unpinned(facts: Facts, model: Model) -> Iterator[Difference]:
    ours = set(guarded_functions(facts, model))
    for function in facts.functions:
        pinned = any(setting.startswith("search_path=") for setting in function.settings)
        if function.definer and not pinned and not function.of_extension and function.thing not in ours:
            name = function.thing.name
            what = f"function {name} runs with its owner's rights, and does not pin its search_path"
            yield Difference("function", what, f"ALTER FUNCTION {name} SET {_PINNED.replace('=', ' = ', 1)};")


def _triggers(facts: Facts, model: Model) -> Iterator[Difference]:
    yield from _triggers_on(EVENTS.name, model.triggers, facts, model)
    if any((one.schema, one.name) == PARTITION_SIZE for one in model.functions):
        for child in facts.children:
            yield from _triggers_on(child, [one.on(child) for one in model.triggers], facts, model)


def _triggers_on(table: str, triggers: Iterable[TriggerModel], facts: Facts, model: Model) -> Iterator[Difference]:
    expected = {one.name: one for one in triggers}
    live = {one.name: one for one in facts.triggers if one.table == table}
    for name, trigger in live.items():
        if name not in expected:
            mend = f"DROP TRIGGER {quote_name(name)} ON {table};"
            yield Difference("trigger", f"trigger {name} on {table} is none of this version's", mend)
        else:
            yield from _trigger(trigger, expected[name], model)
    for name, one in expected.items():
        if one.required and name not in live:
            what = f"trigger {name} on {table} is missing"
            yield Difference("trigger", what, as_owner(model.owner, one.sql))


def _trigger(live: Trigger, expected: TriggerModel, model: Model) -> Iterator[Difference]:
    name, table = live.name, live.table
    if trigger_shape(live.definition) != expected.shape:
        drop = f"DROP TRIGGER {name} ON {table};\n"
        what = f"trigger {name} on {table} is another than this version's: {live.definition}"
        yield Difference("trigger", what, drop + as_owner(model.owner, expected.sql))
    elif live.enabled != expected.enabled:
        state = {"D": "disabled", "R": "enabled for replicas alone", "O": "not enabled for replicas", "A": "always on"}
        always = "ALWAYS " if expected.enabled == "A" else ""
        what = f"trigger {name} on {table} is {state[live.enabled]}"
        yield Difference("trigger", what, f"ALTER TABLE {table} ENABLE {always}TRIGGER {name};")


def _rules(facts: Facts, model: Model) -> Iterator[Difference]:
    for rule in facts.rules:
        mend = f"DROP RULE {quote_name(rule)} ON {EVENTS.name};"
        yield Difference("rule", f"rule {rule} on {EVENTS.name} is none of this version's", mend)
    for parent in facts.parents:
        what = f"{EVENTS.name} inherits from {parent}, whose owner's commands reach it past its trigger"
        yield Difference("parent", what, f"ALTER TABLE {EVENTS.name} NO INHERIT {parent};")
    for table in facts.row_security:
        if Thing("table", table) in model.owned:
            mend = f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
            yield Difference("row security", f"row security on {table} hides rows, from the event store too", mend)
