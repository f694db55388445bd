"""Our commands and others' programs, run as a user's shell runs them, with what they take."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.process import watching_memory
from benchmarks.servers import Servers
from benchmarks.usage import MEGABYTE, Meter, Usage, added, peak_memory_of_all
from tests.servers import Server

CREATE = (sys.executable, "-m", "init_slate_db", "--quiet")
RECOVER = (sys.executable, "-m", "recovery", "--quiet")
REPLICATE = (sys.executable, "-m", "replication", "--quiet")
VERIFY = (sys.executable, "-m", "replication", "verify", "--quiet")
DIFF = (sys.executable, "-m", "recovery.diff", "--quiet")
FOLLOW = (sys.executable, "-m", "replication", "follow", "--quiet")
MIGRATE = (sys.executable, "-m", "versioning", "migrate", "--quiet")
RELEASE = (sys.executable, "-m", "versioning", "release", "--quiet")
# Characters of a failed program's output that are shown.
LAST_WORDS = 2000

Command = Sequence[str | Path]


@dataclass(frozen=True)
class Run:
    """What a program took: seconds by the clock, and what else; output: what it said."""

    seconds: float
    usage: Usage
    output: str = ""

    @property
    def memory(self) -> float:
        """Megabytes (of a million bytes) of the program at most; 0 where that was not measured."""
        return self.usage.client_memory or 0.0


def time_command(servers: Servers | None, command: Command, environment: Mapping[str, str], status: int = 0) -> Run:
    """Runs a program to its end.

    :param servers: what works for it; None for a program that needs no server.
    :param status: the exit status that it must have.
    :raises subprocess.CalledProcessError: it has another one; a note has the end of what the program said.
    """
    with (
        Meter(*_both(servers)) as meter,
        subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
    ):
        assert process.stdout
        try:
            with watching_memory(process.pid, peak_memory_of_all) as peak:
                output = process.stdout.read().decode(errors="replace")
            processor = _reap(process)
        except BaseException:
            process.terminate()
            raise
    _check(process, status, output)
    return Run(meter.seconds, meter.usage(processor, peak.highest / MEGABYTE), output)


def time_dump_and_psql(servers: Servers, backup: str, target: str) -> Run:
    """Runs ``pg_dump | psql`` from the database of the backup's server into that of the source's.

    :raises subprocess.CalledProcessError: one of them failed.
    """
    dumping: Command = [servers.programs / "pg_dump", "-d", backup]
    loading: Command = [servers.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target]
    with (
        Meter(*_both(servers)) as meter,
        subprocess.Popen(dumping, env=servers.backup.environment(), stdout=subprocess.PIPE) as dump,
        subprocess.Popen(
            loading, env=servers.source.environment(), stdin=dump.stdout, stdout=subprocess.DEVNULL
        ) as load,
    ):
        assert dump.stdout
        try:
            # Else pg_dump would not notice that psql has ended.
            dump.stdout.close()
            with watching_memory(dump.pid, peak_memory_of_all) as first:
                with watching_memory(load.pid, peak_memory_of_all) as second:
                    processor = _reap(load)
                processor += _reap(dump)
        except BaseException:
            dump.terminate()
            load.terminate()
            raise
    _check(dump, 0)
    _check(load, 0)
    return Run(meter.seconds, meter.usage(processor, (first.highest + second.highest) / MEGABYTE))


def one_after_the_other(first: Run, second: Run) -> Run:
    """What two programs took of which the second began where the first ended."""
    return Run(first.seconds + second.seconds, added(first.usage, second.usage))


def _reap(process: "subprocess.Popen[bytes]") -> float:
    """Waits for a program's end, and returns the seconds that it and those that it waited for were on processors."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def _check(process: "subprocess.Popen[bytes]", status: int, output: str = "") -> None:
    if process.returncode != status:
        error = subprocess.CalledProcessError(process.returncode, process.args, output)
        error.add_note(output[-LAST_WORDS:])
        raise error


def _both(servers: Servers | None) -> list[Server]:
    return [servers.source, servers.backup] if servers else []


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
