"""What the catalogs say of roles, rights and guards: read-only facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# Who is meant where a right is everybody's. No role is called so.
PUBLIC = ""

Kind = Literal["database", "schema", "table", "function", "parameter", "publication", "subscription"]


@dataclass(frozen=True)
class Role:
    """One role of the cluster, with its attributes. inherit: up to PostgreSQL 15, whether it has its groups' rights."""

    name: str
    superuser: bool = False
    inherit: bool = True
    createrole: bool = False
    createdb: bool = False
    login: bool = False
    replication: bool = False
    bypassrls: bool = False


@dataclass(frozen=True)
class Membership:
    """One membership. inherit: the member has the group's rights; set: it may SET ROLE to the group; admin: it may
    give the group to others and to itself."""

    group: str
    member: str
    admin: bool
    inherit: bool
    set: bool


@dataclass(frozen=True)
class Thing:
    """What rights are about. name: as SQL knows it, with its schema; a function has its argument types behind it."""

    kind: Kind
    name: str


@dataclass(frozen=True)
class Grant:
    """One right. column: "" for the whole. grantee: PUBLIC for everybody. grantable: the grantee may pass it on."""

    thing: Thing
    column: str
    privilege: str
    grantee: str
    grantable: bool


@dataclass(frozen=True)
class Function:
    """One function. schema and name are not quoted. settings: its SET clauses, as the catalog has them."""

    thing: Thing
    schema: str
    name: str
    definer: bool
    settings: tuple[str, ...]
    body: str
    language: str
    of_extension: bool


@dataclass(frozen=True)
class Trigger:
    """One trigger on events. enabled: O (ordinary sessions), A (always), R (replicas alone) or D (disabled)."""

    table: str
    name: str
    enabled: str
    definition: str


@dataclass(frozen=True)
class View:
    """A view that reads other relations. reads: (relation, column or "") of each. stored: a materialized view."""

    thing: Thing
    schema: str
    invoker: bool
    stored: bool
    reads: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Facts:
    """All that the check knows of a database, by one snapshot.

    version: the server's, such as 150004. owners: of each thing. schemas: of each table. children: partitions and
    heirs of events. parents: what events inherits from. defaults: default privileges, as (role, schema, type,
    grantee, privilege). open_elsewhere: grants of CONNECT on other databases.
    """

    version: int
    database: str
    accepts_connections: bool
    roles: Mapping[str, Role]
    memberships: tuple[Membership, ...]
    owners: Mapping[Thing, str]
    schemas: Mapping[Thing, str]
    grants: tuple[Grant, ...]
    functions: tuple[Function, ...]
    triggers: tuple[Trigger, ...]
    views: tuple[View, ...]
    children: tuple[str, ...]
    parents: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    rules: tuple[str, ...]
    row_security: tuple[str, ...]
    defaults: tuple[tuple[str, str, str, str, str], ...]
    event_triggers: tuple[str, ...]
    open_elsewhere: tuple[str, ...]

    def function(self, schema: str, name: str) -> Function | None:
        """The function of this name, where there is exactly one."""
        found = [one for one in self.functions if (one.schema, one.name) == (schema, name)]
        return found[0] if len(found) == 1 else None


EVENTS = Thing("table", "public.events")
ID = Thing("table", "public.id")
SCHEMA_PUBLIC = Thing("schema", "public")
SCHEMA_SLATE = Thing("schema", "slate")
# What tells a source of ours from databases that have schema slate for the ledger of their patches alone.
JOURNAL = Thing("table", "slate.recovery")


def database_thing(facts: Facts) -> Thing:
    return Thing("database", facts.database)
