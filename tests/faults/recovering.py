"""Runs slate-recover with small ranges and, at one step of its plan, does to it what the first arguments say.

Arguments: the fault; the moment, which is "before" or "behind" the step, or how many of the step's statements have
been run; the number of the step (from 1; 0: never); then those of the command. The fault "count" lets the command be,
and writes at the end how many statements each step had, as a JSON object on a line of its own.
"""

import json
import os
import signal
import sys
import threading
from collections import Counter
from typing import Any

import psycopg

from recovery import cli, replacement
from recovery.execution import Recovery
from recovery.methods import copy, restore_events
from recovery.plan import Step

fault, moment, step_number, *arguments = sys.argv[1:]
take = Recovery._take
execute = psycopg.Cursor.execute
lock = threading.Lock()
# How many statements were run, by the number of the step. Those in work beside a step come as time has it.
statements: Counter[int] = Counter()
BESIDE = (replacement._END_SESSIONS, restore_events._COUNT_INDEXES, restore_events._HOW_FAR)
current_step = 0


def take_and_fail(self: Recovery, number: int, step: Step) -> None:
    global current_step  # noqa: PLW0603
    due = number == int(step_number)
    if due and moment == "before":
        FAULTS[fault]()
    current_step = number
    take(self, number, step)
    current_step = 0
    if due and moment == "behind":
        FAULTS[fault]()


def execute_and_fail(self: "psycopg.Cursor[Any]", query: Any, *others: Any, **options: Any) -> "psycopg.Cursor[Any]":
    result = execute(self, query, *others, **options)
    if current_step and query not in BESIDE:
        with lock:
            statements[current_step] += 1
            due = current_step == int(step_number) and moment == str(statements[current_step])
        if due:
            FAULTS[fault]()
    return result


def end_our_sessions() -> None:
    """What an administrator or a crash of the server does: the error comes from the server, at the next statement."""
    with psycopg.connect(dbname="postgres") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'slate-recover'"
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
psycopg.Cursor.execute = execute_and_fail  # type: ignore[assignment, method-assign]
status = cli.main(arguments)
if fault == "count":
    sys.stdout.write(json.dumps(statements) + "\n")
sys.exit(status)
