"""How long the command takes before it does anything, against an interpreter that does nothing."""

import subprocess
import sys
from functools import partial

from benchmarks.comparison import Comparison, Target, in_turns
from benchmarks.process import Stopwatch

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
    milliseconds = in_turns(rounds * STARTS_PER_ROUND, measurements)
    return [
        Comparison(
            f"init-slate-db {name}",
            "python -c pass",
            "ms",
            milliseconds[name],
            milliseconds["pass"],
            Target("at most", 10.00),
        )
        for name in COMMANDS
    ]


def _time(arguments: list[str]) -> float:
    command = [sys.executable, *arguments]
    stopwatch = Stopwatch()
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return stopwatch.seconds * 1000
