"""What `add` finds on both sides, and what is to be done about it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto

from init_slate_db.core.addresses import Reached, parameters_of, reach, reach_by, reach_server
from init_slate_db.core.connection import lift_timeouts, server_errors
from init_slate_db.core.conninfo import Parameters
from init_slate_db.core.creation import survey as creation
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding, objection
from init_slate_db.core.snapshot import Snapshot
from replication import destination as destinations
from replication import source as sources
from replication import subscription
from replication.destination import Destination
from replication.link import Link
from replication.options import PROGRAM, AddOptions
from replication.prefix import Agreement, agree_visibly, check_prefix, find_own
from replication.shape import check_same_shape
from replication.source import Source

# How long, in seconds, sessions that have lost their purpose are given to end.
_PATIENCE = 5
_POLL = 0.1


class Action(Enum):
    """A step of `add`."""

    CREATE = auto()
    CLEAR = auto()
    PUBLISH = auto()
    COPY = auto()
    POINT = auto()
    GUARD = auto()


@dataclass(frozen=True)
class Creation:
    """What the creation of a destination needs. server: a connection to another database there."""

    name: str
    server: Reached
    survey: creation.Survey


@dataclass(frozen=True)
class Survey:
    """What was found, in the order in which a person reads it. actions: what is to be done, in order.

    set_back: the id from which on the events of the destination are to go; None: all stay.
    creation: of the destination, where it is not there; all that follows the source is found out when it is.
    """

    findings: tuple[Finding, ...]
    actions: tuple[Action, ...]
    source: Source | None = None
    destination: Destination | None = None
    agreement: Agreement | None = None
    set_back: int | None = None
    conninfo: str = ""
    creation: Creation | None = None


@contextmanager
def look(options: AddOptions) -> Iterator[Survey]:
    """Reads the facts. Its connections are open while the block runs. Writes nothing anywhere.

    :raises SlateError: what keeps the facts from being read.
    """
    with ExitStack() as open_connections:
        source = reach(options.source, PROGRAM)
        open_connections.callback(source.connection.close)
        # It is idle for as long as the copy takes, and then asked again.
        lift_timeouts(source.connection)
        # Once connected with, they hold what was asked for, though there be no such database.
        parameters = parameters_of(options.destination, PROGRAM)
        try:
            destination = reach_by(parameters, options.destination.connection)
        except SlateError as error:
            if error.code != "database-missing" or not options.create:
                raise _with_create(error) from error
            yield _survey_creation(options, source, parameters, open_connections)
            return
        open_connections.callback(destination.connection.close)
        lift_timeouts(destination.connection)
        yield _survey(options, source, destination)


def _with_create(error: SlateError) -> SlateError:
    if error.code != "database-missing":
        return error
    return SlateError(error.code, error.what, why=error.why, hint="Add --create to have a destination made.")


def _survey_creation(
    options: AddOptions, source: Reached, parameters: Parameters, open_connections: ExitStack
) -> Survey:
    """parameters: of the destination that there is not, with what was asked for on the way."""
    name = str(parameters["dbname"])
    server = reach_server(parameters, options.destination.connection)
    open_connections.callback(server.connection.close)
    found = creation.look(server.connection, name, "destination")
    look_ahead = sources.look(source, "", failover=options.failover)
    return Survey(
        (*look_ahead.findings, *found.findings),
        (Action.CREATE, Action.PUBLISH, Action.COPY),
        look_ahead,
        creation=Creation(name, server, found),
    )


def _survey(options: AddOptions, source_reached: Reached, destination_reached: Reached) -> Survey:
    source, destination = _look_at_both(options, source_reached, destination_reached)
    findings = [*source.findings, *destination.findings]
    if source.identity == destination.identity:
        findings.append(_same_database(source))
    known = Survey(tuple(findings), (), source, destination)
    if any(finding.against for finding in findings):
        return known
    check_same_shape(source.reached.connection, source.place, destination.reached.connection, destination.place)
    actions, finding = _judge_link(source, destination, anew=options.set_back is not None)
    if options.failover and not finding.against and Action.COPY not in actions and not _survives(source.link):
        finding = _not_kept_by_standbys(destination)
    findings.append(finding)
    if finding.against:
        return replace(known, findings=tuple(findings))
    conninfo = subscription.connection_string(source.reached, options.way)
    findings.append(_try_way(destination, conninfo))
    agreement, own = None, None
    if Action.COPY in actions:
        agreement, own, finding = _judge_events(options, source, destination)
        findings.append(finding)
    return replace(
        known, findings=tuple(findings), actions=actions, agreement=agreement, set_back=own, conninfo=conninfo
    )


def _look_at_both(
    options: AddOptions, source_reached: Reached, destination_reached: Reached
) -> tuple[Source, Destination]:
    """The facts of both, once what passes within seconds has passed."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        destination = destinations.look(destination_reached, failover=options.failover)
        source = sources.look(source_reached, destination.name, failover=options.failover)
        if not _may_pass(source.link, destination) or time.monotonic() > deadline:
            return source, destination
        time.sleep(_POLL)


def _may_pass(link: Link | None, destination: Destination) -> bool:
    """Whether a session is at work that a failover, a killed command or a dropped subscription has left to its end."""
    own, is_active = destination.subscription, bool(link and link.active)
    return destination.filled or (is_active and not own) or (not is_active and bool(own and own.hears))


def _same_database(source: Source) -> Finding:
    text = f"source and destination are the same database, {source.place}"
    return objection("same-database", text, "Name another destination.")


def _judge_link(source: Source, destination: Destination, *, anew: bool) -> tuple[tuple[Action, ...], Finding]:
    """anew: a link that does not get on is not led to the source again, but made anew."""
    link, own = source.link, destination.subscription
    if link and link.active and own is None:
        return (), slot_in_use(link)
    if own and own.hears and not (link and link.active):
        return (), _follows_another(destination)
    if own and own.enabled and link and link.active and link.is_usable:
        return _judge_following(destination)
    if own and own.slot == destination.name and link and link.is_usable and not anew:
        return (Action.POINT,), Finding(f"{destination.place} is set up, but is not connected")
    leftovers = [
        *(["a subscription that hears nothing"] if own else []),
        *(["a slot that was lost"] if link and link.is_lost else []),
        *(["a slot that nobody uses"] if link and link.has_slot and not link.is_lost else []),
    ]
    if leftovers:
        text = f"there is {' and '.join(leftovers)}, of an earlier link; it will be made anew"
        return (Action.CLEAR, Action.PUBLISH, Action.COPY), Finding(text)
    return (Action.PUBLISH, Action.COPY), Finding(f"{destination.place} does not follow yet")


def _judge_following(destination: Destination) -> tuple[tuple[Action, ...], Finding]:
    if destination.guarded:
        return (), Finding(f"{destination.place} follows already")
    return (Action.GUARD,), Finding(f"{destination.place} follows already, and lets others write, too")


def slot_in_use(link: Link) -> Finding:
    """Something else than the destination takes what its slot holds."""
    text = f'slot "{link.name}" of the source is in use, and not by this destination'
    hint = "Perhaps a copy of its whole cluster follows in its place. Drop that one's subscription first."
    return objection("destination-busy", text, hint)


def _follows_another(destination: Destination) -> Finding:
    text = f"{destination.place} follows another source"
    hint = (
        f"To let it go there: slate-replicate remove with that source and {destination.place}. Where that source is cut"
        " off or has failed over: again in a minute, when the destination has noticed (wal_receiver_timeout)."
    )
    return Finding(text, SlateError("destination-busy", f"{text}.", hint=hint))


def _survives(link: Link | None) -> bool:
    return bool(link and link.failover)


def _not_kept_by_standbys(destination: Destination) -> Finding:
    text = f"{destination.place} follows already, by a slot that standbys do not keep"
    hint = "slate-replicate remove, then add with --failover: what it has is not copied again."
    return Finding(text, SlateError("destination-busy", f"{text}.", hint=hint))


def _try_way(destination: Destination, conninfo: str) -> Finding:
    connection = destination.reached.connection
    try:
        with server_errors("connect to the source from there"):
            subscription.probe(connection, destination.name, conninfo)
    except SlateError as error:
        if error.code == "connection-lost":
            raise
        text = "the destination's server does not get through to the source"
        hint = (
            "Where it knows the source by another address: --source-server-host; by another role: --replication-user."
        )
        return objection("way-to-source", text, hint, error.why)
    return Finding("the destination's server reaches the source, and may replicate there")


def _judge_events(
    options: AddOptions, source: Source, destination: Destination
) -> tuple[Agreement | None, int | None, Finding]:
    """What both hold, and the id from which on the destination is to be set back."""
    with Snapshot(source.reached.again()) as ours, Snapshot(destination.reached.again()) as theirs:
        if options.set_back:
            found = agree_visibly(ours, theirs, options.jobs, options.log)
            own = find_own(ours, theirs, found)
            if own is not None and own > 1:
                return found, own, Finding(_own_events(own, found))
        try:
            found = check_prefix(ours, theirs, options.jobs, options.log)
        except SlateError as error:
            if error.code != "not-a-prefix":
                raise
            hint = (
                "slate-diff shows what differs. Where the source lost events in a failover, and nobody needs them:"
                " --set-back FILE. Else make a new destination."
            )
            refusal = SlateError(error.code, error.what, why=error.why, hint=hint)
            return None, None, Finding("the destination does not hold the first events of the source", refusal)
    if found.until_id == 0:
        return found, None, Finding(f"the destination is empty; the source has {found.source_highest:,} events")
    missing = found.source_highest - found.destination_highest
    return (
        found,
        None,
        Finding(
            f"the destination has the first {found.until_id:,} events of the source, digest {found.source_digest[:16]};"
            f" {missing:,} are missing"
        ),
    )


def _own_events(own: int, found: Agreement) -> str:
    return (
        f"the destination has the first {own - 1:,} events of the source;"
        f" its events {own:,} to {found.destination_highest:,} are not the source's"
    )
