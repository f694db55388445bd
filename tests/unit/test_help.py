"""What the command says of itself, and how it behaves towards what reads its output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import init_slate_db
from init_slate_db.core.errors import ExitStatus
from tests.commands import COMMAND, run

SNAPSHOT = Path(__file__).with_name("help.txt")
ENVIRONMENT = {"PATH": os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1"}


def test_help_is_as_in_the_snapshot() -> None:
    # To renew it: COLUMNS=100 NO_COLOR=1 init-slate-db --help >tests/unit/help.txt
    shown = run(["--help"], ENVIRONMENT)
    assert shown.returncode == ExitStatus.DONE
    assert shown.stdout == SNAPSHOT.read_text(encoding="utf-8")
    assert shown.stderr == ""


def test_help_names_every_exit_status() -> None:
    help_text = run(["-h"], ENVIRONMENT).stdout
    for status in ExitStatus:
        assert f" {status:d}  " in help_text


def test_help_has_colours_on_no_pipe() -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "NO_COLOR"}
    assert "\x1b" not in run(["--help"], environment).stdout


def test_version_is_that_of_the_package() -> None:
    assert run(["--version"], ENVIRONMENT).stdout == f"init-slate-db {init_slate_db.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    printed = run(["--print-completion", shell], ENVIRONMENT)
    assert printed.returncode == ExitStatus.DONE
    assert "--new-database" in printed.stdout or "new-database" in printed.stdout


def test_bash_completes_options_and_their_values(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(run(["--print-completion", "bash"], ENVIRONMENT).stdout, encoding="utf-8")

    def complete(*words: str) -> set[str]:
        line = f"""
        source {script}
        COMP_WORDS=({" ".join(words)} '') COMP_CWORD={len(words)}
        COMP_WORDS[$COMP_CWORD]=${{COMP_WORDS[$COMP_CWORD]:-}}
        $(complete -p init-slate-db | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return set(subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout.split())

    assert {"source", "destination"} <= complete("init-slate-db", "--table-type")
    assert {"bash", "zsh", "fish"} <= complete("init-slate-db", "--print-completion")


def test_an_unknown_shell_is_refused_with_the_known_ones() -> None:
    refused = run(["--print-completion", "tcsh"], ENVIRONMENT)
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    assert "bash, zsh, fish" in refused.stderr


def test_json_logs_are_one_object_a_line_with_code_and_hint() -> None:
    arguments = [
        "-n",
        "a",
        "-t",
        "source",
        "--host",
        "nosuch.invalid",
        "--connect-timeout",
        "1",
        "--log-format",
        "json",
    ]
    failed = run([*arguments, "--user", "me"], ENVIRONMENT)
    assert failed.returncode == ExitStatus.FAILED
    lines = [json.loads(line) for line in failed.stderr.splitlines()]
    assert lines[-1]["code"] == "no-such-host"
    assert lines[-1]["level"] == "ERROR"
    assert lines[-1]["hint"]


def test_a_reader_that_leaves_early_causes_no_traceback() -> None:
    command = " ".join(COMMAND)
    shell = f"{command} -n events -t source --sql | head -n 1; exit ${{PIPESTATUS[0]}}"
    piped = subprocess.run(
        ["bash", "-c", shell], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )
    assert piped.stdout.startswith("-- Creates the source database")
    assert piped.stderr == ""
    assert piped.returncode == ExitStatus.DONE


def test_a_full_device_is_an_error_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        failed = subprocess.run(
            [sys.executable, "-m", "init_slate_db", "-n", "events", "-t", "source", "--dry-run"],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert failed.returncode == ExitStatus.FAILED
    assert "No space left on device" in failed.stderr
    assert "Traceback" not in failed.stderr
