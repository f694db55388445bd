"""Commands of several verbs: each verb has options of its own, and the command an overview of them."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Self

from init_slate_db.core import options as shared
from init_slate_db.core.console import configure_logging
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import MISSING, Faults, LogOptions, OptionParser
from init_slate_db.core.program import main, run


def verb_parser(program: str, verb: str, usage: str, description: str, *examples: str) -> OptionParser:
    """A parser for the verb, without options so far.

    :param usage: the words behind the verb.
    :param examples: the same.
    """
    lines = "\n".join(f"  {program} {verb} {example}".rstrip() for example in examples)
    return OptionParser(f"{program} {verb}", usage, description, lines)


@dataclass(frozen=True)
class Verb:
    """One verb. summary: a line for the overview. command: gets the parsed values, and the faults found so far."""

    name: str
    summary: str
    build_parser: Callable[[], OptionParser]
    command: Callable[[argparse.Namespace, Faults, LogOptions], ExitStatus]

    @classmethod
    def of_module(
        cls, name: str, summary: str, module: str, build_parser: str = "build_parser", command: str = "command"
    ) -> Self:
        """A verb whose two functions, by their names, are in a module that is imported when one of them is called."""

        def imported(function: str) -> Callable[..., Any]:
            def call(*values: Any) -> Any:
                return getattr(import_module(module), function)(*values)

            return call

        return cls(name, summary, imported(build_parser), imported(command))

    def main(self, arguments: Sequence[str]) -> int:
        """Runs the verb with the other arguments and returns its exit status."""
        return main(self.build_parser, self.command, arguments)


@dataclass(frozen=True)
class Program:
    """A command of several verbs. examples: each on a line of its own, indented by two.

    It can be a verb of another one, whose name its own begins with. summary: a line for that one's overview.
    """

    full_name: str
    description: str
    examples: str
    verbs: tuple["Verb | Program", ...]
    summary: str = ""

    @property
    def name(self) -> str:
        """The last word of the full name."""
        return self.full_name.rpartition(" ")[2]

    def build_parser(self) -> OptionParser:
        """The parser of the command without a verb, in which all verbs have their options: for completion."""
        return self._build_parser({f"{self.full_name} {verb.name}": verb.build_parser for verb in self.verbs})

    def _build_parser(self, parsers: dict[str, Callable[[], OptionParser]]) -> OptionParser:
        """A parser whose verbs have those parsers, keyed by their full names, and else none with options."""
        parser = OptionParser(self.full_name, "VERB [options]", self.description, self.examples)

        def make(prog: str, **_: object) -> OptionParser:
            # From Python 3.14 on argparse adds options of its own to the name.
            return parsers[prog]() if prog in parsers else OptionParser(prog, "", "", "")

        made: Any = make
        group = parser.add_subparsers(title="Verbs", metavar="VERB", prog=self.full_name, parser_class=made)
        for verb in self.verbs:
            group.add_parser(verb.name, help=verb.summary)
        shared.add_common_options(parser)
        return parser

    def main(self, arguments: Sequence[str]) -> int:
        """Runs the verb among the arguments and returns its exit status. Shared options may stand before it."""
        position = self._find_verb(arguments)
        asked = [place for place, one in enumerate(arguments) if one.partition("=")[0] == "--print-completion"]
        if asked:
            # Behind a verb, too, it means the command: a shell knows completions of commands alone.
            return self._without_verb(arguments[asked[0] : asked[0] + 2])
        if position is None:
            return self._without_verb(arguments)
        verb = next(one for one in self.verbs if one.name == arguments[position])
        return verb.main([*arguments[:position], *arguments[position + 1 :]])

    def _find_verb(self, arguments: Sequence[str]) -> int | None:
        """Where the first argument stands that is neither an option nor an option's value, if that is a verb."""
        position = len(_leading_options(arguments))
        is_verb = position < len(arguments) and arguments[position] in [verb.name for verb in self.verbs]
        return position if is_verb else None

    def _without_verb(self, arguments: Sequence[str]) -> int:
        faults = Faults()
        leading = _leading_options(arguments)
        completes = any(argument.startswith("--print-completion") for argument in leading)
        # Help, version and completion end here. Help is quick, since it imports no verb.
        values = (self.build_parser() if completes else self._build_parser({})).parse(leading, faults)
        log_options = shared.read_log_options(values, faults)
        configure_logging(log_options)

        def refuse() -> ExitStatus:
            told = Faults()
            names = ", ".join(verb.name for verb in self.verbs)
            stray = "".join(arguments[len(leading) :][:1])
            # What stands there may be a connection string, or what a shell made of one.
            shown = f'"{stray}" is no verb' if stray.isalpha() else "a verb is needed"
            told.add("arguments", f"{shown}: one of {names}")
            told.raise_any(self.full_name)
            return ExitStatus.BAD_OPTIONS

        return run(refuse, log_options)


def _leading_options(arguments: Sequence[str]) -> list[str]:
    """The options, with their values, that stand before anything else."""
    known = _shared_options()
    leading: list[str] = []
    is_value = False
    for argument in arguments:
        if not is_value and not argument.startswith("-"):
            break
        is_value = not is_value and known.get(argument, False)
        leading.append(argument)
    return leading


def _shared_options() -> dict[str, bool]:
    """The options that may stand before the verb, and whether a value follows each."""
    parser = OptionParser("", "", "", "")
    shared.add_connection_options(parser)
    shared.add_common_options(parser)
    actions = parser._option_string_actions
    return {name: action.nargs is None or action.const is MISSING for name, action in actions.items()}
