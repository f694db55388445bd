"""What slate-replicate says of itself and of its verbs, and that it tells all faults of the options at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults
from replication import reading
from replication.options import Limits

ENVIRONMENT = {"PATH": os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1"}
VERBS = ("add", "status", "verify", "remove", "follow")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command where no server is named."""
    words = [sys.executable, "-m", "replication", *arguments]
    return subprocess.run(
        words, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def faults(*arguments: str) -> list[str]:
    """What is told of wrong options, line by line."""
    ended = run(*arguments)
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    assert ended.stdout == ""
    first, *lines = ended.stderr.splitlines()
    assert first == "error: The options are wrong:"
    return [line.strip() for line in lines[:-1]]


def test_help_of_all_verbs_is_as_in_the_snapshot() -> None:
    # To renew it: for v in "" add status verify remove follow; do slate-replicate $v --help; done, as below.
    shown = "".join(run(*verb, "--help").stdout for verb in ((), *((verb,) for verb in VERBS)))
    assert shown == Path(__file__).with_name("help-replicate.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_verbs_and_their_options(shell: str) -> None:
    script = run("--print-completion", shell).stdout
    for word in (*VERBS, "max-lag", "source-server-host", "lost"):
        assert word in script


@pytest.mark.parametrize("verb", ["add", "verify", "remove", "follow"])
def test_both_addresses_are_needed(verb: str) -> None:
    assert [line.partition(":")[0] for line in faults(verb)] == ["SOURCE", "DESTINATION"]


@pytest.mark.parametrize("verb", VERBS)
def test_shared_options_are_told_of_without_addresses_too(verb: str) -> None:
    needed = ["SOURCE"] if verb == "status" else ["SOURCE", "DESTINATION"]
    told = faults(verb, "--port", "abc", "--database", "")
    assert [line.partition(":")[0] for line in told] == ["--port", "--database", *needed]


def test_all_faults_are_told_at_once() -> None:
    told = faults("add", "db1:0", "a=b=c", "--jobs", "0", "--source-server-host", "x:y", "--port", "http", "--dry")
    options = [line.partition(":")[0] for line in told]
    assert options == ["--dry", "--port", "SOURCE", "DESTINATION", "--source-server-host", "--jobs"]


@pytest.mark.parametrize("lag", ["", "x", "10 s", "-1", "1.5s", "10TB", "1e3"])
def test_what_is_no_lag_is_refused(lag: str) -> None:
    (told,) = faults("status", "db1", "--max-lag", lag)
    assert told.startswith("--max-lag: ")


def test_lags_of_each_kind_hold_together() -> None:
    found = Faults()
    assert reading.read_limits(["1000", "5min", "64MB"], found) == Limits(1000, 300, 64 * 2**20)
    found.raise_any("test")


@pytest.mark.parametrize("interval", ["0", "-1", "x", "1e9"])
def test_what_is_no_interval_is_refused(interval: str) -> None:
    (told,) = faults("status", "db1", f"--watch={interval}")
    assert told.startswith("--watch: ")


def test_a_side_that_there_is_not_cannot_be_lost() -> None:
    assert faults("remove", "db1", "db2", "--lost", "both") == ['--lost: "both" is not one of source, destination']


def test_a_misplaced_password_is_not_shown() -> None:
    ended = run("add", "db1", "db2", "db3", "--replication-password", "-s3cr3t")
    assert ended.returncode == ExitStatus.BAD_OPTIONS
    assert "s3cr3t" not in ended.stderr + ended.stdout
