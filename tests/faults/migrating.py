"""Runs of slate-schema migrate that are killed, or whose servers are, at moments that a seed chooses."""

import contextlib
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psycopg

from init_slate_db.core.errors import ExitStatus
from tests.servers import Server

Start = Callable[[], "subprocess.Popen[str]"]
ARGUMENTS = ("--all", "--yes", "--repair", "--connect-timeout", "2000")


class Field(Protocol):
    """Nodes and a folder of patches."""

    def start(self) -> "subprocess.Popen[str]":
        """Starts a run."""

    def clear(self) -> None:
        """Makes the nodes as if no patch had been applied."""


def write_patches(folder: Path, count: int, kinds: Sequence[str], texts: Mapping[str, str], added: int = 0) -> None:
    """Writes patches 1-0-1 to 1-0-count. What a patch is for is its type, or else it is of type std.

    :param kinds: what each patch is for, in turn.
    :param texts: the SQL of each kind, with {n} for its own number, {before} for the one before, {added} for an
        earlier one.
    :param added: how much earlier that is.
    """
    for n in range(1, count + 1):
        does = kinds[(n - 1) % len(kinds)]
        type_ = does if does in {"direct", "concurrent"} else "std"
        (folder / f"patch-1-0-{n}-{type_}.sql").write_text(texts[does].format(n=n, before=n - 1, added=n - added))


def write_passfile(path: Path, servers: Iterable[Server]) -> Path:
    """Writes the passwords of the servers' superusers into a file for PGPASSFILE; gives its path."""
    path.write_text("".join(f"*:{server.port}:*:*:{server.password}\n" for server in servers))
    path.chmod(0o600)
    return path


def complete(field: Field) -> None:
    """A run that nothing disturbs."""
    with field.start() as run:
        told, log = run.communicate()
    assert run.returncode == ExitStatus.DONE, told + log


def measure(field: Field) -> float:
    """How many seconds a run takes from the first patch to the last."""
    field.clear()
    begin = time.monotonic()
    complete(field)
    return time.monotonic() - begin


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
