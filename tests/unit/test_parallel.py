"""Work on several connections at once, which ends together."""

import threading
from contextlib import closing
from typing import Any

import pytest

from init_slate_db.core.connection import Connection
from init_slate_db.core.parallel import in_parallel


class Line:
    """Stands for a connection: its work waits until it is cancelled."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel_safe(self, timeout: float) -> None:
        self.cancelled.set()

    def fileno(self) -> int:
        raise OSError("there is no network here")


def lines(count: int) -> list[Any]:
    return [Line() for _ in range(count)]


def wait_for_cancel(connection: Connection) -> str:
    assert isinstance(connection, Line)
    assert connection.cancelled.wait(30)
    return "cancelled"


def test_every_task_is_done_once_whatever_connection_takes_it() -> None:
    tasks = [lambda _, number=number: number for number in range(100)]
    shares = (lines(3), tasks[:60]), (lines(2), tasks[60:])
    assert sorted(in_parallel(*shares)) == list(range(100))


def test_without_tasks_there_are_no_results() -> None:
    assert list(in_parallel((lines(2), []))) == []


def test_one_that_fails_cancels_the_others_and_is_raised() -> None:
    def fail(connection: Connection) -> str:
        raise ValueError("the first to fail")

    connections, further = lines(2), lines(1)
    with pytest.raises(ValueError, match="the first to fail"):
        list(in_parallel((connections, [fail, wait_for_cancel]), also=further))
    assert all(line.cancelled.is_set() for line in [*connections, *further])


def test_a_caller_that_stops_early_cancels_the_rest() -> None:
    connections = lines(2)
    with closing(in_parallel((connections, [lambda _: "done", wait_for_cancel]))) as results:
        assert next(results) == "done"
    assert all(line.cancelled.is_set() for line in connections)


def test_an_interrupt_between_results_cancels_the_rest() -> None:
    connections = lines(2)
    with (
        pytest.raises(KeyboardInterrupt),
        closing(in_parallel((connections, [lambda _: "", wait_for_cancel]))) as results,
    ):
        next(results)
        raise KeyboardInterrupt
    assert all(line.cancelled.is_set() for line in connections)
