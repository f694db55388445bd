"""Our commands and others' programs, run as a user's shell runs them, with what they take."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.process import Stopwatch, peak_memory, watching_memory
from benchmarks.servers import Servers

RECOVER = (sys.executable, "-m", "recovery", "--quiet")
REPLICATE = (sys.executable, "-m", "replication", "--quiet")
DIFF = (sys.executable, "-m", "recovery.diff", "--quiet")
FOLLOW = (sys.executable, "-m", "replication", "follow", "--quiet")
MIGRATE = (sys.executable, "-m", "versioning", "migrate", "--quiet")
RELEASE = (sys.executable, "-m", "versioning", "release", "--quiet")
# Characters of a failed program's output that are shown.
LAST_WORDS = 2000


@dataclass(frozen=True)
class Run:
    """What a program took: seconds by the clock, and at most so many megabytes (of a million bytes) of memory.

    memory: of the process alone; ours start no others.
    """

    seconds: float
    memory: float
    output: str = ""


def time_command(command: Sequence[str | Path], environment: Mapping[str, str], status: int = 0) -> Run:
    """Runs a program to its end.

    :param status: the exit status that it must have.
    :raises subprocess.CalledProcessError: it has another one; a note has the end of what the program said.
    """
    stopwatch = Stopwatch()
    with subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        try:
            with watching_memory(process.pid, peak_memory) as peak:
                output = process.stdout.read().decode(errors="replace")
            process.wait()
        except BaseException:
            process.terminate()
            raise
    seconds = stopwatch.seconds
    if process.returncode != status:
        error = subprocess.CalledProcessError(process.returncode, command, output)
        error.add_note(output[-LAST_WORDS:])
        raise error
    return Run(seconds, peak.highest / 1e6, output)


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
