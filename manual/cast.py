"""The recorded demo: docs/demo.cast, an asciicast of what ``make demo`` prints, and docs/demo.svg, a picture of it.

``python -m manual.cast`` records both. https://docs.asciinema.org/manual/asciicast/v2/ tells the format.
"""

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from manual.pages import DOCS

CAST, PICTURE = DOCS / "demo.cast", DOCS / "demo.svg"
COMMAND = "make demo"
_WIDTH, _HEIGHT = 100, 32
# What differs from run to run, and from machine to machine.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "0000-00-00 00:00:00 UTC"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:00000"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "0" * 64),
    (re.compile(r"\b\d+(\.\d)? s\b"), "0 s"),
    # Columns are as wide as what differs in them.
    (re.compile(r" {2,}"), "  "),
)


@dataclass(frozen=True)
class Cast:
    """A recording. events: seconds since the start, and what was printed then."""

    width: int
    height: int
    events: tuple[tuple[float, str], ...]

    @property
    def text(self) -> str:
        """All that was printed, with plain line feeds."""
        return "".join(text for _, text in self.events).replace("\r\n", "\n")


def record(command: Sequence[str], shown: str) -> Cast:
    """Runs the command on a terminal, and records it behind a prompt at which its name is typed.

    :param shown: the command as a user types it.
    """
    screen, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", _HEIGHT, _WIDTH, 0, 0))
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=end, stderr=end)
    os.close(end)
    try:
        events = ((0.0, f"$ {shown}\r\n"), *_read(screen, start))
    finally:
        os.close(screen)
        if process.wait():
            raise SystemExit(f"{shown} has failed:\n" + "".join(text for _, text in events))
    return Cast(_WIDTH, _HEIGHT, events)


def _read(screen: int, start: float) -> Iterator[tuple[float, str]]:
    while True:
        try:
            data = os.read(screen, 65536)
        except OSError:
            # The command has ended.
            return
        if not data:
            return
        yield round(time.monotonic() - start, 3), data.decode()


def record_demo() -> Cast:
    """Records the demo of this tree."""
    return record([sys.executable, "-m", "demo"], COMMAND)


def read(path: Path) -> Cast:
    """The recording in a file."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    facts = json.loads(header)
    events = tuple((float(seconds), str(text)) for seconds, kind, text in map(json.loads, lines) if kind == "o")
    return Cast(facts["width"], facts["height"], events)


def as_asciicast(cast: Cast) -> str:
    """The recording in version 2 of asciinema's format."""
    header = {"version": 2, "width": cast.width, "height": cast.height, "title": COMMAND}
    lines = [json.dumps(header), *(json.dumps([at, "o", text], ensure_ascii=False) for at, text in cast.events)]
    return "\n".join(lines) + "\n"


def as_picture(cast: Cast) -> str:
    """All that was printed, as SVG."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=cast.width, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(cast.text.rstrip("\n")), soft_wrap=True)
    # Without the fonts that a reader's browser would fetch from elsewhere.
    return re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title=COMMAND, unique_id="demo"), flags=re.DOTALL)


def without_what_varies(text: str) -> str:
    """The text with times, ports, dates and digests that are the same in every run."""
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    return text


def main() -> None:
    cast = record_demo()
    CAST.write_text(as_asciicast(cast), encoding="utf-8")
    PICTURE.write_text(as_picture(cast), encoding="utf-8")


if __name__ == "__main__":
    main()
