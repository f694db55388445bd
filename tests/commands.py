"""Runs the command as a user's shell does."""

import multiprocessing
import os
import pkgutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing.reduction import DupFd
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

COMMAND = (sys.executable, "-m", "init_slate_db")
SECONDS = 120

# Starting Python and importing would be most of what the tests take. So commands without a terminal are forks of a
# process that has imported everything and run nothing. start() and the tests of the wheel start Python itself.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["rich_argparse"]
    + [
        module.name
        for package in ("init_slate_db", "recovery", "replication", "versioning")
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
        if not module.name.endswith("__main__")
    ]
)


def run(
    arguments: Sequence[str], environment: Mapping[str, str], command: Sequence[str] = COMMAND
) -> "subprocess.CompletedProcess[str]":
    """Runs init-slate-db, or another command, without a terminal, for two minutes at most."""
    if tuple(command[:2]) == COMMAND[:2] and not _python_differs(environment):
        return _run_fork([*command[2:], *arguments], dict(environment))
    return subprocess.run(
        [*command, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _python_differs(environment: Mapping[str, str]) -> bool:
    """Whether Python itself would act otherwise in that environment than in this one."""
    names = [name for name in {*environment, *os.environ} if name.startswith(("PYTHON", "LC_", "LANG"))]
    return any(environment.get(name, "") != os.environ.get(name, "") for name in names if name in environment)


def _run_fork(words: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    with TemporaryFile() as output, TemporaryFile() as errors:
        streams = [DupFd(stream.fileno()) for stream in (output, errors)]
        process = _forks.Process(target=_act, args=(words, environment, streams))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, SECONDS, _read(output), _read(errors))
        return subprocess.CompletedProcess(words, process.exitcode, _read(output), _read(errors))


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


def _act(words: list[str], environment: dict[str, str], streams: list[Any]) -> None:
    """What the fork does: python -m with these words, in this environment."""
    with Path(os.devnull).open() as nothing:
        for number, stream in enumerate([nothing.fileno(), *(stream.detach() for stream in streams)]):
            os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", errors="backslashreplace")  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = [words[0], *words[1:]]
    main = import_module(f"{words[0]}.__main__")
    main.run()


def start(
    arguments: Sequence[str], environment: Mapping[str, str], command: Sequence[str] = COMMAND
) -> "subprocess.Popen[str]":
    """Starts init-slate-db, or another command, without a terminal, for a test that does something meanwhile."""
    return subprocess.Popen(
        [*command, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
