"""Runs the command as a user's shell does."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

COMMAND = (sys.executable, "-m", "init_slate_db")


def run(
    arguments: Sequence[str], environment: Mapping[str, str], command: Sequence[str] = COMMAND
) -> "subprocess.CompletedProcess[str]":
    """Runs init-slate-db, or another command, without a terminal, for two minutes at most."""
    return subprocess.run(
        [*command, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def start(
    arguments: Sequence[str], environment: Mapping[str, str], command: Sequence[str] = COMMAND
) -> "subprocess.Popen[str]":
    """Starts init-slate-db, or another command, without a terminal, for a test that does something meanwhile."""
    return subprocess.Popen(
        [*command, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
