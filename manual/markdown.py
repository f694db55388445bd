"""Pieces of Markdown that say the same on the repository's pages and on the site's."""

import re
from collections.abc import Iterable, Sequence

# What Markdown would take for a mark of its own.
_MARKS = re.compile(r"([\\*_<|])")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*\b")


def code(text: str) -> str:
    """A text as code, which may stand in a table."""
    return "`" + text.replace("|", r"\|") + "`"


def escape(text: str) -> str:
    """Words as they are, the options among them as code."""
    parts = []
    end = 0
    for option in _OPTION.finditer(text):
        parts += [_MARKS.sub(r"\\\1", text[end : option.start()]), code(option[0])]
        end = option.end()
    return "".join(parts) + _MARKS.sub(r"\\\1", text[end:])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, ended by a line break."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
