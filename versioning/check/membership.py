"""Which roles' rights a login role has at hand: by inheritance, by SET ROLE, and by what it may grant to itself.

After the rules of PostgreSQL 14 to 18: its documentation, chapter Database Roles, and the page of GRANT.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from init_slate_db.core.creation.plan import quote_name
from versioning.check.facts import PUBLIC, Facts, Membership

Chain = tuple[Membership, ...]

# Nobody can be made a member of it: it has the database's owner alone.
_DATABASE_OWNER = "pg_database_owner"


@dataclass(frozen=True)
class Context:
    """One way to work: root is current_user, steps are the commands that lead to it, a SET ROLE being the last.

    rights: the roles whose rights it then has, each with the memberships that lead there from root.
    """

    root: str
    steps: tuple[str, ...]
    rights: Mapping[str, Chain]


class Graph:
    """The memberships of a cluster, and those that a login role can add to them."""

    def __init__(self, facts: Facts, added: Mapping[Membership, tuple[str, ...]] | None = None) -> None:
        self._facts = facts
        # Each membership that is not there yet, with the commands that make it.
        self._added = dict(added or {})
        self._of: dict[str, list[Membership]] = {}
        for membership in (*facts.memberships, *self._added):
            self._of.setdefault(membership.member, []).append(membership)

    def inherited(self, role: str) -> dict[str, Chain]:
        """The roles whose rights the role has without doing anything, itself and PUBLIC among them."""
        return self._walk(role, lambda membership: membership.inherit) | {PUBLIC: ()}

    def settable(self, login: str) -> dict[str, Chain]:
        """The roles that a session of the login role may SET ROLE to, itself among them."""
        return self._walk(login, lambda membership: membership.set)

    def groups(self, role: str) -> dict[str, Chain]:
        """All roles that the role is a member of, itself among them."""
        return self._walk(role, lambda membership: True)

    def steps(self, chain: Iterable[Membership]) -> tuple[str, ...]:
        """The commands that make those memberships of the chain that are not there yet."""
        return in_order(step for membership in chain for step in self._added.get(membership, ()))

    def contexts(self, login: str) -> list[Context]:
        """The ways to work that a session of the login role has."""
        found = []
        for root, chain in self.settable(login).items():
            switch = () if root == login else (f"SET ROLE {quote_name(root)}",)
            found.append(Context(root, self.steps(chain) + switch, self.inherited(root)))
        return found

    def extended(self, login: str) -> "Graph":
        """The graph with all memberships that the login role can give itself, in any number of steps."""
        graph = self
        while True:
            more = graph._grantable(login)
            if not more:
                return graph
            graph = Graph(self._facts, graph._added | more)

    def _grantable(self, login: str) -> dict[Membership, tuple[str, ...]]:
        """The memberships that the login role does not have, but may give itself now, with the commands."""
        more: dict[Membership, tuple[str, ...]] = {}
        for context in self.contexts(login):
            first, inherit = self._inheriting(login, context.root)
            for group, chain in self._administered(context.root).items():
                new = Membership(group, login, admin=False, inherit=inherit, set=True)
                if new in self._of.get(login, ()) or new in more or not self._may_join(login, group):
                    continue
                command = f"{first}GRANT {quote_name(group)} TO {quote_name(login)}"
                if self._facts.version >= 160000:
                    command += " WITH INHERIT TRUE, SET TRUE"
                more[new] = in_order((*self.steps(chain), *as_step(context.steps, command)))
        return more

    def _inheriting(self, login: str, root: str) -> tuple[str, bool]:
        """Whether the login role can have the rights of a group that root gives it, and the command for that."""
        own = self._facts.roles[login]
        if self._facts.version >= 160000 or own.inherit:
            return "", True
        # Who may create roles may also let its own inherit, but not one that replicates.
        if self._facts.roles[root].createrole and not own.replication:
            return f"ALTER ROLE {quote_name(login)} INHERIT; ", True
        return "", False

    def _administered(self, root: str) -> dict[str, Chain]:
        """The roles that this role, as current_user, may give away, with the memberships that lead there."""
        facts = self._facts
        if facts.version < 160000 and facts.roles[root].createrole:
            return dict.fromkeys(facts.roles, ())
        # From 16 on the role that the right belongs to is the grantor, and its rights are needed.
        holders = self.inherited(root) if facts.version >= 160000 else self.groups(root)
        return {
            membership.group: chain
            for holder, chain in holders.items()
            for membership in self._of.get(holder, ())
            if membership.admin
        }

    def _may_join(self, login: str, group: str) -> bool:
        """Whether PostgreSQL lets the role become a member, somebody entitled asking for it."""
        # A superuser's role is a superuser's to give, and circles are refused.
        return group != _DATABASE_OWNER and not self._facts.roles[group].superuser and login not in self.groups(group)

    def _walk(self, role: str, passes: Callable[[Membership], bool]) -> dict[str, Chain]:
        """The roles that memberships of this kind lead to, nearest first, each with the memberships on the way."""
        found: dict[str, Chain] = {role: ()}
        waiting = [role]
        for member in waiting:
            for membership in self._of.get(member, ()):
                if passes(membership) and membership.group not in found:
                    found[membership.group] = (*found[member], membership)
                    waiting.append(membership.group)
        return found


def as_step(steps: tuple[str, ...], command: str) -> tuple[str, ...]:
    """The steps with a command at their end, so that the session is its login role's own again."""
    if steps and _is_switch(steps[-1]):
        return (*steps[:-1], f"{steps[-1]}; {command}; RESET ROLE")
    return (*steps, command)


def in_order(steps: Iterable[str]) -> tuple[str, ...]:
    """Each step once, the SET ROLE of the one who does the work last."""
    return tuple(sorted(dict.fromkeys(steps), key=_is_switch))


def _is_switch(step: str) -> bool:
    return step.startswith("SET ROLE ") and "; " not in step
