"""Runs slate-recover with small ranges and, at one step of its plan, does to it what the first arguments say.

Arguments: the fault, "before" or "behind", the number of the step (from 1; 0: never), then those of the command.
"""

import os
import signal
import sys
from itertools import count

try:
    import psycopg

    from recovery import cli
    from recovery.execution import Recovery
    from recovery.methods import copy
    from recovery.plan import Step
except KeyboardInterrupt:
    # As the entry point of the command does where Python is still loading.
    sys.exit(130)

fault, moment, step_number, *arguments = sys.argv[1:]
take = Recovery._take
numbers = count(1)


def take_and_fail(self: Recovery, number: int, step: Step) -> None:
    due = next(numbers) == int(step_number)
    if due and moment == "before":
        FAULTS[fault]()
    take(self, number, step)
    if due and moment == "behind":
        FAULTS[fault]()


def end_our_sessions() -> None:
    """What an administrator or a crash of the server does: the error comes from the server, at the next statement."""
    with psycopg.connect(dbname="postgres") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slate-recover'"
        )


def stop_for_good() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def pause() -> None:
    """Waits until the test says to go on."""
    sys.stdout.write("paused\n")
    sys.stdout.flush()
    sys.stdin.readline()


FAULTS = {"interrupt": interrupt, "kill": stop_for_good, "server": end_our_sessions, "pause": pause}

# Ranges of 64 ids, so that a small backup has hundreds.
copy._RANGE_BYTES, copy._RANGE_STEP = 1, 64
Recovery._take = take_and_fail  # type: ignore[method-assign]
sys.exit(cli.main(arguments))
