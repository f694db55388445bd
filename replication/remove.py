"""The verb remove: ends a link on both sides, or on the one that is left."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle

from psycopg import errors, sql
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from init_slate_db.core.addresses import Address, Reached, parameters_of, reach, unasked
from init_slate_db.core.connection import Connection, lift_timeouts, server_errors
from init_slate_db.core.consent import Consent
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import Finding, objection, raise_any
from init_slate_db.core.identity import read_identity
from replication import guard, slot, subscription
from replication.destination import Subscription, read_subscriptions
from replication.link import Link, link_name, read_link, read_links
from replication.options import PROGRAM, RemoveOptions
from replication.requirements import slot_in_use

_logger = logging.getLogger(__name__)

# How long, in seconds, a walsender whose subscriber has gone is given to let go of its slot.
_PATIENCE = 10
_END_SENDER = "SELECT pg_terminate_backend(s.active_pid) FROM pg_replication_slots AS s WHERE s.slot_name = %s"


@dataclass(frozen=True)
class _Survey:
    """source, destination: None where lost. link: what the source has of it; subscription: what the destination has."""

    findings: tuple[Finding, ...]
    source: Reached | None
    destination: Reached | None
    name: str
    link: Link | None
    subscription: Subscription | None
    guarded: bool

    @property
    def steps(self) -> list[str]:
        destination = [
            *([f"drop subscription {self.name}"] if self.subscription else []),
            *(["let others write to the destination again"] if self.guarded else []),
        ]
        source = [
            *([f"drop slot {self.name}"] if self.link and self.link.has_slot else []),
            *([f"drop publication {self.name}"] if self.link and self.link.has_publication else []),
        ]
        return destination + source


def remove(options: RemoveOptions) -> ExitStatus:
    """Surveys, asks, and carries it out. What is interrupted can be run again.

    :raises SlateError: what speaks against it, or what stopped it.
    """
    consent = Consent(options.yes, options.destination.connection.interactive, options.dry_run)
    stands = "nothing was changed."
    try:
        with _look(options) as survey:
            consent.tell_survey(survey.findings)
            raise_any(survey.findings)
            consent.tell_plan(survey.steps or ["nothing is to be done"])
            if options.dry_run:
                write_result("Nothing was done: --dry-run.")
                return ExitStatus.DONE
            if survey.steps:
                consent.ask()
            stands = "what was removed stays so. Run the same command again to go on."
            _carry_out(survey)
    except KeyboardInterrupt:
        _logger.warning("Interrupted: %s", stands)
        raise
    if survey.steps:
        write_result(f"Link {survey.name} is removed; the destination keeps its events.")
    else:
        write_result("There was nothing to remove.")
    return ExitStatus.DONE


@contextmanager
def _look(options: RemoveOptions) -> Iterator[_Survey]:
    with ExitStack() as open_connections:

        def connect(address: Address) -> Reached:
            reached = reach(address, PROGRAM)
            open_connections.callback(reached.connection.close)
            # A person may take long to agree, and so may indexes that are set aside.
            lift_timeouts(reached.connection)
            return reached

        destination = None if options.lost == "destination" else _or_hint(connect, options.destination, "destination")
        source = None if options.lost == "source" else _or_hint(connect, options.source, "source")
        yield _survey(options, source, destination)


def _or_hint(connect: Callable[[Address], Reached], address: Address, side: str) -> Reached:
    try:
        return connect(address)
    except SlateError as error:
        if error.code not in ("no-server", "no-such-host", "timed-out", "database-missing"):
            raise
        hint = f"If it is gone for good: --lost {side}. Else wait for it: one side alone would be left with its half."
        raise SlateError(error.code, error.what, why=error.why, hint=hint) from error


def _survey(options: RemoveOptions, source: Reached | None, destination: Reached | None) -> _Survey:
    link, own, guarded = None, None, False
    findings: list[Finding] = []
    links: list[Link] = []
    name = ""
    if source:
        with server_errors(f"say what {source.place} has of the link"):
            links = read_links(source.connection)
    if destination:
        with server_errors(f"say what {destination.place} has of the link"):
            identity = read_identity(destination.connection)
            name = link_name(destination.connection.info.dbname, identity)
            own = next((one for one in read_subscriptions(destination.connection) if one.name == name), None)
            guarded = guard.is_installed(destination.connection)
            held = guard.is_held(destination.connection)
        findings.append(_of_destination(destination, own, guarded))
        findings += [_filled(destination)] if held else []
    else:
        name, finding = _name_by_source(links, options.destination)
        findings.append(finding)
    if source and name:
        with server_errors(f"say what {source.place} has of the link"):
            link = read_link(source.connection, name)
        findings.append(_of_source(source, name, link))
    if link and link.active and not own:
        findings.append(slot_in_use(link) if destination else _alive(f"destination, through slot {name}"))
    if own and own.hears and not source:
        findings.append(_alive(f"source, through subscription {name}"))
    return _Survey(tuple(findings), source, destination, name, link, own, guarded)


def _of_destination(destination: Reached, own: Subscription | None, guarded: bool) -> Finding:
    held = [*(["the subscription"] if own else []), *(["the guard against other writers"] if guarded else [])]
    return Finding(f"destination {destination.place} has {' and '.join(held) or 'nothing of the link'}")


def _of_source(source: Reached, name: str, link: Link | None) -> Finding:
    held = [
        *(["the slot"] if link and link.has_slot else []),
        *(["the publication"] if link and link.has_publication else []),
    ]
    return Finding(f"source {source.place} has {' and '.join(held) or 'nothing'} of link {name}")


def _name_by_source(links: list[Link], address: Address) -> tuple[str, Finding]:
    """The name of the link to a destination that cannot be asked: by what the source has noted when it was added."""
    places, hosts = _places(address)
    known = {link.name: link.destination for link in links if link.destination}
    found = [name for name, one in known.items() if one.place in places or name in hosts]
    if len(found) == 1:
        described = known[found[0]]
        return found[0], Finding(f"destination {described.place} is lost; its link is {found[0]}")
    text = f"the source knows no destination {' or '.join(places)}"
    if len(found) > 1:
        text = f"the source knows {len(found)} destinations that were {' or '.join(places)}"
    names = ", ".join(f"{name} ({one.place})" for name, one in known.items()) or "none"
    hint = f"Name the link in its place. Links: {names}."
    return "", objection("not-a-destination", text, hint)


def _places(address: Address) -> tuple[list[str], list[str]]:
    """What the address names, as a source notes it, and the hosts. Nobody is asked: nothing is connected to."""
    parameters = parameters_of(unasked(address), PROGRAM)
    hosts = str(parameters.get("host") or os.environ.get("PGHOST", "")).split(",")
    ports = str(parameters.get("port") or os.environ.get("PGPORT") or 5432).split(",")
    # As libpq takes them: a port for all hosts, or one for each.
    pairs = zip(hosts, cycle(ports), strict=False)
    return [f"{host}:{port}/{parameters['dbname']}" for host, port in pairs], hosts


def _filled(destination: Reached) -> Finding:
    text = f"slate-replicate add or follow fills {destination.place}"
    return Finding(text, SlateError("destination-busy", f"{text}.", hint="Stop that program first."))


def _alive(side: str) -> Finding:
    text = f"the {side}, is connected"
    hint = "It is not lost: leave --lost out, or stop it first."
    return objection("destination-busy", text, hint)


def _end_sender(connection: Connection, name: str) -> None:
    """Where it is another role's, which ours may not end, it ends by itself: wal_sender_timeout."""
    with suppress(errors.InsufficientPrivilege):
        connection.execute(_END_SENDER, (name,))


def _carry_out(survey: _Survey) -> None:
    if survey.destination and (survey.subscription or survey.guarded):
        connection = survey.destination.connection
        with server_errors("let the destination go"), connection.transaction():
            if survey.subscription:
                subscription.drop(connection, survey.name)
            guard.remove(connection)
    if survey.source and survey.link:
        connection = survey.source.connection
        with server_errors("drop the slot"):
            if survey.link.has_slot:
                _drop_slot(connection, survey.name)
        with server_errors("drop the publication"):
            connection.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(survey.name)))


def _drop_slot(connection: Connection, name: str) -> None:
    """Drops it as soon as its walsender has noticed that nobody listens any more; ends that one, to be quick."""
    attempts = Retrying(
        stop=stop_after_delay(_PATIENCE),
        wait=wait_fixed(0.1),
        retry=retry_if_exception_type(errors.ObjectInUse),
        before_sleep=lambda _: _end_sender(connection, name),
        reraise=True,
    )
    attempts(slot.drop, connection, name)
