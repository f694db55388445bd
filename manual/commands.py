"""The commands as their parsers tell them."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import init_slate_db.cli
import recovery.cli
import recovery.diff.cli
import replication.cli
import versioning.cli
from init_slate_db.core.options import OptionParser


@dataclass(frozen=True)
class Command:
    """A command, or a verb of one. name: as it is typed, "slate-schema archive push". summary: "" for a command."""

    name: str
    summary: str
    parser: OptionParser

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
    """The five commands."""
    parsers = (
        init_slate_db.cli.build_parser(),
        recovery.cli.build_parser(),
        recovery.diff.cli.build_parser(),
        replication.cli.build_program().build_parser(),
        versioning.cli.COMMAND.build_parser(),
    )
    return tuple(Command(parser.prog, "", parser) for parser in parsers)
