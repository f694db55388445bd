"""What slate-schema and its verbs say of themselves, and that they tell all faults of the options at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import init_slate_db
from init_slate_db.core.errors import ExitStatus

ENVIRONMENT = {"PATH": os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1"}
VERBS = ("check", "install", "snapshot", "history", "show", "diff", "rollback", "prune", "migrate", "status")
SNAPSHOTS: dict[tuple[str, ...], str] = {(): "help-schema.txt"} | {(verb,): f"help-schema-{verb}.txt" for verb in VERBS}
RELEASE_VERBS = ("create", "bootstrap", "list", "diff", "activate", "rollback", "test", "retire", "restore")
SNAPSHOTS |= {("release",): "help-schema-release.txt"}
SNAPSHOTS |= {("release", verb): f"help-schema-release-{verb}.txt" for verb in RELEASE_VERBS}
ARCHIVE_VERBS = ("init", "push", "delta", "deploy", "verify", "log")
SNAPSHOTS |= {("archive",): "help-schema-archive.txt"}
SNAPSHOTS |= {("archive", verb): f"help-schema-archive-{verb}.txt" for verb in ARCHIVE_VERBS}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command where no server is named."""
    words = [sys.executable, "-m", "versioning", *arguments]
    return subprocess.run(
        words, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("verb", SNAPSHOTS, ids=lambda verb: " ".join(verb) or "overview")
def test_help_is_as_in_the_snapshot(verb: tuple[str, ...]) -> None:
    # To renew it: COLUMNS=100 NO_COLOR=1 slate-schema check --help >tests/unit/help-schema-check.txt
    shown = run(*verb, "--help")
    assert shown.returncode == ExitStatus.DONE
    assert shown.stdout == Path(__file__).with_name(SNAPSHOTS[verb]).read_text(encoding="utf-8")
    assert shown.stderr == ""


def test_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"slate-schema {init_slate_db.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    printed = run("--print-completion", shell)
    assert printed.returncode == ExitStatus.DONE
    assert printed.stderr == ""
    for word in ("check", "roles", "log-format", "rollback", "older-than", "allow-gaps"):
        assert word in printed.stdout


def test_all_faults_of_the_options_of_check_are_told_at_once() -> None:
    ended = run("--port", "0", "check", "--roles", "--format", "xml", "--database=", "stray", "--nothing")
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    assert ended.stdout == ""
    first, *told = ended.stderr.splitlines()
    assert first == "error: The options are wrong:"
    for fault in (
        '--port: "0" is not a whole number from 1 to 65535',
        "--roles: needs a value",
        '--format: "xml" is not one of text, json',
        "--database: needs a value",
        'arguments: "stray" is one too many',
        "--nothing: there is no such option; did you mean --no-input?",
    ):
        assert f"  {fault}" in told
    assert told[-1] == "  See slate-schema check --help."
    assert len(told) == 7


def test_all_faults_of_the_options_of_migrate_are_told_at_once() -> None:
    ended = run(
        *("migrate", "--all", "--one", "--type", "norm", "--accept", "2.1", "--resolve", "2-1-0=perhaps"),
        *("--node", "a:b:c/", "--host", "db1", "--lock-timeout", "0", "--lock-tries", "x", "--wait", "-1", "--repeat"),
    )
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    first, *told = ended.stderr.splitlines()
    assert first == "error: The options are wrong:"
    for fault in (
        "DIRECTORY: is missing: the folder that holds the patches",
        "--one: goes not with --all",
        '--type: "norm" is not one of std, direct, concurrent',
        '--accept: "2.1" is no number of a patch, like 2-1-0',
        '--resolve: "2-1-0=perhaps" does not end in =done or =again',
        "--host: goes not with --node: the first of these is the source",
        '--lock-timeout: "0" is not a whole number from 1 to 2147483647 of milliseconds',
        '--lock-tries: "x" is not a whole number from 1 to 10000',
    ):
        assert f"  {fault}" in told
    assert told[-1] == "  See slate-schema migrate --help."


def test_status_needs_a_folder_and_takes_text_or_json() -> None:
    ended = run("status", "--format", "xml")
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    assert "DIRECTORY: is missing" in ended.stderr
    assert '--format: "xml" is not one of text, json' in ended.stderr


def test_all_faults_of_the_options_of_a_release_are_told_at_once() -> None:
    ended = run("release", "create", "nowhere", "--version", "1.0", "--schema=", "--port", "0")
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    for fault in (
        'FOLDER: "nowhere" is no folder',
        '--version: "1.0" is no version: three whole numbers, such as 1.0.0',
        "--schema: needs a value",
        '--port: "0" is not a whole number from 1 to 65535',
    ):
        assert f"  {fault}\n" in ended.stderr
    ended = run("release", "retire", "--unused-for", "soon")
    assert "  V: is needed: a version such as 1.0.0" in ended.stderr
    assert '  --unused-for: "soon" is no age' in ended.stderr
    assert ended.stderr.endswith("  See slate-schema release retire --help.\n")
