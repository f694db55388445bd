"""The files of a release, as they lie in their folder."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from init_slate_db.core.errors import SlateError

_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Source:
    """One file. path: below its folder, for messages. text: without a byte order mark."""

    path: str
    text: str

    def line(self, number: int) -> str:
        """The text of a line, which counts from 1."""
        lines = self.text.split("\n")
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def read_sources(folder: Path) -> tuple[Source, ...]:
    """The files whose names end in .sql, in the order of their numbers, then of their names, at every level.

    What has no number comes last. What begins with a dot is left out.

    :raises SlateError: sources-refused: there is none, or one is no UTF-8.
    """
    if not folder.is_dir():
        raise SlateError("sources-refused", f"{folder} is no folder.", hint="Name the folder that holds the files.")
    sources = tuple(_read(path, folder) for path in _files(folder, ()))
    if not sources:
        raise SlateError(
            "sources-refused",
            f"{folder} holds no file of SQL.",
            hint="Files end in .sql; their numbers say their order: 20_get_object.sql.",
        )
    return sources


def digest(sources: tuple[Source, ...]) -> str:
    """SHA-256 over the paths and the texts, in hexadecimal."""
    parts = (f"{len(part.encode())}:{part}" for source in sources for part in (source.path, source.text))
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    real = folder.resolve()
    if real in above:
        # A link that leads back up.
        return
    for path in sorted(folder.iterdir(), key=_order):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path, (*above, real))
        elif path.suffix == ".sql":
            yield path


def _order(path: Path) -> tuple[bool, int, str]:
    match = _NUMBER.match(path.name)
    return match is None, int(match[0]) if match else 0, path.name


def _read(path: Path, folder: Path) -> Source:
    name = path.relative_to(folder).as_posix()
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SlateError(
            "sources-refused", f"{name}, line {line}: this is no UTF-8.", hint="Save the file as UTF-8."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SlateError(
            "sources-refused", f"{name}, line {line}: there is a NUL character.", hint="Is this file SQL at all?"
        )
    return Source(name, text)
