"""The page of all options, docs/options.md, as the parsers tell them."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain

from manual.commands import Command, OptionGroup
from manual.markdown import code, escape, table

_HEAD = """\
# Options

Every option of the five commands and their verbs, as `--help` has them. This page is made from the parsers by
`python -m manual`; what the commands do stands in the [reference](reference.md).

Options that several commands have are told first. An option in capitals takes a value: `--port NUMBER` or
`--port=NUMBER`.
"""


def make_options_page(commands: Iterable[Command]) -> str:
    """The page in Markdown."""
    found = tuple(chain.from_iterable(command.walk() for command in commands))
    shared = _find_shared(found)
    parts = [_HEAD, *(_tell_group(group, heading="## ") for group in shared)]
    parts += [_tell_command(one, shared) for one in found]
    return "\n".join(parts)


def _find_shared(commands: Sequence[Command]) -> list[OptionGroup]:
    """The groups that are the same in more than one of the five commands, in the order of their first appearance."""
    users: dict[OptionGroup, set[str]] = {}
    for one in commands:
        for group in one.groups:
            users.setdefault(group, set()).add(one.name.split()[0])
    return [group for group, names in users.items() if len(names) > 1]


def _tell_command(command: Command, shared: Sequence[OptionGroup]) -> str:
    parts = [
        f"{'#' * (len(command.name.split()) + 1)} {command.name}\n",
        f"```text\n{command.usage}\n```\n",
        f"{escape(command.description)}\n",
    ]
    if verbs := list(command.verbs):
        rows = [(f"[{code(one.name)}](#{one.name.replace(' ', '-')})", escape(one.summary)) for one in verbs]
        parts.append(table(("verb", "does"), rows))
    common = []
    for group in command.groups:
        whole = next((one for one in shared if group.is_part_of(one)), None)
        if whole:
            common.append(_refer(group, whole))
        else:
            parts.append(_tell_group(group))
    if common:
        parts.append(f"Also: {'; '.join(common)}.\n")
    if command.examples:
        lines = "\n".join(line.removeprefix("  ") for line in command.examples)
        parts.append(f"```sh\n{lines}\n```\n")
    return "\n".join(parts)


def _tell_group(group: OptionGroup, heading: str = "") -> str:
    """The table of a group. heading: the marks of a heading; with none, the title heads the table."""
    rows = [(code(one.spell()), escape(one.help)) for one in group.options]
    description = f"{escape(group.description)}\n" if group.description else ""
    if heading:
        return "\n".join(filter(None, (f"{heading}{group.title}\n", description, table(("option", ""), rows))))
    return "\n".join(filter(None, (description, table((escape(group.title), ""), rows))))


def _refer(group: OptionGroup, whole: OptionGroup) -> str:
    anchor = re.sub(r"[^\w -]", "", whole.title.lower()).replace(" ", "-")
    missing = [one.spell() for one in whole.options if one not in group.options]
    without = f" without {', '.join(map(code, missing))}" if missing else ""
    return f"[{group.title[0].lower()}{group.title[1:]}](#{anchor}){without}"
