"""The page of all options, docs/options.md, as the parsers tell them."""

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from manual.commands import Command
from manual.markdown import code, escape, table

_HEAD = """\
# Options

Every option of the five commands and their verbs, as `--help` has them. This page is made from the parsers by
`python -m manual`; what the commands do stands in the [reference](reference.md).

Options that several commands have are told first. An option in capitals takes a value: `--port NUMBER` or
`--port=NUMBER`.
"""
_EXAMPLES = re.compile(r"Examples:\n(.*?)\n\n", re.DOTALL)


@dataclass(frozen=True)
class _Group:
    """Options that belong together. rows: each option as it is typed, and what it does."""

    title: str
    description: str
    rows: tuple[tuple[str, str], ...]

    def is_part_of(self, other: "_Group") -> bool:
        return self.title == other.title and set(self.rows) <= set(other.rows)


def make_options_page(commands: Iterable[Command]) -> str:
    """The page in Markdown."""
    found = tuple(chain.from_iterable(command.walk() for command in commands))
    for one in found:
        one.parser.insist_on_values()
    shared = _find_shared(found)
    parts = [_HEAD, *(_tell_group(group, heading="## ") for group in shared)]
    parts += [_tell_command(one, shared) for one in found]
    return "\n".join(parts)


def _find_shared(commands: Sequence[Command]) -> list[_Group]:
    """The groups that are the same in more than one of the five commands, in the order of their first appearance."""
    users: dict[_Group, set[str]] = {}
    for one in commands:
        for group in _groups(one.parser):
            users.setdefault(group, set()).add(one.name.split()[0])
    return [group for group, names in users.items() if len(names) > 1]


def _groups(parser: argparse.ArgumentParser) -> Iterator[_Group]:
    formatter = argparse.HelpFormatter(parser.prog)
    for group in parser._action_groups:
        actions = [one for one in group._group_actions if not isinstance(one, argparse._SubParsersAction)]
        rows = tuple((_spell(one), formatter._expand_help(one)) for one in actions)
        if rows:
            yield _Group(group.title or "", group.description or "", rows)


def _spell(action: argparse.Action) -> str:
    """An option as the user types it, with the name of its value."""
    value = str(action.metavar or "")
    if not action.option_strings:
        return value
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    return f"{names} [{value}]" if action.nargs == "?" else f"{names} {value}"


def _tell_command(command: Command, shared: Sequence[_Group]) -> str:
    words = command.name.split()
    parser = command.parser
    usage = (parser.usage or "") % {"prog": parser.prog}
    parts = [
        f"{'#' * (len(words) + 1)} {command.name}\n",
        f"```text\n{usage}\n```\n",
        f"{escape(parser.description or '')}\n",
    ]
    if verbs := list(command.verbs):
        rows = [(f"[{code(one.name)}](#{one.name.replace(' ', '-')})", escape(one.summary)) for one in verbs]
        parts.append(table(("verb", "does"), rows))
    common = []
    for group in _groups(parser):
        whole = next((one for one in shared if group.is_part_of(one)), None)
        if whole:
            common.append(_refer(group, whole))
        else:
            parts.append(_tell_group(group))
    if common:
        parts.append(f"Also: {'; '.join(common)}.\n")
    if examples := _EXAMPLES.match(parser.epilog or ""):
        lines = "\n".join(line.removeprefix("  ") for line in examples[1].splitlines())
        parts.append(f"```sh\n{lines}\n```\n")
    return "\n".join(parts)


def _tell_group(group: _Group, heading: str = "") -> str:
    """The table of a group. heading: the marks of a heading; with none, the title heads the table."""
    rows = [(code(option), escape(help)) for option, help in group.rows]
    description = f"{escape(group.description)}\n" if group.description else ""
    if heading:
        return "\n".join(filter(None, (f"{heading}{group.title}\n", description, table(("option", ""), rows))))
    return "\n".join(filter(None, (description, table((escape(group.title), ""), rows))))


def _refer(group: _Group, whole: _Group) -> str:
    anchor = re.sub(r"[^\w -]", "", whole.title.lower()).replace(" ", "-")
    missing = [option for option, _ in whole.rows if option not in dict(group.rows)]
    without = f" without {', '.join(map(code, missing))}" if missing else ""
    return f"[{group.title[0].lower()}{group.title[1:]}](#{anchor}){without}"
