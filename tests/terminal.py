"""Runs a command as a person at a terminal does."""

import os
import pty
import re
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from init_slate_db.core.errors import ExitStatus
from tests.commands import COMMAND
from tests.servers import wait_for

_ESCAPES = re.compile(rb"\x1b(\[[0-9;?]*[A-Za-z]|[=>])")


class Terminal:
    """A command on a terminal: both its input and its standard error. Standard output goes to a file."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], command: Sequence[str]) -> None:
        self._screen = b""
        self._end, command_end = pty.openpty()
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [*command, *arguments],
            env=environment | {"TERM": "dumb", "PROMPT_TOOLKIT_NO_CPR": "1"},
            stdin=command_end,
            stdout=self._output,
            stderr=command_end,
            start_new_session=True,
        )
        os.close(command_end)

    def screen(self) -> str:
        """All that the terminal has received so far, without the sequences that move the cursor."""
        while select.select([self._end], [], [], 0)[0]:
            try:
                self._screen += os.read(self._end, 65536)
            except OSError:
                # The command has ended, and nothing is left to read.
                break
        return _ESCAPES.sub(b"", self._screen).decode()

    def answer(self, prompt: str, keys: bytes) -> None:
        """Waits for the prompt, then types the keys."""
        wait_for(lambda: prompt in self.screen(), f"the prompt {prompt}, got {self.screen()!r}")
        os.write(self._end, keys)

    def end(self) -> ExitStatus:
        """Waits for the command's end."""
        wait_for(self._has_ended, "the command's end")
        return ExitStatus(self._process.returncode)

    def _has_ended(self) -> bool:
        # Someone has to read on, or a long message would hold the command up.
        self.screen()
        return self._process.poll() is not None

    def output(self) -> str:
        """The command's standard output."""
        self._output.seek(0)
        return self._output.read()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()
        os.close(self._end)


@contextmanager
def terminal(
    arguments: Sequence[str], environment: dict[str, str], command: Sequence[str] = COMMAND
) -> Iterator[Terminal]:
    """Runs init-slate-db, or another command, on a terminal; afterwards it is gone, come what may."""
    running = Terminal(arguments, environment, command)
    try:
        yield running
    finally:
        running.close()
