"""How states, changes and commands look: lines with colours for a terminal, without for all else."""

import difflib
import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from init_slate_db.core.console import write_result
from versioning.snapshots.store import Change, Command

Line = tuple[str, str]
"""A colour, "" for none, and the text."""

_WORD_LINES = {"added": ("green", "+"), "removed": ("red", "-"), "changed": ("yellow", "~")}
_ACTION_COLOURS = {"drop": "red", "create": "green"}
_DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_CONTEXT = 3


def write_lines(lines: Iterable[Line]) -> None:
    """Writes the lines to standard output: exactly as they are, or coloured and made harmless for a terminal."""
    if not sys.stdout.isatty():
        write_result("\n".join(text for _, text in lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=io.StringIO(), force_terminal=True, highlight=False, soft_wrap=True)
    for colour, text in lines:
        console.print(Text(printable(text), style=colour))
    assert isinstance(console.file, io.StringIO)
    write_result(console.file.getvalue().removesuffix("\n"))


def printable(text: str) -> str:
    """The text without what a terminal would act on, line feeds and tabs apart."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else ascii(character)[1:-1] for character in text
    )


def one_line(text: str) -> str:
    """A name on one line, whatever it holds."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def command_lines(commands: Iterable[Command]) -> Iterator[Line]:
    """The commands as SQL that psql would run, each below a comment that says what it is for."""
    for number, one in enumerate(commands, 1):
        colour = _ACTION_COLOURS.get(one.action, "yellow")
        yield "cyan", f"-- {number}  {one_line(one.title)}"
        yield from ((colour, line) for line in _statement(one.command).split("\n"))


def command_objects(commands: Iterable[Command]) -> list[dict[str, str]]:
    """The commands for JSON."""
    return [
        {"action": one.action, "kind": one.kind, "identity": one.identity, "command": one.command} for one in commands
    ]


def change_lines(changes: Iterable[Change]) -> Iterator[Line]:
    """A line for each object, and below those that changed the lines that did."""
    for change in changes:
        colour, sign = _WORD_LINES[change.word]
        yield colour, f"{sign} {change.kind} {one_line(change.identity)}"
        if change.before and change.after:
            before, after = object_lines(change.before), object_lines(change.after)
            if before == after:
                # The text is the same, but names now lead to other objects.
                before, after = _depends(change.before), _depends(change.after)
            for line in list(difflib.unified_diff(before, after, n=_CONTEXT, lineterm=""))[2:]:
                yield _DIFF_COLOURS.get(line[:1], ""), f"    {line}"


def object_lines(content: dict[str, Any]) -> list[str]:
    """What makes an object what it is: its definition, owner, grants, comment and enabled state."""
    owner = [f"-- owner: {content['owner']}"] if content.get("owner") and content.get("owned", True) else []
    further = [f"{text};" for text in [*content.get("grants", []), *content.get("sets", [])]]
    return "\n".join([_statement(content["definition"]), *owner, *further]).split("\n")


def _statement(command: str) -> str:
    """The command with one semicolon at its end; PostgreSQL gives some of them one."""
    bare = command.rstrip().removesuffix(";")
    # Behind a comment it would be part of that.
    return f"{bare}\n;" if "--" in bare.rpartition("\n")[2] else f"{bare};"


def _depends(content: dict[str, Any]) -> list[str]:
    return [f"-- depends on {key}" for key in content.get("depends", [])]
