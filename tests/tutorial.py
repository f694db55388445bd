"""The commands of docs/tutorial.md, run for real in one shell, as a newcomer types them.

``python -m tests.tutorial`` runs them and writes their output into the document; a test makes sure that it is so.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from manual.pages import DOCS
from tests.documents import rewrite
from tests.servers import wait_for

DOCUMENT = DOCS / "tutorial.md"

_END = "the command has ended with"


class Shell:
    """A shell in an empty folder, with the commands of the environment that runs us and no PostgreSQL but its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        folders = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            env=bare | {"HOME": str(directory), "PATH": os.pathsep.join(folders), "COLUMNS": "120", "TZ": "UTC"},
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def close(self) -> None:
        """Ends the shell, what it left in the background, and the servers that were started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        for file in self._directory.glob("*/data/postmaster.pid"):
            _end_server(file)

    def set_scene(self, name: str) -> None:
        """As long as a newcomer takes to type the next command."""
        log = self._directory / "follow.log"
        scenes: dict[str, Callable[[], bool]] = {
            "the-backup-follows": lambda: log.exists() and " follows." in log.read_text(),
            "the-server-is-dead": lambda: not (self._directory / "store/data/postmaster.pid").exists(),
        }
        wait_for(scenes[name], name)

    def run(self, command: str) -> str:
        """What the command prints, and its exit status where that is not 0."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{{ {command}\n}} </dev/null\nstatus=$?; echo; echo {_END} $status\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if ended := re.fullmatch(rf"{_END} (\d+)\n", line):
                output = "".join(lines).removesuffix("\n").replace(str(self._directory), "/home/you")
                return output + ("" if ended[1] == "0" else f"(exit status {ended[1]})\n")
            lines.append(line)
        raise AssertionError(f"the shell ended at: {command}\n{''.join(lines)}")


def _end_server(file: Path) -> None:
    """Ends the server that wrote this postmaster.pid."""
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int(file.read_text().splitlines()[0]), signal.SIGQUIT)
    wait_for(lambda: not file.exists(), "the server's end")


@contextmanager
def shell() -> Iterator[Shell]:
    """The shell and its folder, gone after the block."""
    directory = Path(tempfile.mkdtemp(prefix="slate-tutorial-"))
    directory.chmod(0o755)
    running = Shell(directory)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    with shell() as running:
        rewrite(DOCUMENT, running)
