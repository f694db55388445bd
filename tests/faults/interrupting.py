"""Runs init-slate-db and, behind one step of its plan, does to it what the first argument says. See test_interrupts."""

import os
import signal
import sys
from itertools import count

import psycopg

from init_slate_db import cli
from init_slate_db.core.creation.install import Installation
from init_slate_db.core.creation.plan import Step

fault, step_number, *arguments = sys.argv[1:]
take = Installation.take
numbers = count(1)


def take_and_fail(self: Installation, step: Step) -> None:
    take(self, step)
    if next(numbers) == int(step_number):
        FAULTS[fault](self)


def end_our_sessions(installation: Installation) -> None:
    """What an administrator or a crash of the server does: the error comes from the server, at the next step."""
    with psycopg.connect(dbname="postgres") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'init-slate-db'"
        )


def stop_for_good(installation: Installation) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt(installation: Installation) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def pause(installation: Installation) -> None:
    """Waits until the test says to go on."""
    sys.stdout.write("paused\n")
    sys.stdout.flush()
    sys.stdin.readline()


FAULTS = {"interrupt": interrupt, "kill": stop_for_good, "server": end_our_sessions, "pause": pause}

Installation.take = take_and_fail  # type: ignore[method-assign]
sys.exit(cli.main(arguments))
