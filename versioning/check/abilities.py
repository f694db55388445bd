"""Who could do what: every login role's ways, of which each could be tried out."""

from dataclasses import dataclass

from init_slate_db.core.creation.plan import quote_name
from versioning.check.acts import Ability, Act, list_acts
from versioning.check.facts import Facts, database_thing
from versioning.check.membership import Chain, Context, Graph
from versioning.check.standing import Index, Reason, Standing


@dataclass(frozen=True)
class Way:
    """One way in which a login role could do something.

    by: what it does it with. holder: the role that the right is given to, PUBLIC for everybody. through: the groups on
    the way from the login role, or from the role that it switches to, to the holder. steps: the SQL commands that come
    first; none: it works at once. elsewhere: these come first in another database, since this one lets the role in
    only then.
    """

    role: str
    ability: Ability
    by: str
    holder: str
    through: tuple[str, ...]
    steps: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


def find_ways(facts: Facts) -> list[Way]:
    """The ways of all login roles: of each act the shortest way of each role that has one."""
    index = Index(facts)
    acts = list_acts(facts)
    return [way for name, role in facts.roles.items() if role.login for way in _Login(index, name).ways(acts)]


class _Login:
    """One login role."""

    def __init__(self, index: Index, name: str) -> None:
        self._index = index
        self._facts = index.facts
        self._name = name
        plain = Graph(self._facts)
        extended = plain.extended(name)
        self._places = [(graph, context) for graph in (plain, extended) for context in graph.contexts(name)]

    def ways(self, acts: list[Act]) -> list[Way]:
        entry = self._entry()
        found = []
        for act in acts:
            if act.connects and entry is None:
                continue
            reason = self._shortest(act)
            if reason:
                elsewhere = entry.steps if entry and act.connects else ()
                through = _groups(reason.chain)
                steps = tuple(step for step in reason.steps if step not in elsewhere)
                found.append(Way(self._name, act.ability, act.by, reason.holder, through, steps, elsewhere))
        return found

    def _shortest(self, act: Act) -> Reason | None:
        best: Reason | None = None
        for granting in (False, True):
            for graph, context in self._places:
                reason = act.reason(self._standing(graph, context, granting=granting))
                if reason and (best is None or len(reason.steps) < len(best.steps)):
                    best = reason
                if best and not best.steps:
                    return best
        return best

    def _entry(self) -> Reason | None:
        """Why the role may connect; its steps are done in another database."""
        if not self._facts.accepts_connections:
            return None
        database = database_thing(self._facts)
        own = [(graph, context) for graph, context in self._places if context.root == self._name]
        at_once = self._standing(*own[0], granting=False).has(database, "CONNECT")
        if at_once:
            return at_once
        if not set(self._facts.open_elsewhere) & set(own[0][1].rights):
            return None
        for granting in (False, True):
            for graph, context in own:
                reason = self._standing(graph, context, granting=granting).has(database, "CONNECT")
                if reason:
                    return reason
        return self._as_superuser()

    def _as_superuser(self) -> Reason | None:
        """A superuser's role that it may SET ROLE to elsewhere gives it the right to connect."""
        for _, context in self._places:
            if self._facts.roles[context.root].superuser:
                command = f"GRANT CONNECT ON DATABASE {self._facts.database} TO {quote_name(self._name)}"
                return Reason(context.root, (), (f"{context.steps[-1]}; {command}; RESET ROLE",))
        return None

    def _standing(self, graph: Graph, context: Context, *, granting: bool) -> Standing:
        return Standing(self._index, graph, context, self._places, granting=granting)


def _groups(chain: Chain) -> tuple[str, ...]:
    return tuple(membership.group for membership in chain)
