"""One database of each kind, made to be described."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from init_slate_db.core.creation.plan import Place, make_plan, quote_name, role_names
from init_slate_db.core.sql_files import (
    SqlObject,
    TableType,
    read_archive_objects,
    read_following_objects,
    read_migration_objects,
    read_release_objects,
    read_snapshot_objects,
)
from manual.catalog import Connection

# Of the databases and the roles.
PREFIX = "slate_manual"


@dataclass(frozen=True)
class Databases:
    """Connections to them. source: with all that the commands add to one; with_roles: of PREFIX."""

    source: Connection
    partitioned: Connection
    with_roles: Connection
    destination: Connection


@contextmanager
def make_databases(server: Mapping[str, Any]) -> Iterator[Databases]:
    """Makes them on a server, where they are gone after the block.

    :param server: connection parameters of a superuser.
    """
    with ExitStack() as stack:
        maintenance = stack.enter_context(psycopg.connect(**server, autocommit=True))

        def make(name: str, table_type: TableType, *more: SqlObject, **options: Any) -> Connection:
            stack.callback(maintenance.execute, _drop(f"{PREFIX}_{name}"))
            _create(server, maintenance, f"{PREFIX}_{name}", table_type, options)
            connection = psycopg.connect(**{**server, "dbname": f"{PREFIX}_{name}"}, autocommit=True)
            stack.callback(connection.close)
            for one in more:
                connection.execute(one.sql.encode())
            return connection

        stack.callback(_drop_roles, maintenance)
        ledgers = read_migration_objects() + read_release_objects() + read_archive_objects()
        yield Databases(
            source=make("source", "source", *read_snapshot_objects(), *ledgers),
            partitioned=make("partitioned", "source", partition_size=1000),
            with_roles=make("roles", "source", roles=PREFIX),
            destination=make("destination", "destination", *read_following_objects()),
        )


def _create(
    server: Mapping[str, Any], maintenance: Connection, name: str, table_type: TableType, options: Mapping[str, Any]
) -> None:
    maintenance.execute(_drop(name))
    plan = make_plan(name, table_type, **options)
    first, *inside, last = plan.steps
    assert (first.place, last.place) == (Place.SERVER, Place.SERVER)
    maintenance.execute(first.statement.encode())
    with psycopg.connect(**{**server, "dbname": plan.working_name}) as connection:
        for step in inside:
            connection.execute(step.statement.encode())
    # Behind the commit: a database that somebody is connected to cannot be renamed.
    maintenance.execute(last.statement.encode())


def _drop(name: str) -> bytes:
    return f"DROP DATABASE IF EXISTS {quote_name(name)} WITH (FORCE)".encode()


def _drop_roles(maintenance: Connection) -> None:
    for role in role_names(PREFIX).values():
        maintenance.execute(f"DROP ROLE IF EXISTS {quote_name(role)}".encode())
