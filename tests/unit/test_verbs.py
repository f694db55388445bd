"""Commands of several verbs: where the verb may stand, and what is said where there is none."""

import argparse
from typing import Any

import pytest

from init_slate_db.core import options as shared
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import Program, Verb

SECRET = "s3cr3t-Wor%d"
seen: list[Any] = []


def build_parser() -> OptionParser:
    parser = OptionParser("slate-test look", "[options]", "Looks.", "  slate-test look")
    group = parser.add_argument_group("What to look at")
    shared.value_option(group, "--at", metavar="THING", help="the thing")
    group.add_argument("--deep", action="store_true", help="look into it")
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    faults.raise_any("slate-test look")
    seen.append(values)
    return ExitStatus.DIFFERENT


PROGRAM = Program(
    "slate-test",
    "Tests verbs.",
    "  slate-test look --deep",
    (Verb("look", "looks", build_parser, command), Verb("listen", "listens", build_parser, command)),
)


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@pytest.mark.parametrize(
    "arguments",
    [
        "--host db1 --port 5433 look --at it --deep -v",
        "look --host db1 --port=5433 --at it --deep -v",
        "-v --host=db1 look --port 5433 --deep --at it",
        "--no-input --host db1 --port 5433 -v look --deep --at it",
    ],
)
def test_shared_options_stand_before_or_behind_the_verb(arguments: str) -> None:
    assert PROGRAM.main(arguments.split()) == ExitStatus.DIFFERENT
    (values,) = seen
    assert (values.host, values.port, values.at, values.deep, values.verbose) == ("db1", "5433", "it", True, 1)


def test_the_value_of_an_option_is_not_taken_for_the_verb() -> None:
    assert PROGRAM.main(["--password", "listen", "--user", "look", "look"]) == ExitStatus.DIFFERENT
    (values,) = seen
    assert (values.password, values.user) == ("listen", "look")


def test_a_password_that_begins_with_a_dash_may_stand_before_the_verb() -> None:
    assert PROGRAM.main(["--password", "-s3cr3t", "look"]) == ExitStatus.DIFFERENT
    assert seen[0].password == "-s3cr3t"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "arguments: a verb is needed: one of look, listen"),
        (["--host", "look"], "arguments: a verb is needed: one of look, listen"),
        (["lok"], 'arguments: "lok" is no verb: one of look, listen'),
        (["lok", "look"], 'arguments: "lok" is no verb: one of look, listen'),
        (["--", "look"], "--: there is no such option"),
        (["look", "listen"], 'arguments: "listen" is one too many'),
        (["look", "--depe"], "--depe: there is no such option; did you mean --deep?"),
    ],
)
def test_a_fault_in_the_verb_is_told(arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert PROGRAM.main(arguments) == ExitStatus.BAD_OPTIONS
    assert seen == []
    told = capsys.readouterr()
    assert told.out == ""
    assert any(line.startswith(f"  {fault}") for line in told.err.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        [f"postgresql://me:{SECRET}@db1/events"],
        [f"postgresql://me:{SECRET}@db1/events", "look"],
        ["look", f"password={SECRET}"],
        ["--pasword", SECRET, "look"],
    ],
)
def test_a_password_in_the_place_of_the_verb_is_not_shown(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert PROGRAM.main([*arguments, "-vv"]) == ExitStatus.BAD_OPTIONS
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err


def test_help_lists_the_verbs_with_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PROGRAM.main(["--help"])
    assert ended.value.code == ExitStatus.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "usage: slate-test VERB [options]"
    assert [line.split() for line in lines if line.startswith("    l")] == [["look", "looks"], ["listen", "listens"]]
    assert not any("--at" in line for line in lines)


@pytest.mark.parametrize("arguments", [["look", "--help"], ["--help", "look"], ["-h", "look"]])
def test_help_of_a_verb_lists_its_options(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PROGRAM.main(arguments)
    assert ended.value.code == ExitStatus.DONE
    shown = capsys.readouterr().out
    assert shown.startswith("usage: slate-test look [options]\n")
    assert "--at THING" in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_verbs_and_their_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PROGRAM.main(["--print-completion", shell])
    assert ended.value.code == ExitStatus.DONE
    script = capsys.readouterr().out
    for word in ("look", "listen", "deep", "log-format"):
        assert word in script


INNER = Program(
    "slate-test deep",
    "Tests deeper.",
    "  slate-test deep look",
    (Verb("look", "looks", build_parser, command),),
    "goes deep",
)
OUTER = Program("slate-test", "Tests verbs.", "  slate-test deep look", (*PROGRAM.verbs, INNER))


@pytest.mark.parametrize("arguments", ["--host db1 deep look --at it", "deep --host db1 look --at it"])
def test_a_verb_may_have_verbs_of_its_own(arguments: str) -> None:
    assert OUTER.main(arguments.split()) == ExitStatus.DIFFERENT
    assert (seen[0].host, seen[0].at) == ("db1", "it")


def test_an_inner_verb_that_is_missing_is_told_with_the_inner_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert OUTER.main(["deep", "listen"]) == ExitStatus.BAD_OPTIONS
    told = capsys.readouterr().err
    assert '  arguments: "listen" is no verb: one of look\n' in told
    assert told.endswith("  See slate-test deep --help.\n")


def test_help_and_completion_know_the_inner_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["--help"], ["deep", "goes deep"]),
        (["deep", "--help"], ["usage: slate-test deep VERB", "look", "looks"]),
        (["deep", "look", "--help"], ["--at THING"]),
        (["--print-completion", "bash"], ["deep", "look"]),
    ):
        with pytest.raises(SystemExit):
            OUTER.main(arguments)
        shown = capsys.readouterr().out
        assert all(word in shown for word in words)


def test_the_verbs_parsers_take_what_argparse_of_a_newer_python_tells_them() -> None:
    (verbs,) = (one for one in PROGRAM.build_parser()._actions if isinstance(one, argparse._SubParsersAction))
    # Python 3.14 does so by itself.
    more: Any = {"color": True}
    verbs.add_parser("other", **more)
    assert "--deep" in verbs.choices["look"].format_help()
