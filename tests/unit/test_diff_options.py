"""slate-diff's options: what they mean, and that every fault is told at once."""

import os
import subprocess
import sys

import pytest

from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults
from recovery.diff.cli import build_parser, read_options
from recovery.diff.options import Options

SECRET = "s3cr3t-Wor%d"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "recovery.diff", *arguments],
        env={"PATH": os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def read(*arguments: str) -> Options:
    faults = Faults()
    options = read_options(build_parser().parse(arguments, faults), faults)
    faults.raise_any("slate-diff")
    return options


def test_all_faults_are_told_together() -> None:
    refused = run(
        *("db1:0", "--jobs", "none", "--until-id", "-1", "--max-differences", "0", "--format", "xml"),
        *("--timestamp-precision", "seconds", "--port", "70000", "--database"),
    )
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    assert refused.stdout == ""
    told = refused.stderr.splitlines()
    assert told[0] == "error: The options are wrong:"
    assert {line.strip().partition(":")[0] for line in told[1:-1]} == {
        *("LEFT", "RIGHT", "--jobs", "--until-id", "--max-differences", "--format"),
        *("--timestamp-precision", "--port", "--database"),
    }
    assert told[-1] == "  See slate-diff --help."


def test_two_addresses_are_needed() -> None:
    refused = run()
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    for side in ("LEFT", "RIGHT"):
        assert f"  {side}: is needed: a host, host:port, a URI or a key=value string" in refused.stderr


def test_defaults_are_four_jobs_and_a_hundred_differences() -> None:
    options = read("db1", "db2")
    assert options.settings == Settings(jobs=4, until_id=2**63 - 1, max_differences=100, precision="microseconds")
    assert options.format == "text"
    assert (options.left.connection.host, options.right.connection.host) == ("db1", "db2")


def test_addresses_may_stand_apart() -> None:
    options = read("db1", "--jobs", "2", "db2:5433", "--format", "json")
    assert (options.left.connection.host, options.right.connection.port) == ("db1", 5433)


def test_questions_say_which_server_they_are_about() -> None:
    options = read("db1", "db2")
    assert options.left.connection.role == "the left server"
    assert options.right.connection.role == "the right server"


@pytest.mark.parametrize(
    "misplaced",
    [
        ("db1", f"postgresql://user:{SECRET}%zz@db2"),
        ("db1", "db2", f"postgresql://user:{SECRET}@db3"),
        ("host=db1", "user=me", f"password={SECRET}"),
        ("db1", f"host=db2 password='{SECRET}"),
    ],
)
def test_a_password_in_the_wrong_place_is_not_shown(misplaced: tuple[str, ...]) -> None:
    refused = run(*misplaced, "-vv")
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    assert SECRET not in refused.stdout + refused.stderr


def test_help_names_every_option_and_exit_status() -> None:
    shown = run("--help")
    assert shown.returncode == ExitStatus.DONE
    assert shown.stdout.startswith("usage: slate-diff LEFT RIGHT [options]\n")
    for option in ("--database", "--jobs", "--until-id", "--max-differences", "--timestamp-precision", "--format"):
        assert f" {option} " in shown.stdout
    for status in ExitStatus:
        assert f" {status:d}  " in shown.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    printed = run("--print-completion", shell)
    assert printed.returncode == ExitStatus.DONE
    assert "milliseconds" in printed.stdout
