"""The check itself: from a connection to a report."""

from init_slate_db import __version__
from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection
from versioning.check.abilities import find_ways
from versioning.check.catalog import read_facts
from versioning.check.differences import find_differences
from versioning.check.facts import RECOVERY, Facts, Function
from versioning.check.mending import Difference
from versioning.check.model import find_prefix, read_functions, read_model, table_type_of
from versioning.check.report import Report


def check(reached: Reached, prefix: str) -> Report:
    """Looks, and writes nothing.

    :param prefix: of the roles of the model; "": that of the database's owner, where it has one.
    :raises SlateError: the server does not answer.
    """
    connection: Connection = reached.connection
    facts = read_facts(connection)
    table_type = table_type_of(facts)
    prefix = prefix or (find_prefix(facts) if table_type else "")
    differences: list[Difference] = []
    if table_type and prefix:
        differences = find_differences(facts, read_model(table_type, prefix, facts))
    return Report(
        place=reached.place,
        server=f"PostgreSQL {connection.info.parameter_status('server_version')}, seen as {connection.info.user}",
        kind=table_type or "other",
        code=_code(facts, table_type or "other"),
        prefix=prefix if table_type else "",
        ways=tuple(find_ways(facts)),
        superusers=tuple(role.name for role in facts.roles.values() if role.superuser and role.login),
        differences=tuple(differences),
        not_judged=tuple(_not_judged(facts)),
    )


def _code(facts: Facts, kind: str) -> str:
    """Whose functions the database has."""
    if kind != "source":
        return "it has no functions of an event store"
    if RECOVERY not in facts.owners:
        return "its functions are the original's" if facts.function("public", "insert_events") else "no functions"
    expected = read_functions("source", facts)
    live = [facts.function(one.schema, one.name) for one in expected]
    other = [one.name for one, found in zip(expected, live, strict=True) if not found or found.body != one.body]
    if not other:
        return f"its functions are those of init-slate-db {__version__}"
    return f"of its functions {len(other)} of {len(expected)} are not those of init-slate-db {__version__}"


def _not_judged(facts: Facts) -> list[str]:
    """What this says nothing of, or what it could not look into."""
    told = ["pg_hba.conf, passwords, and who knows them", "roles of other databases, and what these lead to"]
    definers = [one.thing.name for one in facts.functions if one.definer and not _is_known(one, facts)]
    if definers:
        told.append(f"what functions with their owners' rights do: {', '.join(definers)}")
    if facts.row_security:
        told.append(f"the policies of row security on {', '.join(facts.row_security)}")
    if facts.event_triggers:
        told.append(f"what event triggers do: {', '.join(facts.event_triggers)}")
    return told


def _is_known(function: Function, facts: Facts) -> bool:
    """Whether the function is one of ours, or comes with PostgreSQL's own extensions."""
    ours = {(one.schema, one.name) for one in read_functions("source", facts)}
    return function.of_extension or (function.schema, function.name) in ours
