"""Read-only facts about backups, source and the way between them, and whether the source can be rebuilt."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import cast

from init_slate_db.core.connection import server_errors
from init_slate_db.core.creation import survey as creation
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding
from recovery import target as targets
from recovery import way
from recovery.backup import Backup
from recovery.choice import choose, look_at_all
from recovery.methods import promote
from recovery.options import DEFAULT_METHOD, Method, Options
from recovery.target import Journal, Target


@dataclass(frozen=True)
class Requirements:
    """What the state of the target asks for.

    create, replace: whether the source has to be made, and an existing database set aside before.
    journal: of the recovery that is to go on, or None. locale, leftovers: for the creation of the database.
    """

    findings: tuple[Finding, ...] = ()
    create: bool = False
    replace: bool = False
    journal: Journal | None = None
    locale: str = ""
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Survey:
    """What was found. Its connections are open as long as the block of look lasts.

    findings: in the order in which a person reads them. backup: the one to recover from; None where none will do.
    target: None for the method promote. notes: sentences for the report.
    """

    findings: tuple[Finding, ...]
    method: Method
    backup: Backup | None
    target: Target | None = None
    requirements: Requirements = Requirements()
    notes: tuple[str, ...] = ()


@contextmanager
def look(options: Options) -> Iterator[Survey]:
    """Reads the facts, and keeps the snapshots of the backups while the block runs. Writes nothing anywhere.

    :raises SlateError: what keeps the facts from being read.
    """
    with ExitStack() as open_connections:
        if options.method == "promote":
            yield _survey_promotion(options, open_connections)
        else:
            target = targets.look(options.target, from_outside=options.create or options.replace)
            open_connections.callback(target.close)
            yield _survey_rebuilding(options, target, open_connections)


def _survey_promotion(options: Options, open_connections: ExitStack) -> Survey:
    found = look_at_all(options.backups, None, None, open_connections)
    findings, backup = choose(found, options.jobs)
    notes: tuple[str, ...] = ()
    if backup:
        with server_errors(f"say what {backup.place} is"):
            more, notes = promote.examine(backup.snapshot.connection, backup)
        findings += more
    return Survey(tuple(findings), "promote", backup, notes=notes)


def _survey_rebuilding(options: Options, target: Target, open_connections: ExitStack) -> Survey:
    requirements = _require(options, target)
    journal = requirements.journal
    method = cast(Method, options.method or (journal.method if journal else DEFAULT_METHOD))
    until_id = journal.last_id if journal else options.until_id
    found = look_at_all(options.backups, until_id, None if journal else options.until, open_connections)
    findings, backup = choose(found, options.jobs, journal.identity if journal else None)
    findings += requirements.findings
    if backup and target.identity == backup.identity:
        findings.append(_same_database(target))
    elif backup and method == "restore-events":
        findings.append(_try_way(target, requirements, backup))
    if journal:
        findings += _fit(journal, options)
    return Survey(tuple(findings), method, backup, target, requirements)


def _require(options: Options, target: Target) -> Requirements:
    state = target.state
    if not target.exists and (options.create or options.replace):
        return _require_creation(target, replace=False)
    if state and state.journal and state.events and not state.locked and (options.resume or not options.replace):
        return _require_resumption(options, target, state.journal)
    if target.exists and options.replace and not options.resume and not (state and (state.is_new or state.locked)):
        return _require_creation(target, replace=True)
    return Requirements(tuple(_judge_as_it_is(options, target)))


def _judge_as_it_is(options: Options, target: Target) -> list[Finding]:
    """Whether the recovery can go into what there is."""
    state = target.state
    if not target.exists:
        return [_missing(target)]
    if state and state.locked:
        return [running(target)]
    if state and state.is_new:
        return [Finding(f"{target.place} is a new source: no events, next id 1"), *_rights(target)]
    return [_nothing_to_resume(target) if options.resume else _not_new(target)]


def _require_creation(target: Target, *, replace: bool) -> Requirements:
    survey = creation.look(target.server.connection, target.name, "source")
    findings = [finding for finding in survey.findings if not _is_name_taken(finding)]
    if replace:
        findings.insert(0, Finding(f"{target.place} {_contents(target)}; it will be set aside"))
        findings += [Finding(f"session {pid} is in it and will be ended: {who}") for pid, who in target.sessions]
    return Requirements(tuple(findings), create=True, replace=replace, locale=survey.locale, leftovers=survey.leftovers)


def _is_name_taken(finding: Finding) -> bool:
    return finding.against is not None and finding.against.code == "database-exists"


def _require_resumption(options: Options, target: Target, journal: Journal) -> Requirements:
    assert target.state
    text = (
        f"{target.place} has {target.state.events:,} of {journal.last_id:,} events, from an unfinished recovery"
        f" ({journal.method}) of {journal.started_at:%Y-%m-%d %H:%M} from {journal.backup.get('place', '?')}"
    )
    if options.resume:
        return Requirements((Finding(text), *_rights(target)), journal=journal)
    error = SlateError(
        "recovery-unfinished",
        f"A recovery of {target.place} has not finished.",
        why=f"{text}.",
        hint="Add --resume to go on with it, or --replace to set that database aside and begin anew.",
    )
    return Requirements((Finding(text, error),))


def _rights(target: Target) -> list[Finding]:
    state = target.state
    assert state
    if state.not_owned:
        text, hint = f'role "{state.role}" does not own {state.not_owned}', "Use the owner, or a superuser."
    elif not state.may_create:
        text = f'role "{state.role}" may not create indexes in schema public'
        hint = f'Have a superuser run there: GRANT CREATE ON SCHEMA public TO "{state.role}"'
    else:
        return [Finding(f'role "{state.role}" may recover it')]
    return [Finding(text, SlateError("no-right", f"{target.place} cannot be recovered: {text}.", hint=hint))]


def _same_database(target: Target) -> Finding:
    text = "the backup is the database to be rebuilt itself"
    hint = "Name another backup, or another database: -d NAME. To make the backup the source: --method promote."
    return Finding(text, SlateError("same-database", f"{target.place}: {text}.", hint=hint))


def _try_way(target: Target, requirements: Requirements, backup: Backup) -> Finding:
    later = Finding("the way from the source's server to the backup is tried when the source is there")
    # A source that is to be set aside leads there as well as the new one will, if it can be used.
    if not (target.database and target.state and target.state.is_source):
        return later
    try:
        with server_errors("try the way to the backup"):
            way.check(target.database.connection, backup)
    except SlateError as error:
        if requirements.replace and not way.is_closed(error):
            return later
        return Finding("the source's server does not reach the backup", error)
    return Finding("the source's server reaches the backup")


def _fit(journal: Journal, options: Options) -> list[Finding]:
    """Whether what is asked for is what the unfinished recovery does."""
    asked = [
        (options.method and options.method != journal.method, f"its method is {journal.method}"),
        (
            options.until_id is not None and options.until_id != journal.last_id,
            f"it goes up to event {journal.last_id:,}",
        ),
    ]
    hint = "Leave that option out, or set the database aside with --replace, without --resume."
    return [
        Finding(text, SlateError("recovery-unfinished", f"The unfinished recovery is another one: {text}.", hint=hint))
        for differs, text in asked
        if differs
    ]


def _contents(target: Target) -> str:
    state = target.state
    if state is None:
        return f"cannot be read ({target.unreadable})"
    if not state.has_events_table:
        return "has no table events"
    if not state.is_source:
        return "is no source that this version made"
    next_id = "none" if state.next_id is None else f"{state.next_id:,}"
    return f"has {state.events:,} events, highest id {state.highest_id or 0:,}, next id {next_id}"


def _missing(target: Target) -> Finding:
    text = f"there is no database {target.place}"
    hint = "Add --create to have it made, or name another one: -d NAME."
    return Finding(text, SlateError("target-missing", f"There is no database {target.place}.", hint=hint))


def _not_new(target: Target) -> Finding:
    text = f"{target.place} {_contents(target)}"
    error = SlateError(
        "target-not-new",
        f"{target.place} is not a new source.",
        why=f"It {_contents(target)}. A recovery never writes into a database that is in use.",
        hint="Add --replace to set it aside under another name, with all its data, and make a new one.",
    )
    return Finding(text, error)


def _nothing_to_resume(target: Target) -> Finding:
    text = f"{target.place} {_contents(target)}, and no unfinished recovery"
    hint = "Where a recovery has finished, all is done. To begin one, leave --resume out."
    return Finding(text, SlateError("nothing-to-resume", f"There is nothing to resume: {text}.", hint=hint))


def running(target: Target) -> Finding:
    """Another recovery of the same database is at work."""
    text = f"another recovery of {target.place} is at work"
    hint = "Wait for it. When its process was killed, its server notices within seconds."
    return Finding(text, SlateError("recovery-running", f"Another recovery of {target.place} is at work.", hint=hint))
