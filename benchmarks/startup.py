"""How long the command takes before it does anything, against an interpreter that does nothing."""

import os
import sys
from functools import partial

from benchmarks.commands import Run, time_command
from benchmarks.comparison import Comparison, Target, compare_runs, in_turns

STARTS_PER_ROUND = 10
COMMANDS = {
    "--help": ["--help"],
    "--dry-run": ["-n", "x", "-t", "source", "--dry-run"],
}


def measure(rounds: int) -> list[Comparison]:
    """Milliseconds from the start of a process to its end."""
    commands = {name: ["-m", "init_slate_db", *arguments] for name, arguments in COMMANDS.items()}
    measurements = {
        name: partial(_time, arguments) for name, arguments in ({"pass": ["-c", "pass"]} | commands).items()
    }
    # The first ones write byte code and fill the file cache.
    in_turns(1, measurements)
    runs = in_turns(rounds * STARTS_PER_ROUND, measurements)
    target = Target("at most", 10.00)
    return [
        compare_runs(
            f"init-slate-db {name}",
            "python -c pass",
            runs[name],
            runs["pass"],
            target=target,
            unit="ms",
            figure=lambda run: run.seconds * 1000,
        )
        for name in COMMANDS
    ]


def _time(arguments: list[str]) -> Run:
    return time_command(None, [sys.executable, *arguments], os.environ)
