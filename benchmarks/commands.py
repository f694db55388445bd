"""Our commands and others' programs, run as a user's shell runs them, with what they take."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.process import Stopwatch
from benchmarks.servers import Servers

RECOVER = (sys.executable, "-m", "recovery", "--quiet")
DIFF = (sys.executable, "-m", "recovery.diff", "--quiet")


@dataclass(frozen=True)
class Run:
    """What a program took: seconds by the clock, and at most so many megabytes (of a million bytes) of memory."""

    seconds: float
    memory: float


def time_command(command: Sequence[str | Path], environment: Mapping[str, str], status: int = 0) -> Run:
    """Runs a program to its end.

    :param status: the exit status that it must have.
    :raises subprocess.CalledProcessError: it has another one.
    """
    stopwatch = Stopwatch()
    with subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        output = process.stdout.read()
        _, waited, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(waited)
    if process.returncode != status:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Run(stopwatch.seconds, usage.ru_maxrss * 1024 / 1e6)


@contextmanager
def one_environment(servers: Servers, more: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """An environment in which a program reaches both servers: the source's by itself, the passwords in a file.

    :param more: passwords for further ports.
    """
    passwords = {str(one.port): one.password for one in (servers.source, servers.backup)} | dict(more or {})
    with TemporaryDirectory(prefix="slate-bench-") as folder:
        file = Path(folder) / "pgpass"
        file.write_text("".join(f"127.0.0.1:{port}:*:*:{password}\n" for port, password in passwords.items()))
        file.chmod(0o600)
        environment = servers.source.environment(PGPASSFILE=str(file))
        del environment["PGPASSWORD"]
        environment["PATH"] = f"{servers.programs}{os.pathsep}{environment['PATH']}"
        yield environment
