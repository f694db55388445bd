"""The page of all objects in a database, docs/sql.md, as the comments in the databases tell them."""

from collections.abc import Iterable, Sequence

from manual.catalog import Relation, Routine, read_indexes, read_relations, read_routines, read_triggers
from manual.databases import PREFIX, Databases
from manual.markdown import code, escape, table

# What of schema pov is for people and programs; the rest is what this is made of.
POV_INTERFACE = (
    "pov.take(text)",
    "pov.rollback(integer)",
    "pov.plan(integer)",
    "pov.refusals(integer)",
    "pov.compare(integer)",
    "pov.plan_between(integer, integer)",
    "pov.compare_between(integer, integer)",
    "pov.prunable(integer, interval)",
    "pov.prune(integer[])",
)
POV_VIEWS = ("history", "snapshot_object")

# Characters.
_WIDTH = 100

_HEAD = """\
# SQL reference

What is in a database, by the comments that stand there: `\\df+` and `\\d+` in psql show the same. This page is made
from databases by `python -m manual`. The SQLSTATEs are in [the list](exit-statuses.md#sqlstates).

An argument that is `OUT` is a column of the result. Names are not case-sensitive. A function is called by position or
by name: `append_events(events => '[…]')`.
"""
_SLATE = """\
## Records in schema slate

To be read, by whoever is granted it; the commands alone write them. A source has `recovery` and its two companions; the
others come with the first `slate-schema migrate`, `release` or `archive deploy`, in any database.
"""
_POV = """\
## Snapshots: schema pov

In every database that `slate-schema install` or `init-slate-db --with-snapshots` has prepared
([snapshots](snapshots.md)). The two functions `pov` are in schema `public`.
"""
_INTERNAL = """\
## What these are made of

No interface: they change from version to version.
"""


def make_sql_page(databases: Databases) -> str:
    """The page in Markdown."""
    routines = _with_roles(databases)
    relations = read_relations(databases.source, ["public", "slate", "pov"])
    public = [one for one in routines if one.schema == "public"]
    parts = [_HEAD, "## A source\n"]
    parts += [_tell_routine(one) for one in public if not one.is_trigger and one.name != "pov"]
    parts += [_tell_relation(one) for one in relations if one.schema == "public"]
    parts += [_tell_events(databases), _tell_triggers(databases, public)]
    parts += [_tell_partitions(databases, routines), _tell_destination(databases)]
    parts += [_POV, *(_tell_routine(one) for one in public if one.name == "pov")]
    parts += [_tell_routine(one) for one in _in_order(routines)]
    parts += [_tell_relation(one) for one in relations if one.schema == "pov" and one.name in POV_VIEWS]
    parts += [_SLATE, *(_tell_relation(one) for one in relations if one.schema == "slate")]
    parts += [_tell_internal(routines, relations)]
    return "\n".join(parts)


def _with_roles(databases: Databases) -> list[Routine]:
    """The routines of a source with all that the commands add; those that --roles knows have their roles."""
    may = {one.identity: one for one in read_routines(databases.with_roles, ["public"], PREFIX)}
    return [may.get(one.identity, one) for one in read_routines(databases.source, ["public", "slate", "pov"])]


def _in_order(routines: Iterable[Routine]) -> list[Routine]:
    by_identity = {one.identity: one for one in routines}
    return [by_identity[identity] for identity in POV_INTERFACE]


def _tell_routine(routine: Routine) -> str:
    schema = "" if routine.schema == "public" else f"{routine.schema}."
    title = f"{schema}{routine.name}" + (f"({routine.types})" if schema or routine.name == "pov" else "")
    parts = [f"### {title}\n", f"```text\n{schema}{_wrap(routine.signature)}\n```\n", f"{escape(routine.comment)}\n"]
    if routine.roles:
        parts.append(f"With `--roles`, for {', '.join(routine.roles)}.\n")
    return "\n".join(parts)


def _wrap(signature: str) -> str:
    """A signature that is too wide for a page has each of its arguments on a line of its own."""
    name, _, rest = signature.partition("(")
    arguments, _, result = rest.rpartition(")")
    if len(signature) <= _WIDTH:
        return signature
    return f"{name}(\n  " + arguments.replace(", ", ",\n  ") + f"\n){result}"


def _tell_relation(relation: Relation) -> str:
    schema = "" if relation.schema == "public" else f"{relation.schema}."
    rows = [(code(one.name), one.type, escape(one.comment)) for one in relation.columns]
    heading = f"### {relation.kind.capitalize()} {schema}{relation.name}\n"
    return "\n".join((heading, f"{escape(relation.comment)}\n", table(("column", "type", ""), rows)))


def _tell_events(databases: Databases) -> str:
    lines = "".join(f"{definition};\n" for definition in read_indexes(databases.source))
    return f"### Indexes of events\n\nThe same in a source and in a destination.\n\n```sql\n{lines}```\n"


def _tell_triggers(databases: Databases, public: Sequence[Routine]) -> str:
    comments = {one.name: one.comment for one in public if one.is_trigger}
    return "### Triggers of events\n\n" + _trigger_table(read_triggers(databases.source), comments)


def _trigger_table(triggers: Iterable[tuple[str, str]], comments: dict[str, str]) -> str:
    rows = []
    for name, definition in triggers:
        when = definition.partition(f" {name} ")[2].partition(" ON ")[0]
        function = definition.rpartition("EXECUTE FUNCTION ")[2].removesuffix("()").removeprefix("public.")
        rows.append((code(name), when, code(function), escape(comments[function])))
    return table(("trigger", "when", "function", ""), rows)


def _tell_partitions(databases: Databases, routines: Iterable[Routine]) -> str:
    plain = {(one.identity, one.comment) for one in routines}
    new = [
        one
        for one in read_routines(databases.partitioned, ["public", "slate"])
        if (one.identity, one.comment) not in plain
    ]
    (events,) = (one for one in read_relations(databases.partitioned, ["public"]) if one.name == "events")
    return "\n".join(
        (
            "## A source in partitions\n",
            f"With `--partition-size`, table `events` is [partitioned](partitions.md). {escape(events.comment)} "
            "Beyond what another source has, or other than there:\n",
            _short_table(new),
        )
    )


def _tell_destination(databases: Databases) -> str:
    comments = {one.name: one.comment for one in read_routines(databases.destination, ["public"])}
    return "\n".join(
        (
            "## A destination\n",
            "Table `events` with the same columns and indexes, and nothing else. As long as it follows a source "
            "([replication](replication.md), [following](following.md)) it has a trigger:\n",
            _trigger_table(read_triggers(databases.destination), comments),
        )
    )


def _tell_internal(routines: Sequence[Routine], relations: Sequence[Relation]) -> str:
    slate = [one for one in routines if one.schema == "slate"]
    pov = [one for one in routines if one.schema == "pov" and one.identity not in POV_INTERFACE]
    tables = [one for one in relations if one.schema == "pov" and one.name not in POV_VIEWS]
    rows = [(code(f"{one.schema}.{one.name}"), one.kind, escape(one.comment)) for one in tables]
    return "\n".join(
        (
            _INTERNAL,
            "### Schema slate\n",
            _short_table(slate),
            "### Schema pov\n",
            table(("relation", "", ""), rows),
            _short_table(pov),
        )
    )


def _short_table(routines: Iterable[Routine]) -> str:
    return table(("function", ""), ((code(one.identity), escape(one.comment)) for one in routines))
