"""The code in the documents: its blocks, and the command lines among them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

COMMANDS = ("init-slate-db", "slate-diff", "slate-recover", "slate-replicate", "slate-schema")

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
# A fence hides what it holds from the other patterns.
_INDENTED = re.compile(r"(?:(?<=\n\n)|(?<=\n))(?:    .*\n(?:\n(?=    ))?)+")
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
# What a shell runs within a line: $(…).
_SUBSTITUTION = re.compile(r'"?\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)"?')
_SEPARATOR = re.compile(r"\s(?:&&|\|\||[;|])\s|\s&$")
_REDIRECTION = re.compile(r"\s\d?>+\s*\S+|\s<{1,3}\s*\S+")


@dataclass(frozen=True)
class Block:
    """A block of code. language: "" where it has none, as an indented one."""

    language: str
    text: str


def find_blocks(document: str) -> Iterator[Block]:
    """The blocks of a document: fenced ones, then indented ones."""
    for found in _FENCE.finditer(document):
        yield Block(found["language"], found["text"])
    for found in _INDENTED.finditer(_FENCE.sub("", document)):
        yield Block("", "".join(line.removeprefix("    ") for line in found[0].splitlines(keepends=True)))


def find_inline(document: str) -> Iterator[str]:
    """The code within sentences and tables, each on one line."""
    for found in _INLINE.finditer(_INDENTED.sub("", _FENCE.sub("", document))):
        yield " ".join(found[1].replace(r"\|", "|").split())


def find_command_lines(block: Block) -> Iterator[list[str]]:
    """The command lines of ours in a block, each as its words.

    Where lines begin with a prompt, the others are output.
    """
    lines = block.text.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    elif block.language not in ("", "sh"):
        return
    for line in lines:
        yield from _command_lines(line)


def _command_lines(line: str) -> Iterator[list[str]]:
    for inner in _SUBSTITUTION.finditer(line):
        yield from _command_lines(inner[1])
    for part in _SEPARATOR.split(_SUBSTITUTION.sub("VALUE", line)):
        if part.strip().startswith(COMMANDS):
            yield shlex.split(_REDIRECTION.sub("", part), comments=True)
