"""How each destination of a source stands: facts read from both sides."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from init_slate_db.core.addresses import Address, Reached, answered, parameters_of, reach_by, unasked
from init_slate_db.core.connection import server_errors
from init_slate_db.core.conninfo import describe_database
from init_slate_db.core.errors import SlateError
from init_slate_db.core.identity import read_identity
from replication import diagnosis, guard
from replication.destination import Subscription, count_errors, read_subscriptions
from replication.link import PREFIX, Destination, Link, link_name, read_links
from replication.options import PROGRAM, Limits

FOLLOWING = ("following", "filled by slate-replicate follow")

_DESTINATION = "SELECT coalesce(max(id), 0) FROM public.events"
# Lag in time is the age of the oldest event that the destination lacks, by the clock that stamped it.
_SOURCE = """
SELECT (SELECT coalesce(max(e.id), 0) FROM public.events AS e),
       ARRAY(SELECT extract(epoch FROM clock_timestamp() - e.ts)::float8
             FROM unnest(%s::bigint[]) WITH ORDINALITY AS n (id, position)
             LEFT JOIN public.events AS e ON e.id = n.id ORDER BY n.position)
"""
# Perhaps another user, or a password, is what it takes.
_ANSWERABLE = {"no-such-user", "password-needed", "wrong-password"}

Answers = dict[Address, Address]
"""Addresses as they were named, and the same ones with what a person at a terminal has answered."""


@dataclass(frozen=True)
class Standing:
    """One destination, or one slot that has none. What is None cannot be told.

    state: in words; following where all is well. lag_events, lag_seconds: what it lacks, and for how long the oldest of
    that has been there. lag_bytes: of the source's log, not confirmed yet. held_bytes: of that log, kept for it;
    safe_bytes: how much more will be. refuses_writes: those of others than replication. reason: why it does not follow.
    """

    name: str
    place: str
    state: str
    highest_id: int | None = None
    lag_events: int | None = None
    lag_seconds: float | None = None
    lag_bytes: int | None = None
    held_bytes: int | None = None
    safe_bytes: int | None = None
    errors: int | None = None
    refuses_writes: bool | None = None
    reason: str = ""

    @property
    def follows(self) -> bool:
        return self.state in FOLLOWING

    def exceeds(self, limits: Limits) -> bool:
        """Whether it is further behind than that, or may be."""
        pairs = (
            (limits.events, self.lag_events),
            (limits.seconds, self.lag_seconds),
            (limits.bytes, self.lag_bytes if self.state != FOLLOWING[1] else 0),
        )
        return any(most is not None and (lag is None or lag > most) for most, lag in pairs)


@dataclass(frozen=True)
class Standings:
    """A source at one moment, and its destinations."""

    place: str
    highest_id: int
    destinations: tuple[Standing, ...]


@dataclass(frozen=True)
class _Seen:
    """What a destination itself says. fault: why it says nothing.

    answerable: it lets nobody in whom it does not know, and who that is can be asked for.
    """

    place: str
    name: str = ""
    identity: tuple[str, str] | None = None
    highest_id: int | None = None
    subscription: Subscription | None = None
    filled: bool = False
    errors: int | None = None
    refuses_writes: bool | None = None
    fault: str = ""
    answerable: bool = False
    reached: Reached | None = None


def look(source: Reached, fallback: Address, named: Sequence[Address], answers: Answers) -> Standings:
    """Reads how all destinations stand. Writes nothing.

    :param fallback: what leads to destinations that the source knows, but for host, port and database.
    :param named: destinations that the user named: those that the source knows are reached so, others are told, too.
    :param answers: what is asked for joins them.
    :raises SlateError: what the source says; what a destination says is told as its reason.
    """
    with server_errors(f"say who follows {source.place}"):
        links = read_links(source.connection)
    seen: list[_Seen] = []
    try:
        seen += _see_all(named, answers)
        unnamed = [link for link in links if link.name not in {one.name for one in seen}]
        seen += _see_all([_address(link, fallback) for link in unnamed], answers)
        pairs = _pair(
            links, seen[: len(named)], dict(zip([link.name for link in unnamed], seen[len(named) :], strict=True))
        )
        with server_errors(f"say what {source.place} holds"):
            nexts = [(one.highest_id or 0) + 1 for _, one in pairs]
            row = source.connection.execute(_SOURCE, (nexts,)).fetchone()
        assert row
        highest, ages = row
        standings = [_stand(source, *pair, highest, age) for pair, age in zip(pairs, ages, strict=True)]
    finally:
        for one in seen:
            if one.reached:
                one.reached.connection.close()
    return Standings(source.place, highest, tuple(standings))


def _pair(links: Sequence[Link], named: Sequence[_Seen], others: dict[str, _Seen]) -> list[tuple[Link | None, _Seen]]:
    """Each link with what its destination says, then the destinations that have none."""
    by_name = {one.name: one for one in named if one.name} | others
    known = {link.name for link in links}
    return [*((link, by_name[link.name]) for link in links), *((None, one) for one in named if one.name not in known)]


def _see_all(addresses: Sequence[Address | None], answers: Answers) -> list[_Seen]:
    with ThreadPoolExecutor(max_workers=16) as pool:
        quiet = [address and answers.get(address, unasked(address)) for address in addresses]
        seen = list(pool.map(_see, quiet))
    # One question after the other, and only where there has to be one.
    for number, (address, one) in enumerate(zip(addresses, seen, strict=True)):
        if address and address.connection.interactive and one.answerable:
            seen[number] = found = _see(_asking(address, one.place))
            if found.reached:
                answers[address] = answered(address, found.reached)
    return seen


def _asking(address: Address, place: str) -> Address:
    return replace(address, connection=replace(address.connection, role=f"destination {place}"))


def _address(link: Link, fallback: Address) -> Address | None:
    if link.destination is None:
        return None
    there = link.destination
    connection = replace(fallback.connection, host=there.host, port=there.port, dsn=None)
    return replace(fallback, connection=connection, database=there.database, overrides=True)


def _see(address: Address | None) -> _Seen:
    if address is None:
        return _Seen("", fault="nothing tells which destination it is for")
    parameters = parameters_of(address, PROGRAM)
    try:
        reached = reach_by(parameters, address.connection)
    except SlateError as error:
        fault = f"cannot be reached from here: {error.why or error.what}"
        return _Seen(describe_database(parameters), fault=fault, answerable=error.code in _ANSWERABLE)
    try:
        with server_errors(f"say how {reached.place} stands"):
            return _ask(reached)
    except SlateError as error:
        return _Seen(reached.place, fault=f"cannot be read: {error.why or error.what}", reached=reached)


def _ask(reached: Reached) -> _Seen:
    connection = reached.connection
    row = connection.execute(_DESTINATION).fetchone()
    assert row
    identity = read_identity(connection)
    name = link_name(connection.info.dbname, identity)
    own = next((one for one in read_subscriptions(connection) if one.name == name), None)
    errors = count_errors(connection, name) if own else None
    filled = own is None and guard.is_held(connection)
    refuses = guard.refuses_writes(connection)
    return _Seen(reached.place, name, identity, row[0], own, filled, errors, refuses, reached=reached)


def _stand(source: Reached, link: Link | None, seen: _Seen, highest: int, age: float | None) -> Standing:
    state, reason = _judge(source, link, seen)
    facts: dict[str, Any] = {
        "highest_id": seen.highest_id,
        "errors": seen.errors,
        "refuses_writes": seen.refuses_writes,
    }
    # The source was asked after its destinations, so none of them can be ahead of it by time alone.
    if seen.highest_id is not None and seen.highest_id > highest:
        if state in FOLLOWING:
            state, reason = "ahead of the source", diagnosis.of_others(highest + 1, seen.highest_id)
    elif seen.highest_id is not None:
        facts["lag_events"] = highest - seen.highest_id
        facts["lag_seconds"] = max(0.0, age) if age is not None and highest > seen.highest_id else 0.0
    if link:
        facts |= {"lag_bytes": link.lag_bytes, "held_bytes": link.held_bytes, "safe_bytes": link.safe_bytes}
    place = link.destination.place if link and link.destination else seen.place
    return Standing(link.name if link else seen.name, place, state, reason=reason, **facts)


def _judge(source: Reached, link: Link | None, seen: _Seen) -> tuple[str, str]:
    """The state in words, and why where it is not following."""
    if link is None:
        return _judge_unknown(seen)
    if link.destination is None:
        return _judge_stray(link)
    if link.is_lost:
        return "slot lost", "the source has removed log that it still needed; slate-replicate add begins anew"
    if not link.has_slot:
        return "no slot", "slate-replicate add makes it again, remove lets the destination go"
    if seen.fault:
        return ("following" if link.active else "not connected"), seen.fault
    return _judge_linked(source, link, link.destination, seen)


def _judge_unknown(seen: _Seen) -> tuple[str, str]:
    """Of a destination that the source does not know."""
    if seen.fault:
        return "unknown", seen.fault
    if seen.filled:
        return FOLLOWING[1], ""
    return "does not follow", "the source has neither a slot nor a publication for it"


def _judge_linked(source: Reached, link: Link, expected: Destination, seen: _Seen) -> tuple[str, str]:
    """Of a destination that the source has a slot for, and that answers."""
    own = seen.subscription
    if seen.identity != expected.identity:
        return "orphaned slot", "there is another database in its place; slate-replicate remove drops the slot"
    if own is None:
        return "orphaned slot", "the destination has no subscription; slate-replicate add or remove mends that"
    if link.active:
        return "following", ""
    if not own.enabled:
        return "disabled", f"its subscription is switched off: ALTER SUBSCRIPTION {own.name} ENABLE"
    assert seen.reached
    reason = diagnosis.find_reason(source, seen.reached, own, seen.errors)
    return ("failing" if seen.errors else "not connected"), reason


def _judge_stray(link: Link) -> tuple[str, str]:
    """A slot or publication that nothing of ours explains."""
    if not link.has_slot:
        return "orphaned publication", f"it has no slot: DROP PUBLICATION {link.name}"
    if link.active:
        return "used by another program", "a session reads it"
    if link.name.startswith(PREFIX):
        return "orphaned slot", f"it has no publication: SELECT pg_drop_replication_slot('{link.name}')"
    return "idle slot of another program", "nobody reads it, and the source keeps its log for it"
