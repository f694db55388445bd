"""Runs slate-replicate and, at one of the exchanges that it has with a server, does to it what the first arguments say.

Arguments: the fault, "before", "inside" or "behind", the number of the exchange (from 1; 0: never), then those of the
command. An exchange is a statement, or a part of a COPY: all for which it waits on an open connection. The last line
on standard error is how many there were, where it ends by itself.
"""

import os
import signal
import sys
import threading
from collections.abc import Generator
from itertools import count
from typing import Any

import psycopg

from replication import cli

fault, moment, exchange, *arguments = sys.argv[1:]
wait = psycopg.Connection.wait
numbers = count(1)
counting = threading.Lock()


def wait_and_fail(self: psycopg.Connection[Any], generator: Generator[Any, Any, Any], *more: Any, **named: Any) -> Any:
    with counting:
        due = next(numbers) == int(exchange)
    if due and moment == "before":
        FAULTS[fault]()
    answer = wait(self, fail_inside(generator) if due and moment == "inside" else generator, *more, **named)
    if due and moment == "behind":
        FAULTS[fault]()
    return answer


def fail_inside(generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Takes the first step of the exchange, which sends the statement, and then fails while the answer is awaited."""
    try:
        state = next(generator)
    except StopIteration as stop:
        return stop.value
    # A signal is to find the main thread where it waits, not here.
    threading.Thread(target=FAULTS[fault]).start() if fault == "interrupt" else FAULTS[fault]()
    while True:
        ready = yield state
        try:
            state = generator.send(ready)
        except StopIteration as stop:
            return stop.value


def stop_for_good() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def pause() -> None:
    """Waits until the test says to go on."""
    sys.stdout.write("paused\n")
    sys.stdout.flush()
    sys.stdin.readline()


FAULTS = {"interrupt": interrupt, "kill": stop_for_good, "pause": pause}

psycopg.Connection.wait = wait_and_fail  # type: ignore[assignment]
status = cli.main(arguments)
sys.stderr.write(f"{next(numbers) - 1}\n")
sys.exit(status)
