"""Runs pytest in forks of a process that has imported all that does not change from one mutant to the next.

Standard input: JSON lines, arguments of pytest, the file for its output, and seconds. Standard output: a line each, the
exit status of pytest, or "timeout". Imports nothing of the product and of its tests, since these are what changes.
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import jinja2  # noqa: F401
import psycopg  # noqa: F401
import pytest
import questionary  # noqa: F401
import rich.progress  # noqa: F401
import rich_argparse  # noqa: F401
import shtab  # noqa: F401
import tenacity  # noqa: F401


def main() -> None:
    """Serves until standard input ends."""
    sys.path[0] = str(Path.cwd())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for line in sys.stdin:
        arguments, output, seconds = json.loads(line)
        print(_run(arguments, output, seconds), flush=True)


def _run(arguments: list[str], output: str, seconds: float) -> str:
    pid = os.fork()
    if pid == 0:
        _test(arguments, output)
    deadline = time.monotonic() + seconds
    ended, status = 0, 0
    try:
        while not ended and time.monotonic() < deadline:
            ended, status = os.waitpid(pid, os.WNOHANG)
            time.sleep(0.02)
    finally:
        # What the tests started and did not end goes, too.
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    if ended:
        return str(os.waitstatus_to_exitcode(status))
    os.waitpid(pid, 0)
    return "timeout"


def _test(arguments: list[str], output: str) -> None:
    os.setsid()
    with Path(output).open("w") as file, Path(os.devnull).open() as nothing:
        for stream, number in ((nothing, 0), (file, 1), (file, 2)):
            os.dup2(stream.fileno(), number)
    status = 70
    try:
        status = int(pytest.main(arguments))
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
