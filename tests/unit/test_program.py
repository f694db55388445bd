"""The frame around a command: errors, signals and the exit status."""

import subprocess
import sys

import pytest

from init_slate_db.core.errors import ExitStatus

FAIL = """
import os, signal, sys, time
from init_slate_db.core.console import configure_logging
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import LogOptions
from init_slate_db.core.program import run

def fail():
    {statement}

options = LogOptions(verbosity={verbosity})
configure_logging(options)
sys.exit(run(fail, options))
"""


def fail(statement: str, verbosity: int = 0, status: ExitStatus = ExitStatus.FAILED) -> str:
    """What a command that ends in the statement says on standard error."""
    ended = subprocess.run(
        [sys.executable, "-c", FAIL.format(statement=statement, verbosity=verbosity)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (status, "")
    return ended.stderr


@pytest.mark.parametrize(("verbosity", "traces"), [(-1, False), (0, False), (1, False), (2, True)])
def test_an_error_has_its_traceback_where_it_was_asked_for(verbosity: int, traces: bool) -> None:
    said = fail("raise SlateError('lock-held', 'Another run works.', 'It holds a lock.', 'Wait for it.')", verbosity)
    assert said.startswith("error: Another run works.\n  It holds a lock.\n  Wait for it.\n")
    assert ("Traceback (most recent call last)" in said) is traces


def test_what_the_system_refuses_is_an_error_whose_traceback_says_where() -> None:
    error = "PermissionError(13, 'Permission denied', 'report.json')"
    told = "error: The system refuses it: [Errno 13] Permission denied: 'report.json'.\n"
    assert fail(f"raise {error}") == told
    said = fail(f"raise {error}", 2)
    assert said.startswith(told)
    assert "in fail\n" in said


@pytest.mark.parametrize(
    "statement", ["raise KeyboardInterrupt", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(50)"]
)
def test_an_interrupt_and_a_termination_end_it_alike_and_in_silence(statement: str) -> None:
    assert fail(statement, 2, ExitStatus.INTERRUPTED) == ""
