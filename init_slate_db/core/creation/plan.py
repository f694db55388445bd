"""The plan: what a run does, step by step. It is made from the options alone, so a dry run needs no server."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from init_slate_db.core.sql_files import (
    SqlObject,
    TableType,
    read_objects,
    read_objects_with_roles,
    read_snapshot_objects,
)

# A database bears such a name until it is complete. Whoever finds one that no run holds may drop it.
WORKING_NAME = "slate_unfinished_"
WORKING_NAME_PATTERN = f"^{WORKING_NAME}[0-9a-f]{{16}}$"

ROLES = ("owner", "writer", "reader", "replicator", "recoverer")


class Place(Enum):
    """Where a step's statement runs."""

    SERVER = auto()
    """In the database that we connect to first; each statement by itself."""
    DATABASE = auto()
    """In the new database; all of them in one transaction."""


@dataclass(frozen=True)
class Step:
    """One statement, or the statements of one object's file, and what they do, in words."""

    title: str
    statement: str
    place: Place


@dataclass(frozen=True)
class Plan:
    """All steps that create a database. It bears working_name until the last one renames it to name."""

    name: str
    table_type: TableType
    working_name: str
    steps: tuple[Step, ...]


def make_plan(
    name: str,
    table_type: TableType,
    *,
    roles: str = "",
    locale: str = "",
    token: str = "",
    partition_size: int = 0,
    snapshots: bool = False,
    closing: tuple[Step, ...] = (),
) -> Plan:
    """The plan that creates a database.

    :param roles: the prefix of the roles that get the database's rights; "": rights are the creator's and PUBLIC's.
    :param locale: a clause of CREATE DATABASE, where the cluster's own locale does not go with UTF8.
    :param token: 16 hexadecimal digits that make the working name unique; random when not given.
    :param partition_size: how many ids a partition of a source's events has; 0: it is no partitioned table.
    :param snapshots: whether it is prepared for snapshots, too.
    :param closing: further steps inside the database, in the transaction of its objects.
    """
    working_name = WORKING_NAME + (token or secrets.token_hex(8))
    options = " ".join(filter(None, ("TEMPLATE template0", "ENCODING 'UTF8'", locale)))
    return Plan(
        name,
        table_type,
        working_name,
        (
            Step(
                "database under a working name, UTF8, from template0",
                f"CREATE DATABASE {quote_name(working_name)} {options}",
                Place.SERVER,
            ),
            *_object_steps(table_type, roles, working_name, partition_size),
            *(_snapshot_steps(roles) if snapshots else ()),
            *closing,
            Step(
                f'rename it to "{name}"',
                f"ALTER DATABASE {quote_name(working_name)} RENAME TO {quote_name(name)}",
                Place.SERVER,
            ),
        ),
    )


def script(plan: Plan) -> str:
    """The plan as a script for psql, which ends at the first error with the name still free."""
    lines = [
        f'-- Creates the {plan.table_type} database "{plan.name}", completely or not at all.',
        "-- Run it with psql as a role that may create databases: psql -X -f FILE postgres",
        "\\set ON_ERROR_STOP on",
        f"DROP DATABASE IF EXISTS {quote_name(plan.working_name)};",
    ]
    place = Place.SERVER
    for step in plan.steps:
        if step.place is Place.DATABASE and place is Place.SERVER:
            lines += ["\\set maintenance :DBNAME", f"\\connect {quote_name(plan.working_name)}", "BEGIN;"]
        elif step.place is Place.SERVER and place is Place.DATABASE:
            lines += ["COMMIT;", '\\connect :"maintenance"']
        place = step.place
        lines += [f"\n-- {step.title}", step.statement.strip().removesuffix(";") + ";"]
    return "\n".join(lines)


def quote_name(name: str) -> str:
    """A name as an SQL identifier, kept exactly as it is."""
    return '"' + name.replace('"', '""') + '"'


def role_names(prefix: str) -> dict[str, str]:
    """The names of the roles of a prefix, by what they are for."""
    return {role: f"{prefix}_{role}" for role in ROLES}


def fill_in(sql: str, names: Mapping[str, str]) -> str:
    """Statements of roles and privileges with every placeholder, :"writer" or :'writer', replaced by its name."""
    return re.sub(
        r""":(["'])([a-z_]+)\1""",
        lambda found: quote_name(names[found[2]]) if found[1] == '"' else _quote_text(names[found[2]]),
        sql,
    )


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _object_steps(table_type: TableType, prefix: str, database: str, partition_size: int) -> tuple[Step, ...]:
    read = read_objects_with_roles if prefix else read_objects
    names = role_names(prefix) | {"database": database, "partition_size": str(partition_size)}
    return tuple(
        Step(_title(item, names), fill_in(item.sql, names) if _has_placeholders(item) else item.sql, Place.DATABASE)
        for item in read(table_type, partitions=partition_size > 0)
    )


def _snapshot_steps(prefix: str) -> tuple[Step, ...]:
    steps = tuple(Step(f"snapshots: {item.name}", item.sql, Place.DATABASE) for item in read_snapshot_objects())
    if not prefix:
        return steps
    owner = role_names(prefix)["owner"]
    # Privileges of roles come before, and end with a role that is not the owner.
    become = Step(f"snapshots: as {owner}", f"SET LOCAL ROLE {quote_name(owner)}", Place.DATABASE)
    return (become, *steps, Step("snapshots: as before", "RESET ROLE", Place.DATABASE))


def _has_placeholders(item: SqlObject) -> bool:
    return item.kind in ("role", "privilege") or item.name == "slate.partition_size"


def _title(item: SqlObject, names: Mapping[str, str]) -> str:
    if item.kind not in ("role", "privilege"):
        return f"{item.kind} {item.name}"
    if item.kind == "privilege":
        role, _, table_type = item.name.partition(".")
        return f"privileges of {names.get(role, role)}{f' in a {table_type}' if table_type else ''}"
    roles = ", ".join(names[role] for role in ROLES)
    return {"missing": f"roles {roles}, where there are none", "unfit": "roles that fit, where there were some"}[
        item.name
    ]
