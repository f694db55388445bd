"""Runs of slate-schema migrate that are killed, or whose servers are, at moments that a seed chooses."""

import contextlib
import random
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence

import psycopg

from tests.servers import Server

Start = Callable[[], "subprocess.Popen[str]"]


def kill_at_a_moment(
    chance: random.Random, start: Start, victims: Sequence[Server], seconds: float, revive: Callable[[Server], None]
) -> None:
    """Starts a run once or twice, and kills the command or a server at some moment of it.

    :param victims: the servers of the nodes; the command is one more victim.
    :param seconds: how long a run takes that nothing disturbs.
    :param revive: brings a killed server back.
    """
    for _ in range(chance.choice((1, 1, 2))):
        with start() as run:
            victim = chance.choice((None, *victims))
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(chance.uniform(0, seconds))
            if victim is None:
                run.kill()
            else:
                victim.kill()
                run.communicate()
                revive(victim)


@contextlib.contextmanager
def writing(server: Server, database: str, command: str) -> Iterator[None]:
    """A client that runs the command over and over while the block runs, whatever becomes of the server."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            with contextlib.suppress(psycopg.Error), server.connect(database) as connection:
                while not done.wait(0.01):
                    connection.execute(command.encode())
            done.wait(0.05)

    client = threading.Thread(target=work)
    client.start()
    try:
        yield
    finally:
        done.set()
        client.join()
