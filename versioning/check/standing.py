"""What one way to work allows: rights, ownership and attributes, each with the reason why it is so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from init_slate_db.core.creation.plan import quote_name
from versioning.check.facts import Facts, Grant, Thing
from versioning.check.membership import Chain, Context, Graph, as_step, in_order

_SQL_KINDS = {"database": "DATABASE", "schema": "SCHEMA", "table": "TABLE", "function": "FUNCTION"}

# What PostgreSQL's own roles have on everything, by kind of thing and privilege.
_OF_ALL = {
    ("table", "SELECT"): "pg_read_all_data",
    ("table", "INSERT"): "pg_write_all_data",
    ("table", "UPDATE"): "pg_write_all_data",
    ("table", "DELETE"): "pg_write_all_data",
    ("table", "MAINTAIN"): "pg_maintain",
}


@dataclass(frozen=True)
class Reason:
    """Why something is allowed. holder: the role that it is allowed to, PUBLIC for everybody.

    chain: the memberships that lead to the holder. steps: the commands that come first; none: it works at once.
    """

    holder: str
    chain: Chain = ()
    steps: tuple[str, ...] = ()


# All ways to work that a login role has, each with the memberships that it goes by.
Places = Sequence[tuple[Graph, Context]]


class Index:
    """The rights of a database, to be looked up."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._grants: dict[tuple[Thing, str, str], list[Grant]] = {}
        for grant in facts.grants:
            self._grants.setdefault((grant.thing, grant.column, grant.privilege), []).append(grant)

    def grants(self, thing: Thing, column: str, privilege: str) -> list[Grant]:
        return self._grants.get((thing, column, privilege), [])


class Standing:
    """One way to work of one login role. places: all of its ways.

    granting: whether what it may give to itself in any of them counts too, as an owner or with GRANT OPTION.
    """

    def __init__(self, index: Index, graph: Graph, context: Context, places: Places, *, granting: bool) -> None:
        self.facts = index.facts
        self._index = index
        self._graph = graph
        self._context = context
        self._places = places
        self._granting = granting
        self.root = self.facts.roles[context.root]

    def as_role(self, role: str) -> "Standing":
        """The standing inside a function that runs with the rights of the role, after the same steps."""
        context = Context(role, self._context.steps, self._graph.inherited(role))
        return Standing(self._index, self._graph, context, self._places, granting=self._granting)

    def has(self, thing: Thing, privilege: str, column: str = "") -> Reason | None:
        """Why there is the privilege on a thing, or on a column of it; None: there is not."""
        if self.root.superuser:
            return self._reason(self.root.name)
        for grant in (*self._index.grants(thing, "", privilege), *self._column_grants(thing, privilege, column)):
            if grant.grantee in self._context.rights:
                return self._reason(grant.grantee)
        general = self._of_all(thing, privilege)
        if general:
            return self._reason(general)
        return self._given(thing, privilege, column) if self._granting else None

    def has_columns(self, thing: Thing, privilege: str, columns: Iterable[str]) -> Reason | None:
        """Why there is the privilege on all of the columns."""
        return all_of(*(self.has(thing, privilege, column) for column in columns))

    def owns(self, thing: Thing) -> Reason | None:
        """Why it has the rights of the owner of a thing."""
        owner = self.facts.owners.get(thing)
        if owner is None:
            return None
        if self.root.superuser:
            return self._reason(self.root.name)
        return self._reason(owner) if owner in self._context.rights else None

    def belongs_to(self, group: str) -> Reason | None:
        """Why it has the rights of a role of PostgreSQL's own."""
        return self._reason(group) if group in self._context.rights else None

    def is_superuser(self) -> Reason | None:
        return self._reason(self.root.name) if self.root.superuser else None

    def replicates(self) -> Reason | None:
        """Why it may read the write-ahead log: the attribute counts for the very role alone."""
        return self._reason(self.root.name) if self.root.replication or self.root.superuser else None

    def _reason(self, holder: str) -> Reason:
        chain = self._context.rights.get(holder, ())
        return Reason(holder, chain, in_order((*self._graph.steps(chain), *self._context.steps)))

    def _column_grants(self, thing: Thing, privilege: str, column: str) -> list[Grant]:
        return self._index.grants(thing, column, privilege) if column else []

    def _of_all(self, thing: Thing, privilege: str) -> str | None:
        names = {_OF_ALL.get((thing.kind, privilege))}
        if (thing.kind, privilege) == ("schema", "USAGE"):
            names = {"pg_read_all_data", "pg_write_all_data"}
        return next((name for name in sorted(filter(None, names)) if name in self._context.rights), None)

    def _given(self, thing: Thing, privilege: str, column: str) -> Reason | None:
        """Why it can come by the privilege: from the owner, or from one that may pass it on."""
        if thing.kind not in _SQL_KINDS or thing not in self.facts.owners:
            return None
        givers = {self.facts.owners[thing]}
        for grant in (*self._index.grants(thing, "", privilege), *self._column_grants(thing, privilege, column)):
            givers |= {grant.grantee} if grant.grantable else set()
        columns = f" ({quote_name(column)})" if column else ""
        command = f"GRANT {privilege}{columns} ON {_SQL_KINDS[thing.kind]} {thing.name}"
        return any_of(*(self._given_at(place, givers, thing, command) for place in self._places))

    def _given_at(self, place: tuple[Graph, Context], givers: set[str], thing: Thing, command: str) -> Reason | None:
        """Why it can come by a privilege by a command that one of its ways to work may give."""
        graph, context = place
        giver = next((role for role in context.rights if role in givers), None)
        if self.facts.roles[context.root].superuser:
            giver = context.root
        if giver is None:
            return None
        steps = in_order((*graph.steps(context.rights.get(giver, ())), *context.steps))
        command = f"{command} TO {quote_name(self._context.root)}"
        if thing in self.facts.schemas:
            # Who has no way to the name cannot give anything of it away.
            schema = Thing("schema", self.facts.schemas[thing])
            named = Standing(self._index, graph, context, self._places, granting=True).has(schema, "USAGE")
            if named is None:
                return None
            steps = in_order((*named.steps, *steps))
        return Reason(giver, (), in_order((*as_step(steps, command), *self._context.steps)))


def all_of(*reasons: Reason | None) -> Reason | None:
    """The first of the reasons, with the steps of all; None where one is missing."""
    found = [reason for reason in reasons if reason is not None]
    if not found or len(found) < len(reasons):
        return None
    first = found[0]
    return Reason(first.holder, first.chain, in_order(step for reason in found for step in reason.steps))


def any_of(*reasons: Reason | None) -> Reason | None:
    """The reason with the fewest steps."""
    found = [reason for reason in reasons if reason is not None]
    return min(found, key=lambda reason: len(reason.steps)) if found else None
