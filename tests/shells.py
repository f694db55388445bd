"""What shells offer when a user presses TAB."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.servers import wait_for

SHELLS = ("bash", "fish", "zsh")
# Where the commands are installed, and the shells.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
# For machines that do much else meanwhile; in milliseconds.
PATIENT = {"SLATE_COMPLETION_TIMEOUT": "30000"}
_TERMINAL = {"TERM": "dumb", "COLUMNS": "120", "LINES": "100"}
# As COMP_WORDBREAKS has them.
_BREAKS = re.compile(r"([:=])|\s+")
_BASH = """
source {script}
COMP_LINE={line} COMP_POINT={point} COMP_WORDS=({words}) COMP_CWORD={number}
$(complete -p {program} | sed 's/.*-F \\([^ ]*\\).*/\\1/') {program}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
_ZSH = """
PS1='READY '; unsetopt prompt_sp; unset zle_bracketed_paste; LISTMAX=1000
fpath=({folder}/functions $fpath); autoload -Uz compinit; compinit -u -d {folder}/dump
"""


def need(shell: str) -> None:
    """Skips the test where there is no such shell. In continuous integration it must be there."""
    if not shutil.which(shell) and os.environ.get("CI") != "true":
        pytest.skip(f"{shell} is not installed")


def script(program: str, shell: str, folder: Path) -> Path:
    """The file with the completion script that the command prints for the shell."""
    path = folder / "functions" / (f"_{program}" if shell == "zsh" else f"{program}.{shell}")
    path.parent.mkdir(exist_ok=True)
    path.write_text(_print(program, shell), encoding="utf-8")
    return path


@cache
def _print(program: str, shell: str) -> str:
    command = [program, "--print-completion", shell]
    return subprocess.run(command, env={"PATH": PATH}, capture_output=True, text=True, check=True).stdout


def offers(shell: str, line: str, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """What bash or fish offers at the end of the line, in its order; fish with descriptions behind a tab.

    Nothing may be said on standard error.
    """
    need(shell)
    program = line.split(maxsplit=1)[0]
    file = script(program, shell, folder)
    command = ["fish", "--no-config", "-c", f"source {file}; complete -C {_quote(line)}"]
    if shell == "bash":
        command = ["bash", "-c", _bash(program, line, file)]
    ended = subprocess.run(
        command,
        env={"PATH": PATH, **PATIENT, **environment, "HOME": str(folder)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == "", ended.stderr
    return [one for one in ended.stdout.splitlines() if one]


def _bash(program: str, line: str, file: Path) -> str:
    words = [word for word in _BREAKS.split(line) if word]
    if line.endswith(" "):
        words.append("")
    return _BASH.format(
        script=file,
        line=_quote(line),
        point=len(line),
        words=" ".join(map(_quote, words)),
        number=len(words) - 1,
        program=program,
    )


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


class Zsh:
    """An interactive zsh on a terminal."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._screen = ""
        self._end, shells_end = pty.openpty()
        self._process = subprocess.Popen(
            ["zsh", "-f", "-i"],
            env={"PATH": PATH, **PATIENT, **environment, **_TERMINAL, "HOME": str(folder)},
            cwd=folder,
            stdin=shells_end,
            stdout=shells_end,
            stderr=shells_end,
            start_new_session=True,
        )
        os.close(shells_end)
        settings = folder / "settings.zsh"
        settings.write_text(_ZSH.format(folder=folder), encoding="utf-8")
        self.type(f"source {settings}\n")
        self.wait_for("READY ")

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def wait_for(self, text: str) -> None:
        wait_for(lambda: text in self.screen(), f"{text} on the screen: {self._screen!r}")

    def screen(self) -> str:
        """All that the terminal has received so far."""
        while select.select([self._end], [], [], 0)[0]:
            try:
                self._screen += os.read(self._end, 65536).decode(errors="replace")
            except OSError:
                break
        return self._screen

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._end)


@contextmanager
def zsh(program: str, folder: Path, environment: Mapping[str, str]) -> Iterator[Zsh]:
    """A zsh that completes the program; afterwards it is gone."""
    need("zsh")
    script(program, "zsh", folder)
    running = Zsh(folder, environment)
    try:
        yield running
    finally:
        running.close()


def values(lines: Sequence[str]) -> list[str]:
    """What is offered, without descriptions."""
    return [line.partition("\t")[0] for line in lines]
