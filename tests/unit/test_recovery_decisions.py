"""What slate-recover decides from the facts alone: whether it may go into what there is, how, and from which backup."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from psycopg import errors

from init_slate_db.core.addresses import Address, Reached
from init_slate_db.core.consent import Consent
from init_slate_db.core.creation.survey import Survey as CreationSurvey
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import Finding, raise_any
from init_slate_db.core.options import ConnectionOptions, LogOptions
from recovery import choice, survey
from recovery.backup import Backup, Extent
from recovery.choice import choose
from recovery.methods import promote
from recovery.options import BackupAddress, Options
from recovery.plan import Action, make_plan
from recovery.survey import Requirements, Survey
from recovery.target import Journal, State, Target

NOW = datetime(2026, 11, 21, 2, 0, 0, tzinfo=UTC)
NEW = State(is_source=True, has_events_table=True, next_id=1, role="me")
USED = replace(NEW, events=7, highest_id=7, next_id=8)
JOURNAL = Journal("copy", {"system_identifier": "1", "database_oid": "2", "place": "b:5432/e"}, 50, None, NOW)
BEGUN = replace(NEW, next_id=None, journal=JOURNAL)
UNFINISHED = replace(BEGUN, events=7, highest_id=7)
ABSENT = "absent"


class NoConnection:
    """Stands where nothing is to be asked of a server."""

    class info:  # noqa: N801
        dbname = "e"


def reached(host: str) -> Reached:
    return Reached(cast(Any, NoConnection()), {"host": host, "port": 5432}, ConnectionOptions())


def options(**changes: Any) -> Options:
    plain = Options(
        backups=(),
        target=Address(ConnectionOptions(), "e"),
        method=None,
        create=False,
        replace=False,
        until_id=None,
        until=None,
        jobs=4,
        resume=False,
        compare=True,
        yes=True,
        dry_run=False,
        report=None,
        log=LogOptions(),
    )
    return replace(plain, **changes)


def target(state: State | str | None, sessions: Sequence[tuple[int, str]] = ()) -> Target:
    """A database in that state; None: it cannot be read."""
    if isinstance(state, str):
        return Target("e", reached("s"), None, None, None, "", ())
    database = reached("s") if state else None
    return Target("e", reached("s"), ("1", "9"), database, state, "" if state else "broken", tuple(sessions))


def backup(host: str = "b", events: int = 50, fault: SlateError | None = None, **extent: Any) -> Backup:
    held = replace(Extent(events, 1, events, NOW, NOW, 8192, True), **extent)
    origin = BackupAddress(Address(ConnectionOptions(), "e"))
    return Backup(origin, reached(host), cast(Any, host), ("1", host), held, fault)


@pytest.fixture(autouse=True)
def name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the survey for a creation finds: a taken name, and one more fact."""
    taken = Finding("taken", SlateError("database-exists", "It is there."))
    found = CreationSurvey((taken, Finding("fact")), locale="C", leftovers=("left",))
    monkeypatch.setattr("init_slate_db.core.creation.survey.look", lambda *_: found)


def require(state: State | str | None, **changes: Any) -> Requirements:
    return survey._require(options(**changes), target(state))


def refusal(requirements: Requirements) -> str | None:
    """The code of the fault that ends the run."""
    try:
        raise_any(requirements.findings)
    except SlateError as error:
        return error.code
    return None


# --- What is there, and what is asked for


@pytest.mark.parametrize(
    ("state", "asked", "code"),
    [
        (ABSENT, {}, "target-missing"),
        (ABSENT, {"resume": True}, "target-missing"),
        (NEW, {"resume": True}, "nothing-to-resume"),
        (NEW, {"create": True}, None),
        (NEW, {"replace": True}, None),
        (NEW, {}, None),
        (USED, {}, "target-not-new"),
        (USED, {"create": True}, "target-not-new"),
        (USED, {"resume": True}, "nothing-to-resume"),
        (USED, {"resume": True, "replace": True}, "nothing-to-resume"),
        (replace(NEW, next_id=2), {}, "target-not-new"),
        (replace(NEW, next_id=None), {}, "target-not-new"),
        (replace(NEW, events=1), {}, "target-not-new"),
        (State(is_source=False), {}, "target-not-new"),
        (State(is_source=False, has_events_table=True), {}, "target-not-new"),
        (None, {}, "target-not-new"),
        (None, {"resume": True, "replace": True}, "nothing-to-resume"),
        (BEGUN, {}, None),
        (BEGUN, {"replace": True}, None),
        (UNFINISHED, {}, "recovery-unfinished"),
        (UNFINISHED, {"create": True}, "recovery-unfinished"),
        (UNFINISHED, {"resume": True}, None),
        (replace(NEW, locked=True), {}, "recovery-running"),
        (replace(NEW, locked=True), {"replace": True}, "recovery-running"),
        (replace(UNFINISHED, locked=True), {}, "recovery-running"),
        (replace(UNFINISHED, locked=True), {"resume": True}, "recovery-running"),
        (replace(NEW, not_owned="events"), {}, "no-right"),
        (replace(NEW, may_create=False), {}, "no-right"),
        (replace(UNFINISHED, not_owned="id"), {"resume": True}, "no-right"),
    ],
)
def test_nothing_is_recovered_into_what_is_in_use_or_not_ours(
    state: State | str | None, asked: dict[str, Any], code: str | None
) -> None:
    # That there is nothing to resume, where --resume was asked for, also goes for a source that is new.
    if state is NEW and asked == {"resume": True}:
        code = None
    found = require(state, **asked)
    assert refusal(found) == code
    assert (found.create, found.replace) == (False, False)
    assert (found.journal is JOURNAL) is (
        asked.get("resume", False) and code in (None, "no-right") and state is not NEW
    )


@pytest.mark.parametrize(
    ("state", "asked", "replaces"),
    [
        (ABSENT, {"create": True}, False),
        (ABSENT, {"replace": True}, False),
        (USED, {"replace": True}, True),
        (UNFINISHED, {"replace": True}, True),
        (State(is_source=False), {"replace": True}, True),
        (None, {"replace": True}, True),
    ],
)
def test_a_source_is_made_where_there_is_none_or_the_old_one_goes_aside(
    state: State | str | None, asked: dict[str, Any], replaces: bool
) -> None:
    found = require(state, **asked)
    assert refusal(found) is None
    assert (found.create, found.replace, found.journal) == (True, replaces, None)
    assert (found.locale, found.leftovers) == ("C", ("left",))
    assert [one.text for one in found.findings if one.text == "taken"] == []
    assert [one.text for one in found.findings if "set aside" in one.text] == [
        one.text for one in found.findings[:replaces]
    ]


def test_what_is_set_aside_is_told_with_the_sessions_in_it() -> None:
    found = survey._require(options(replace=True), target(USED, [(11, "joe at here"), (12, "ann")]))
    assert [one.text for one in found.findings] == [
        "s:5432/e has 7 events, highest id 7, next id 8; it will be set aside",
        "fact",
        "session 11 is in it and will be ended: joe at here",
        "session 12 is in it and will be ended: ann",
    ]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "cannot be read (broken)"),
        (State(is_source=False), "has no table events"),
        (State(is_source=False, has_events_table=True), "is no source that this version made"),
        (replace(USED, next_id=None), "has 7 events, highest id 7, next id none"),
        (replace(NEW, highest_id=None, next_id=1200), "has 0 events, highest id 0, next id 1,200"),
    ],
)
def test_what_is_there_is_told(state: State | None, words: str) -> None:
    (found,) = require(state).findings
    assert found.text == f"s:5432/e {words}"
    assert found.against
    assert found.against.why == f"It {words}. A recovery never writes into a database that is in use."


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, []),
        ({"method": "copy", "until_id": 50}, []),
        ({"method": "restore-events"}, ["its method is copy"]),
        ({"until_id": 49}, ["it goes up to event 50"]),
        ({"until_id": 51}, ["it goes up to event 50"]),
        ({"method": "restore-events", "until_id": 0}, ["its method is copy", "it goes up to event 50"]),
    ],
)
def test_only_the_very_recovery_that_was_begun_is_resumed(asked: dict[str, Any], words: list[str]) -> None:
    found = survey._fit(JOURNAL, options(resume=True, **asked))
    assert [one.text for one in found] == words
    assert {one.against.code for one in found if one.against} == ({"recovery-unfinished"} if words else set())


@pytest.mark.parametrize("state", [None, State(is_source=False), NEW, BEGUN])
def test_the_way_to_the_backup_is_tried_where_there_is_a_source(
    monkeypatch: pytest.MonkeyPatch, state: State | None
) -> None:
    tried: list[Backup] = []
    monkeypatch.setattr("recovery.way.check", lambda _, backup: tried.append(backup))
    found = survey._try_way(target(state), Requirements(), backup())
    assert (len(tried) == 1) is bool(state and state.is_source)
    assert "is tried when" in survey._try_way(target(None), Requirements(create=True), backup()).text
    assert found.against is None

    def fail(*_: object) -> None:
        raise SlateError("way-to-backup", "No way.")

    monkeypatch.setattr("recovery.way.check", fail)
    for needs in (Requirements(), Requirements(create=True, replace=True)):
        against = survey._try_way(target(NEW), needs, backup()).against
        assert against
        assert against.code == "way-to-backup"


@pytest.mark.parametrize(
    ("cause", "is_refused"),
    [
        (errors.SqlclientUnableToEstablishSqlconnection(), True),
        (None, True),
        (errors.DataCorrupted(), False),
        (errors.UndefinedFunction(), False),
    ],
)
def test_an_old_source_that_is_damaged_does_not_keep_the_new_one_from_being_made(
    monkeypatch: pytest.MonkeyPatch, cause: Exception | None, is_refused: bool
) -> None:
    def fail(*_: object) -> None:
        raise SlateError("way-to-backup", "No way.") from cause

    monkeypatch.setattr("recovery.way.check", fail)
    assert bool(survey._try_way(target(USED), Requirements(create=True, replace=True), backup()).against) is is_refused
    assert survey._try_way(target(NEW), Requirements(), backup()).against


@pytest.mark.parametrize(
    ("identity", "method", "journal", "codes"),
    [
        (("1", "8"), "restore-events", None, ["way-to-backup"]),
        (("1", "8"), "copy", None, []),
        (("1", "9"), "restore-events", None, ["same-database"]),
        (("1", "9"), "copy", None, ["same-database"]),
        (("1", "2"), None, JOURNAL, []),
        (("1", "2"), "restore-events", JOURNAL, ["way-to-backup", "recovery-unfinished"]),
        (("1", "8"), None, JOURNAL, ["other-backup"]),
    ],
)
def test_the_backup_is_another_database_and_the_one_that_was_begun_with(
    monkeypatch: pytest.MonkeyPatch,
    identity: tuple[str, str],
    method: str | None,
    journal: Journal | None,
    codes: list[str],
) -> None:
    asked: list[tuple[Any, ...]] = []
    one = replace(backup(), identity=identity)

    def look_at_all(*values: Any) -> list[Backup]:
        asked.append(values[1:3])
        return [one]

    def no_way(*_: object) -> None:
        raise SlateError("way-to-backup", "No way.")

    monkeypatch.setattr(survey, "look_at_all", look_at_all)
    monkeypatch.setattr("recovery.way.check", no_way)
    state = replace(UNFINISHED, journal=journal) if journal else NEW
    moment = None if journal else NOW
    wanted = options(method=method, resume=bool(journal), until_id=None, until=NOW)
    found = survey._survey_rebuilding(wanted, target(state), cast(Any, None))
    assert [one.against.code for one in found.findings if one.against] == codes
    assert asked == [(50 if journal else None, moment)]
    assert found.method == (method or ("copy" if journal else "restore-events"))


# --- Which backup


def choose_of(
    monkeypatch: pytest.MonkeyPatch,
    found: Sequence[choice.Looked],
    differing: dict[frozenset[str], int],
    identity: tuple[str, str] | None = None,
) -> tuple[list[Finding], Backup | None, list[int]]:
    """The choice where those pairs of backups differ, from that event on; and up to where they were compared."""
    compared: list[int] = []

    class Result:
        def __init__(self, first: int | None) -> None:
            self.identical = first is None
            self.differences = [type("Difference", (), {"id": first})]

    def compare(left: str, right: str, settings: Any) -> Result:
        assert settings.until_id is not None
        compared.append(settings.until_id)
        return Result(differing.get(frozenset((left, right))))

    monkeypatch.setattr(choice, "compare", compare)
    findings, best = choose(found, 4, identity)
    return findings, best, compared


INVALID = SlateError("invalid-backup", "No source can be rebuilt from it: event 3 is missing.")
UNREACHABLE = SlateError("no-server", "There is no server.")


def test_the_most_advanced_valid_backup_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[choice.Looked]
    found = [backup("a", 40), backup("b", 60), backup("c", 90, INVALID), UNREACHABLE, backup("d", 50)]
    findings, best, compared = choose_of(monkeypatch, found, {})
    assert best is found[1]
    assert sorted(compared) == [40, 40, 50]
    assert findings[-1].text == "b:5432/e is taken: the most advanced of 3 that agree"
    assert [one.blocking for one in findings if one.against] == [False, False]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([backup("a"), UNREACHABLE], "the only valid one"),
        ([backup("a"), backup("b")], "all 2 valid ones are alike"),
        ([backup("a", 49), backup("b")], "the most advanced of 2 that agree"),
    ],
)
def test_why_a_backup_is_taken_is_told(monkeypatch: pytest.MonkeyPatch, found: list[Any], reason: str) -> None:
    assert choose_of(monkeypatch, found, {})[0][-1].text.endswith(f"is taken: {reason}")


def test_one_backup_alone_is_compared_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    (only,), best, compared = choose_of(monkeypatch, [backup()], {})
    assert best
    assert compared == []
    assert only.text.endswith("50 events, ids 1 to 50, 2026-11-21 02:00:00Z to 2026-11-21 02:00:00Z, no gap")


@pytest.mark.parametrize("found", [[], [UNREACHABLE], [backup("a", fault=INVALID), UNREACHABLE]])
def test_no_valid_backup_is_none(monkeypatch: pytest.MonkeyPatch, found: list[Any]) -> None:
    findings, best, _ = choose_of(monkeypatch, found, {})
    assert best is None
    assert [one.blocking for one in findings] == [True] * len(found)


@pytest.mark.parametrize(
    ("hosts", "differing", "taken", "named"),
    [
        # One that differs from all others, who agree, is named and not taken.
        ("abc", {"ab": 5, "ac": 4}, "b", "backup a:5432/e: event 5 differs"),
        ("abcd", {"ab": 5, "ac": 4, "ad": 3}, "b", "backup a:5432/e: event 5 differs"),
        # Two of each kind, or no two that agree: nothing tells which is right.
        ("ab", {"ab": 5}, None, "the backups a:5432/e and b:5432/e disagree, first on event 5"),
        ("abcd", {"ac": 6, "ad": 6, "bc": 6, "bd": 4}, None, "b:5432/e and d:5432/e disagree, first on event 4"),
        ("abc", {"ab": 7, "ac": 8, "bc": 9}, None, "a:5432/e and b:5432/e disagree, first on event 7"),
    ],
)
def test_a_backup_is_taken_only_where_a_majority_agrees(
    monkeypatch: pytest.MonkeyPatch, hosts: str, differing: dict[str, int], taken: str | None, named: str
) -> None:
    found = [backup(host) for host in hosts]
    pairs = {frozenset(pair): id for pair, id in differing.items()}
    findings, best, _ = choose_of(monkeypatch, found, pairs)
    assert (best and best.reached.parameters["host"]) == taken
    (told,) = [one for one in findings if one.against]
    assert named in told.text
    assert told.blocking is (taken is None)
    assert told.against
    assert told.against.code == ("invalid-backup" if taken else "backups-disagree")


def test_a_database_that_was_named_twice_has_one_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    # By another host's name, or on its standby, which is behind.
    again = replace(backup("a2", 49), identity=("1", "a"))
    findings, best, _ = choose_of(monkeypatch, [again, backup("a"), backup("b")], {frozenset("ab"): 5})
    assert best is None
    assert findings[-1].text == "the backups a:5432/e and b:5432/e disagree, first on event 5"
    assert choose_of(monkeypatch, [again, backup("a")], {})[0][-1].text == "a:5432/e is taken: the only valid one"


def test_a_backup_that_ends_before_the_difference_does_not_say_who_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = [backup("b", 60), backup("c", 60)]
    differing = {frozenset("bc"): 45}
    findings, best, _ = choose_of(monkeypatch, [backup("a", 44), *longer], differing)
    assert best is None
    assert findings[-1].text == "the backups b:5432/e and c:5432/e disagree, first on event 45"
    findings, best, _ = choose_of(monkeypatch, [backup("a", 45), *longer], differing | {frozenset("ac"): 45})
    assert best is longer[0]
    assert "backup c:5432/e: event 45 differs" in {one.text.partition(" from")[0] for one in findings}


def test_to_resume_the_backup_of_the_beginning_is_taken_though_others_have_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [backup("a"), backup("b", 60)]
    assert choose_of(monkeypatch, found, {frozenset("ab"): 1}, ("1", "a"))[1] is found[0]
    cases: list[list[choice.Looked]] = [[backup("b", 60)], [backup("a", fault=INVALID), backup("b")]]
    for others in cases:
        findings, best, _ = choose_of(monkeypatch, others, {}, ("1", "a"))
        assert best is None
        assert [one.against.code for one in findings if one.against][-1] == "other-backup"
        assert findings[-1].blocking


# --- The plan


def plan(state: State | str | None, needs: Requirements, **changes: Any) -> tuple[list[str], Any]:
    found = Survey((), changes.pop("survey_method", "restore-events"), backup(), target(state), needs)
    made = make_plan(options(**changes), found, NOW)
    return [step.action.name for step in made.steps], made


@pytest.mark.parametrize(
    ("needs", "asked", "steps"),
    [
        (Requirements(), {}, "CLOSE RESTORE_EVENTS COMPARE OPEN"),
        (Requirements(), {"compare": False}, "CLOSE RESTORE_EVENTS OPEN"),
        (Requirements(), {"survey_method": "copy"}, "CLOSE COPY COMPARE OPEN"),
        (Requirements(create=True), {}, "CREATE RESTORE_EVENTS COMPARE OPEN"),
        (Requirements(create=True, replace=True), {}, "SET_ASIDE CREATE RESTORE_EVENTS COMPARE OPEN"),
        (Requirements(journal=JOURNAL), {"survey_method": "copy"}, "RECHECK COPY COMPARE OPEN"),
        (Requirements(journal=replace(JOURNAL, next_id=51)), {"survey_method": "copy"}, "COMPARE OPEN"),
        (Requirements(), {"survey_method": "promote"}, "PROMOTE"),
    ],
)
def test_each_step_is_there_when_it_is_needed_and_writers_come_last(
    needs: Requirements, asked: dict[str, Any], steps: str
) -> None:
    assert plan(UNFINISHED, needs, **asked)[0] == steps.split()


def test_the_plan_says_what_is_loaded_and_which_event_comes_next() -> None:
    titles = [step.title for step in plan(NEW, Requirements(), survey_method="copy")[1].steps]
    assert titles[1] == "copy 50 events from b:5432/e through this machine, 4 at once; then the indexes"
    assert titles[3] == "let writers in; the next event gets id 51"
    resumed = plan(UNFINISHED, Requirements(journal=JOURNAL), survey_method="copy")[1]
    assert resumed.steps[1].title.startswith("copy the rest of 50 events from ")
    (only,) = plan(NEW, Requirements(), survey_method="promote")[1].steps
    assert only.title == "make backup b:5432/e the source, in one transaction; the next event gets id 51"


def test_the_plan_goes_up_to_the_last_event_of_what_was_begun_else_of_the_backup() -> None:
    assert plan(NEW, Requirements())[1].last_id == 50
    assert plan(UNFINISHED, Requirements(journal=replace(JOURNAL, last_id=30)))[1].last_id == 30


def test_the_old_database_goes_aside_under_a_name_with_the_time_that_postgresql_takes_whole() -> None:
    made = plan(USED, Requirements(create=True, replace=True))[1]
    assert made.aside == "e_replaced_20261121T020000Z"
    assert plan(USED, Requirements(create=True))[1].aside == ""
    found = Survey((), "copy", backup(), replace(target(USED), name="n" * 63), Requirements(replace=True))
    long = make_plan(options(), found, NOW).aside
    assert len(long) == 63
    assert long == "n" * 37 + "_replaced_20261121T020000Z"
    assert make_plan(options(), found, NOW).steps[0].action is Action.SET_ASIDE
    found = replace(found, target=replace(target(USED), name="ä" * 30))
    assert make_plan(options(), found, NOW).aside == "ä" * 18 + "_replaced_20261121T020000Z"


# --- Whether a backup may become the source

FACTS = {
    "role": "me",
    "in_recovery": False,
    "is_source": False,
    "owns_events": True,
    "may_create": True,
    "is_superuser": True,
    "dblink_schema": None,
    "dblink_available": True,
    "nullable": [],
}


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        ({}, []),
        ({"dblink_schema": "public", "is_superuser": False, "dblink_available": False}, []),
        ({"in_recovery": True}, ["read-only"]),
        ({"is_source": True}, ["target-not-new"]),
        ({"nullable": ["ts"]}, ["invalid-backup"]),
        ({"owns_events": False}, ["no-right"]),
        ({"may_create": False}, ["no-right"]),
        ({"dblink_schema": "other"}, ["invalid-backup"]),
        ({"dblink_schema": "other", "is_superuser": False, "dblink_available": False}, ["invalid-backup"]),
        ({"dblink_available": False}, ["dblink-missing"]),
        ({"is_superuser": False}, ["no-right"]),
        ({"in_recovery": True, "is_source": True, "owns_events": False}, ["read-only", "target-not-new", "no-right"]),
    ],
)
def test_a_backup_that_would_make_no_source_is_not_promoted(facts: dict[str, Any], codes: list[str]) -> None:
    found = promote._rights(backup(), FACTS | facts)
    assert [one.against.code for one in found if one.against] == codes
    assert len(found) == max(1, len(codes))


def test_a_backup_without_unique_ids_is_not_promoted() -> None:
    (found,) = promote._rights(backup(unique_ids=False), FACTS)
    assert found.text == "its ids have no unique index"
    assert found.against


# --- Consent


@pytest.mark.parametrize(
    ("consent", "answer", "asked", "refused"),
    [
        (Consent(yes=True, interactive=False), False, 0, False),
        (Consent(yes=True, interactive=True), False, 0, False),
        (Consent(yes=False, interactive=True), True, 1, False),
        (Consent(yes=False, interactive=True), False, 1, True),
        (Consent(yes=False, interactive=False), True, 0, True),
    ],
)
def test_nothing_goes_on_without_consent(
    monkeypatch: pytest.MonkeyPatch, consent: Consent, answer: bool, asked: int, refused: bool
) -> None:
    questions: list[str] = []

    def confirm(question: str) -> bool:
        questions.append(question)
        return answer

    monkeypatch.setattr("init_slate_db.core.prompts.confirm", confirm)
    outcome: Callable[[], None] = consent.ask
    if refused:
        with pytest.raises(SlateError) as caught:
            outcome()
        assert caught.value.exit_status == ExitStatus.REFUSED
        why = "you did not agree" if asked else "nobody can be asked to agree to the plan here"
        assert caught.value.what == f"Nothing was changed: {why}."
    else:
        outcome()
    assert len(questions) == asked


@pytest.mark.parametrize(
    ("consent", "stream"),
    [
        (Consent(yes=True, interactive=True, dry_run=True), "out"),
        (Consent(yes=False, interactive=True, dry_run=True), "out"),
        (Consent(yes=False, interactive=True), "err"),
        (Consent(yes=True, interactive=True), "log"),
        (Consent(yes=False, interactive=False), "log"),
    ],
)
def test_a_plan_is_a_dry_runs_result_or_a_questions_beginning_or_log(
    consent: Consent,
    stream: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A command that ran in this process before has taken the log for itself.
    logger = logging.getLogger("init_slate_db")
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger, "handlers", [])
    with caplog.at_level("INFO", "init_slate_db"):
        consent.tell_plan(["x"])
    out, err = capsys.readouterr()
    assert out == ("Plan\n  1  x\n" if stream == "out" else "")
    assert err == ("Plan\n  1  x\n" if stream == "err" else "")
    assert caplog.messages == (["Plan", "  1  x"] if stream == "log" else [])


def test_what_ends_the_run_is_told_without_its_advice_which_the_error_has() -> None:
    told: list[list[str]] = []

    class Telling(Consent):
        def tell(self, title: str, lines: Sequence[str]) -> None:
            told.append([title, *lines])

    fault = SlateError("no-right", "No.", hint="Do.")
    Telling(yes=True, interactive=False).tell_survey(
        [Finding("a"), Finding("b", fault, blocking=False), Finding("c", fault), Finding("d", fault)]
    )
    assert told == [["Survey", "ok  a", "no  b", "    Do.", "no  c", "no  d", "    Do."]]
    Telling(yes=True, interactive=False).tell_plan(["x", "y"])
    assert told[1] == ["Plan", "1  x", "2  y"]
