"""How help looks: text is wrapped to the terminal, and examples so that they can still be copied."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich_argparse import RichHelpFormatter

if TYPE_CHECKING:
    from rich.text import Text

_EXAMPLE = "  "
_CONTINUED = "      "
# As a shell parts them.
_WORDS = re.compile(r"(?:'[^']*'|\"[^\"]*\"|\S)+")


class HelpFormatter(RichHelpFormatter):
    """Wraps each line of a description or an epilog by itself. Lines that begin with spaces are examples."""

    group_name_formatter = str

    def _rich_fill_text(self, text: "Text", width: int, indent: "Text") -> "Text":
        from rich.text import Text

        lines: list[Text] = []
        for line in text.split():
            if len(line) <= width:
                lines.append(line)
            elif line.plain.startswith(_EXAMPLE):
                lines += [Text(part) for part in _fit(line.plain, width)]
            else:
                lines += line.wrap(self.console, width)
        for line in lines:
            line.rstrip()
        return Text("\n").join(indent + line for line in lines) + "\n\n"


def _fit(example: str, width: int) -> Iterator[str]:
    """A command on several lines that a shell takes for one, its comment before it."""
    command, mark, comment = example.rstrip().partition("  # ")
    if mark:
        yield f"{_EXAMPLE}# {comment}"
    line = _EXAMPLE
    for word in _WORDS.findall(command):
        # Two columns are for the sign that the line goes on.
        if line.strip() and len(line) + len(word) > width - 2:
            yield f"{line.rstrip()} \\"
            line = _CONTINUED
        line += f"{word} "
    yield line.rstrip()
