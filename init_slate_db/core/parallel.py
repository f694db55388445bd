"""Work on several connections at once, which ends together, and work beside other work."""

import os
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from psycopg import Error

from init_slate_db.core.connection import Connection

Result = TypeVar("Result")
Task = Callable[[Connection], Result]

# How long, in seconds, a server is given to hear that it is to cancel.
_CANCEL_TIMEOUT = 2


def in_parallel(
    *shares: tuple[Sequence[Connection], Sequence[Task[Result]]], also: Sequence[Connection] = ()
) -> Generator[Result, None, None]:
    """Yields the results of all tasks, as they come.

    :param shares: connections, each used by a thread of its own, and the tasks that they take in turns. Two servers
        are two shares, which are worked on at the same time.
    :param also: further connections that the tasks use.
    :raises BaseException: what the first task raised that failed, after all others were cancelled. An interrupt and
        a caller that closes the iterator early cancel as well; their connections are of no use afterwards.
    """
    results: queue.SimpleQueue[tuple[Result | None, BaseException | None]] = queue.SimpleQueue()
    stopping = threading.Event()
    count = sum(len(tasks) for _, tasks in shares)

    def work(connection: Connection, tasks: deque[Task[Result]]) -> None:
        while not stopping.is_set():
            try:
                task = tasks.popleft()
            except IndexError:
                return
            try:
                results.put((task(connection), None))
            except BaseException as error:
                results.put((None, error))
                return

    threads: list[threading.Thread] = []
    used: list[Connection] = [*also]
    for connections, tasks in shares:
        waiting = deque(tasks)
        for connection in connections[: len(tasks)]:
            used.append(connection)
            threads.append(threading.Thread(target=work, args=(connection, waiting), daemon=True))
    try:
        for thread in threads:
            thread.start()
        for _ in range(count):
            result, error = results.get()
            if error is not None:
                raise error
            yield result  # type: ignore[misc]
    except BaseException:
        stopping.set()
        _cancel(used)
        raise
    finally:
        for thread in threads:
            # Where an interrupt came while they were being started, some were not.
            if thread.ident:
                thread.join()


@contextmanager
def beside(work: Callable[[threading.Event], None], patience: float | None = None) -> Iterator[None]:
    """Has a thread work while the block runs.

    :param work: gets an event that is set when the block ends, and returns then.
    :param patience: how long, in seconds, it is waited for after that; None: as long as it takes.
    """
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(patience)


def _cancel(connections: Sequence[Connection]) -> None:
    """Ends what the connections are at: by asking the servers, then by closing the network connections."""
    # At the same time, since where the network hangs each of them waits.
    askers = [threading.Thread(target=_ask_to_cancel, args=(one,), daemon=True) for one in connections]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    for connection in connections:
        # Wakes the thread that waits there, whatever became of the network. The descriptor stays psycopg's.
        with suppress(Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as network:
            network.shutdown(socket.SHUT_RDWR)


def _ask_to_cancel(connection: Connection) -> None:
    with suppress(Error):
        connection.cancel_safe(timeout=_CANCEL_TIMEOUT)
