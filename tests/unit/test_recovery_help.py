"""What slate-recover and slate-diff say of themselves, and that they tell all faults of the options at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import init_slate_db
from init_slate_db.core.errors import ExitStatus

ENVIRONMENT = {"PATH": os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1"}
MODULES = {"slate-recover": "recovery", "slate-diff": "recovery.diff"}
SNAPSHOTS = {"slate-recover": "help-recover.txt", "slate-diff": "help-diff.txt"}
COMMANDS = pytest.mark.parametrize("command", MODULES)


def run(command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command where no server is named."""
    words = [sys.executable, "-m", MODULES[command], *arguments]
    return subprocess.run(
        words, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def faults(command: str, *arguments: str) -> list[str]:
    """What is told of wrong options, line by line."""
    ended = run(command, *arguments)
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    assert ended.stdout == ""
    first, *lines = ended.stderr.splitlines()
    assert first == "error: The options are wrong:"
    assert lines[-1] == f"  See {command} --help."
    return [line.strip() for line in lines[:-1]]


@COMMANDS
def test_help_is_as_in_the_snapshot(command: str) -> None:
    # To renew it: COLUMNS=100 NO_COLOR=1 slate-recover --help >tests/unit/help-recover.txt, slate-diff likewise.
    shown = run(command, "--help")
    assert shown.returncode == ExitStatus.DONE
    assert shown.stdout == Path(__file__).with_name(SNAPSHOTS[command]).read_text(encoding="utf-8")
    assert shown.stderr == ""


@COMMANDS
def test_help_names_every_exit_status(command: str) -> None:
    help_text = run(command, "-h").stdout
    for status in ExitStatus:
        assert f" {status:d}  " in help_text


@COMMANDS
def test_version_is_that_of_the_package(command: str) -> None:
    assert run(command, "--version").stdout == f"{command} {init_slate_db.__version__}\n"


@COMMANDS
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(command: str, shell: str) -> None:
    printed = run(command, "--print-completion", shell)
    assert printed.returncode == ExitStatus.DONE
    assert printed.stderr == ""
    for option in ("until-id", "jobs", "log-format"):
        assert option in printed.stdout


def test_bash_completes_the_methods() -> None:
    script = run("slate-recover", "--print-completion", "bash").stdout
    line = f"""
    {script}
    COMP_WORDS=(slate-recover --method '') COMP_CWORD=2
    $(complete -p slate-recover | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    offered = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout.split()
    assert {"restore-events", "copy", "promote"} <= set(offered)


def test_all_faults_of_the_options_of_slate_recover_are_told_at_once() -> None:
    told = faults(
        "slate-recover",
        *("--from", "host:port", "--from", "host:99999", "--from-port", "0", "--from-server-host", "postgresql://x"),
        *("--method", "move", "--until-id", "-1", "--until", "yesterday", "--jobs", "65", "--report", "x.txt"),
        *("--database", "", "--connect-timeout", "soon", "--create", "--no-such-option"),
    )
    expected = [
        '--from: "host:port" is no address',
        '--from: "host:99999" is no address',
        '--from-port: "0" is not a whole number from 1 to 65535',
        "--from-server-host: takes HOST or HOST:PORT alone",
        '--method: "move" is not one of restore-events, copy, promote',
        '--until-id: "-1" is not a whole number',
        '--until: "yesterday" is not a moment such as 2026-11-21T03:00:00Z',
        "--until: goes not with --until-id",
        '--jobs: "65" is not a whole number from 1 to 64',
        '--report: "x.txt" ends neither in .json nor in .html',
        "--database: needs a value",
        '--connect-timeout: "soon" is not a whole number',
        "--no-such-option: there is no such option",
    ]
    for fault in expected:
        assert any(line.startswith(fault) for line in told), fault
    assert len(told) == len(expected)


def test_promote_takes_no_options_of_the_other_methods() -> None:
    given = ("--create", "--replace", "--resume", "--until-id=5", "--no-diff")
    told = faults("slate-recover", "--from", "host", "--method", "promote", *given)
    names = [option.partition("=")[0] for option in given]
    assert told == [f"{name}: goes not with --method promote" for name in names]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ([], "--from: is needed: the backup to recover from"),
        (["--from"], "--from: needs a value: a host, host:port, a URI or a key=value string"),
        (
            ["--from", "a", "--from-server-host", "b", "--from-server-host", "c"],
            "--from-server-host: is given 2 times, --from 1 times",
        ),
        (
            ["--from", "a", "--resume", "--until", "2026-11-21T03:00:00Z"],
            "--until: goes not with --resume: the recovery has its end already",
        ),
        (["--from", "a", "--report", "/nowhere/x.json"], '--report: there is no folder "/nowhere"'),
    ],
    ids=["no-backup", "no-value", "too-many-hosts", "until-resume", "no-folder"],
)
def test_a_fault_in_the_options_is_told_with_its_option(given: list[str], fault: str) -> None:
    assert faults("slate-recover", *given) == [fault]


def test_all_faults_of_the_options_of_slate_diff_are_told_at_once() -> None:
    told = faults("slate-diff", "host:0", "--jobs", "0", "--format", "xml", "--timestamp-precision", "days")
    for fault in ("LEFT: ", "RIGHT: is needed", "--jobs: ", "--format: ", "--timestamp-precision: "):
        assert any(line.startswith(fault) for line in told), fault
    assert len(told) == 5
