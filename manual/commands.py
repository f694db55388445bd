"""The commands as their parsers tell them."""

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import init_slate_db.cli
import recovery.cli
import recovery.diff.cli
import replication.cli
import versioning.cli
from init_slate_db.core.options import OptionParser

_EXAMPLES = re.compile(r"Examples:\n(.*?)\n\n", re.DOTALL)


@dataclass(frozen=True)
class Option:
    """An option, or an argument without names.

    names: "-d", "--database"; none for an argument. value: what stands for it in the help, "" where it takes none.
    """

    names: tuple[str, ...]
    value: str
    value_is_optional: bool
    help: str

    def spell(self, mark_name: Callable[[str], str] = str, mark_value: Callable[[str], str] = str) -> str:
        """It as the user types it, with the name of its value."""
        value = mark_value(self.value) if self.value else ""
        value = f"[{value}]" if self.names and self.value_is_optional else value
        return " ".join(filter(None, (", ".join(map(mark_name, self.names)), value)))


@dataclass(frozen=True)
class OptionGroup:
    """Options that belong together."""

    title: str
    description: str
    options: tuple[Option, ...]

    def is_part_of(self, other: "OptionGroup") -> bool:
        """Whether the other one has the same title, and all of these options."""
        return self.title == other.title and set(self.options) <= set(other.options)


@dataclass(frozen=True)
class Command:
    """A command, or a verb of one. name: as it is typed, "slate-schema archive push". summary: "" for a command."""

    name: str
    summary: str
    parser: OptionParser

    @property
    def usage(self) -> str:
        """The command line, on as many lines as it takes."""
        return (self.parser.usage or "") % {"prog": self.parser.prog}

    @property
    def description(self) -> str:
        """What it does."""
        return self.parser.description or ""

    @property
    def examples(self) -> list[str]:
        """Command lines, and what is said about them."""
        found = _EXAMPLES.match(self.parser.epilog or "")
        return found[1].splitlines() if found else []

    @property
    def groups(self) -> Iterator[OptionGroup]:
        """Its options, as the help has them."""
        formatter = argparse.HelpFormatter(self.parser.prog)
        for group in self.parser._action_groups:
            actions = [one for one in group._group_actions if not isinstance(one, argparse._SubParsersAction)]
            if actions:
                options = tuple(_read_option(one, formatter) for one in actions)
                yield OptionGroup(group.title or "", group.description or "", options)

    @property
    def verbs(self) -> Iterator["Command"]:
        """The verbs right below it."""
        for group in self.parser._actions:
            if isinstance(group, argparse._SubParsersAction):
                for choice in group._choices_actions:
                    parser = group.choices[choice.dest]
                    yield Command(f"{self.name} {choice.dest}", choice.help or "", parser)

    def walk(self) -> Iterator["Command"]:
        """Itself, and all verbs below it, each before its own."""
        yield self
        for verb in self.verbs:
            yield from verb.walk()


def read_commands() -> tuple[Command, ...]:
    """The five commands, their options as a user types them."""
    parsers = (
        init_slate_db.cli.build_parser(),
        recovery.cli.build_parser(),
        recovery.diff.cli.build_parser(),
        replication.cli.build_program().build_parser(),
        versioning.cli.COMMAND.build_parser(),
    )
    commands = tuple(Command(parser.prog, "", parser) for parser in parsers)
    for command in commands:
        command.parser.insist_on_values()
    return commands


def _read_option(action: argparse.Action, formatter: argparse.HelpFormatter) -> Option:
    value = "" if action.option_strings and action.nargs == 0 else str(action.metavar or "")
    return Option(tuple(action.option_strings), value, action.nargs == "?", formatter._expand_help(action))
