"""The verb add: has a destination follow a source."""

import logging
import time
from contextlib import suppress
from dataclasses import replace

from init_slate_db.core.addresses import Reached, answered
from init_slate_db.core.connection import connect, server_errors
from init_slate_db.core.consent import Consent
from init_slate_db.core.console import write_result
from init_slate_db.core.creation.install import Installation
from init_slate_db.core.creation.plan import make_plan
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import raise_any, sentence
from replication.destination import count_errors, read_subscriptions
from replication.diagnosis import find_reason
from replication.link import read_link
from replication.linking import Linking
from replication.options import AddOptions
from replication.requirements import Action, Survey, look

_logger = logging.getLogger(__name__)

_TITLES = {
    Action.CREATE: "create the destination",
    Action.CLEAR: "remove what is left of the earlier link",
    Action.PUBLISH: "publish the source's events, under the name of the link",
    Action.COPY: "in one transaction: let nobody else write there, copy what is missing, build the indexes, subscribe",
    Action.GUARD: "let nobody else write to the destination",
    Action.POINT: "lead the subscription to the source again, and switch it on",
}
# How long, in seconds, a new subscription is given to connect before it is said not to have.
_PATIENCE = 15
_POLL = 0.05
_NOTHING = "nothing was changed."
_CREATED = "the destination is made, and does not follow. Run the same command again to go on."
_SET_UP = "the destination follows, as soon as it has connected."


def add(options: AddOptions) -> ExitStatus:
    """Surveys, asks, and carries it out.

    :raises SlateError: what speaks against it, or what stopped it; a log line before tells what stands.
    """
    consent = Consent(options.yes, options.destination.connection.interactive, options.dry_run)
    stands = _NOTHING
    try:
        with look(options) as survey:
            consent.tell_survey(survey.findings)
            raise_any(survey.findings)
            consent.tell_plan(_plan(options, survey))
            if options.dry_run:
                write_result("Nothing was done: --dry-run.")
                return ExitStatus.DONE
            if survey.actions:
                consent.ask()
            stands = ""
            if survey.creation is None:
                return _carry_out(options, survey, _NOTHING)
            _create(survey)
            stands = _CREATED
            options = _with_answers(options, survey)
        with look(options) as survey:
            raise_any(survey.findings)
            stands = ""
            return _carry_out(options, survey, _CREATED)
    except KeyboardInterrupt:
        if stands:
            _logger.warning("Interrupted: %s", stands)
        raise


def _plan(options: AddOptions, survey: Survey) -> list[str]:
    steps = [_TITLES[action] for action in survey.actions] or ["nothing is to be done"]
    if survey.set_back and survey.agreement:
        step = f'write events {survey.set_back:,} to {survey.agreement.destination_highest:,} of the destination to "'
        steps.insert(survey.actions.index(Action.COPY), f'{step}{options.set_back}", and delete them there')
    return steps


def _with_answers(options: AddOptions, survey: Survey) -> AddOptions:
    """The options of the second look, now that there is a destination, for which nothing is asked again."""
    assert survey.source and survey.creation
    source = answered(options.source, survey.source.reached)
    return replace(
        options, create=False, source=source, destination=answered(options.destination, survey.creation.server)
    )


def _create(survey: Survey) -> None:
    assert survey.creation
    name, server = survey.creation.name, survey.creation.server
    _logger.info("%s", _TITLES[Action.CREATE].capitalize())
    plan = make_plan(name, "destination", locale=survey.creation.survey.locale)
    with connect(server.parameters, server.options) as connection:
        Installation(plan, connection, server.parameters, server.options).run(survey.creation.survey.leftovers)


def _carry_out(options: AddOptions, survey: Survey, stands: str) -> ExitStatus:
    assert survey.source and survey.destination
    source, destination = survey.source.place, survey.destination.place
    copied = Linking(options, survey, stands).run()
    name = survey.destination.name
    link = f"link {name}"
    if not survey.actions:
        write_result(f"{destination} follows {source} already ({link}).")
    elif _is_connected(survey.source.reached, name):
        write_result(f"{destination} follows {source}: {copied:,} events copied, {link}.")
    else:
        raise SlateError(
            "not-connected",
            f"{destination} is set up to follow {source} ({link}), but has not connected within {_PATIENCE} seconds.",
            why=_find_reason(survey.source.reached, survey.destination.reached, name),
            hint="It tries on by itself: slate-replicate status tells when it follows, its server's log why not.",
        )
    return ExitStatus.DONE


def _find_reason(source: Reached, destination: Reached, name: str) -> str:
    with suppress(SlateError), server_errors("say why it fails"):
        own = next(one for one in read_subscriptions(destination.connection) if one.name == name)
        reason = find_reason(source, destination, own, count_errors(destination.connection, name))
        return sentence(reason)
    return ""


def _is_connected(source: Reached, name: str) -> bool:
    """Whether the destination's server has come for its slot; waits for it for a while."""
    deadline = time.monotonic() + _PATIENCE
    try:
        while time.monotonic() < deadline:
            with server_errors("say who is connected"):
                link = read_link(source.connection, name)
            if link and link.active:
                return True
            time.sleep(_POLL)
    except SlateError:
        _logger.warning("What stands: %s", _SET_UP)
        raise
    except KeyboardInterrupt:
        _logger.warning("Interrupted: %s", _SET_UP)
        raise
    return False
