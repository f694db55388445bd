"""Command lines: the options that every command shares, and a parser that tells all faults at once."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn, cast

from init_slate_db import __version__
from init_slate_db.core.completion import ASKED, SHELLS, Values, make_script, offer
from init_slate_db.core.errors import EXIT_STATUS_MEANINGS, SlateError
from init_slate_db.core.help_formatter import HelpFormatter

DEFAULT_CONNECT_TIMEOUT = 15000
Format = Literal["text", "json"]
FORMATS = ("text", "json")
_LARGEST_TIMEOUT = 2**31 - 1
DATABASES = Values("databases", "init_slate_db.core.completing")
# Options whose values show in no message.
_SECRETS = ("--password", "--from-password", "--replication-password")
_NOT_SHOWN = "not shown here: it may hold a password"


@dataclass(frozen=True)
class ConnectionOptions:
    """How to reach a server. What is None comes from libpq's own sources: PG* variables, service file, .pgpass.

    connect_timeout is in milliseconds and bounds all attempts together. Where interactive, what is missing is asked
    for. role: what the server is called in questions, where a command reaches several.
    """

    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    dsn: str | None = field(default=None, repr=False)
    passfile: str | None = None
    connect_timeout: int = DEFAULT_CONNECT_TIMEOUT
    interactive: bool = False
    role: str = ""


@dataclass(frozen=True)
class LogOptions:
    """What goes to standard error. verbosity: -1 quiet, 0 normal, 1 every step, 2 with tracebacks."""

    verbosity: int = 0
    format: str = "text"


class Faults:
    """Collects what is wrong with the options, so that the user sees all of it at once."""

    def __init__(self) -> None:
        self._faults: list[str] = []
        self._closed = False

    def add(self, option: str, fault: str) -> None:
        if not self._closed:
            self._faults.append(f"{option}: {fault}")

    def close(self) -> None:
        """Takes no more: of arguments that could not be parsed, nothing can be said to be missing."""
        self._closed = True

    def raise_any(self, program: str) -> None:
        """:raises SlateError: bad-options, where there is a fault."""
        if self._faults:
            raise SlateError(
                "bad-options", "The options are wrong:\n  " + "\n  ".join(self._faults), hint=f"See {program} --help."
            )


class _Missing:
    """Stands for the value of an option that was given none."""

    def __repr__(self) -> str:
        return "no value"


MISSING: Any = _Missing()


class _UsageError(Exception):
    pass


class OptionParser(argparse.ArgumentParser):
    """A parser that leaves every judgement on values to the command, which collects the faults."""

    def __init__(self, program: str, usage: str, description: str, examples: str) -> None:
        statuses = "\n".join(f"  {status:>3}  {meaning}" for status, meaning in EXIT_STATUS_MEANINGS.items())
        super().__init__(
            prog=program,
            usage=f"%(prog)s {usage}",
            description=description,
            epilog=f"Examples:\n{examples}\n\nExit statuses:\n{statuses}",
            formatter_class=HelpFormatter,
            allow_abbrev=False,
            add_help=False,
        )

    def error(self, message: str) -> NoReturn:
        raise _UsageError(message)

    def format_help(self) -> str:
        self.insist_on_values()
        return super().format_help()

    def insist_on_values(self) -> None:
        """Makes the parser one that says what is needed, for help and completion, no longer one that parses."""
        for action in self._actions:
            if action.const is MISSING:
                action.nargs = None
            action.choices = getattr(action, "completions", action.choices)
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    parser.insist_on_values()

    def parse(self, arguments: Sequence[str], faults: Faults) -> argparse.Namespace:
        """Parses the arguments; what cannot be parsed becomes a fault. Where a shell asks for values, that is all."""
        if arguments and arguments[0].startswith(ASKED):
            from init_slate_db.core.completing import answer

            answer(self, arguments)
        try:
            # Intermixed: options may stand between the arguments that are none. Verbs are not to be mixed so; and it
            # changes the parser meanwhile, which the script for a shell is made from.
            prints = any(argument.startswith("--print-completion") for argument in arguments)
            parse = self.parse_known_args if self._subparsers or prints else self.parse_known_intermixed_args
            values, unknown = parse(self._join_secrets(arguments))
        except _UsageError as error:
            faults.add("arguments", str(error))
            faults.close()
            return self.parse_args([])
        for previous, argument in zip(["", *unknown], unknown, strict=False):
            if argument.startswith("-"):
                self._add_unknown_option(argument, values, faults)
            elif not previous.startswith("-") or "=" in previous:
                # Else it stands behind an unknown option, and is that one's value.
                self._add_stray(argument, values, faults)
        return values

    def _join_secrets(self, arguments: Sequence[str]) -> list[str]:
        """The arguments, each password joined to its option: argparse takes one that begins with - for none."""
        joined: list[str] = []
        rest = list(arguments)
        while rest:
            argument = rest.pop(0)
            if argument in _SECRETS and rest and rest[0].partition("=")[0] not in self._option_string_actions:
                argument += f"={rest.pop(0)}"
            joined.append(argument)
        return joined

    def _add_unknown_option(self, argument: str, values: argparse.Namespace, faults: Faults) -> None:
        if MISSING in _secrets(values):
            faults.add("arguments", f"there is no such option ({_NOT_SHOWN})")
        else:
            faults.add(argument.partition("=")[0], f"there is no such option{self._suggestion(argument)}")

    def _add_stray(self, argument: str, values: argparse.Namespace, faults: Faults) -> None:
        secret = any(one is not None for one in _secrets(values)) or any(sign in argument for sign in "=@:")
        faults.add("arguments", f"one is too many ({_NOT_SHOWN})" if secret else f'"{argument}" is one too many')

    def _suggestion(self, argument: str) -> str:
        from difflib import get_close_matches

        known = [option for option in self._option_string_actions if option.startswith("--")]
        close = get_close_matches(argument.partition("=")[0], known, n=1)
        return f"; did you mean {close[0]}?" if close else ""


def _secrets(values: argparse.Namespace) -> list[Any]:
    """What was given for the options whose values show in no message."""
    return [getattr(values, option.strip("-").replace("-", "_"), None) for option in _SECRETS]


class _PrintCompletion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: Any = None) -> None:
        if values not in SHELLS:
            parser.error(f"argument --print-completion: one of {', '.join(SHELLS)} is needed")
        if isinstance(parser, OptionParser):
            parser.insist_on_values()
        sys.stdout.write(make_script(parser, values) + "\n")
        parser.exit()


def value_option(
    group: argparse._ArgumentGroup,
    *names: str,
    metavar: str,
    help: str,
    completions: Sequence[str] | Values | None = None,
    repeatable: bool = False,
) -> None:
    """Adds an option with a value, which is MISSING where the user gave none.

    :param completions: what a shell offers; metavars such as FILE and FOLDER have it offer files and folders.
    :param repeatable: every value is kept, in a list.
    """
    action = "append" if repeatable else "store"
    option = group.add_argument(*names, metavar=metavar, help=help, nargs="?", const=MISSING, action=action)
    if isinstance(completions, Values):
        offer(option, completions)
    else:
        option.completions = completions  # type: ignore[attr-defined]


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that lead to one server."""
    group = _connection_group(parser, "Connection")
    value_option(group, "--host", metavar="NAME", help="database server name or socket folder [PGHOST]")
    value_option(
        group, "--dsn", metavar="DSN", help="all of it as a URI or key=value string; single options override it"
    )
    _add_shared_connection_options(group)


def add_fallback_connection_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that fill in what the addresses of several servers leave out."""
    _add_shared_connection_options(_connection_group(parser, "Connection, where the addresses leave it out"))


def _connection_group(parser: argparse.ArgumentParser, title: str) -> argparse._ArgumentGroup:
    return parser.add_argument_group(title, "What is not given comes from PG* variables, service file, .pgpass.")


def _add_shared_connection_options(group: argparse._ArgumentGroup) -> None:
    value_option(group, "--port", metavar="NUMBER", help="its port [PGPORT]")
    value_option(group, "--user", metavar="NAME", help="database user; on a terminal, asked for when missing [PGUSER]")
    value_option(
        group,
        "--password",
        metavar="PASSWORD",
        help="its password; better: .pgpass, PGPASSWORD, or the prompt, since other users can see command lines",
    )
    value_option(
        group,
        "--connect-timeout",
        metavar="MILLISECS",
        help=f"bound on connecting, all attempts together, in milliseconds (default {DEFAULT_CONNECT_TIMEOUT})",
    )
    group.add_argument("--no-input", action="store_true", help="never ask for anything")


def add_common_options(parser: argparse.ArgumentParser, *, version: bool = True) -> None:
    """Adds what every command has.

    :param version: whether --version shows the program's; not where a verb means another version.
    """
    group = parser.add_argument_group("Output and help")
    value_option(group, "--log-format", metavar="FORMAT", help="text or json, on standard error (default text)")
    group.add_argument("-v", "--verbose", action="count", default=0, help="tell every step; -vv: with tracebacks")
    group.add_argument("-q", "--quiet", action="store_true", help="tell warnings and errors alone")
    completion = group.add_argument(
        "--print-completion", metavar="SHELL", action=_PrintCompletion, help=f"print completion: {', '.join(SHELLS)}"
    )
    completion.completions = SHELLS  # type: ignore[attr-defined]
    if version:
        group.add_argument("--version", action="version", version=f"%(prog)s {__version__}", help="show the version")
    group.add_argument("-h", "--help", action="help", help="show this help")


def add_consent_options(
    parser: OptionParser, dry_run: str = "survey and plan alone; write nothing anywhere"
) -> argparse._ArgumentGroup:
    """Adds how the user agrees to a change.

    :param dry_run: the help for --dry-run.
    """
    group = parser.add_argument_group("Consent")
    group.add_argument("--dry-run", action="store_true", help=dry_run)
    group.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    return group


def add_format_option(group: argparse._ArgumentGroup, help: str = "of the result: text or json (default text)") -> None:
    value_option(group, "--format", metavar="FORMAT", help=help, completions=FORMATS)


def read_connection_options(values: argparse.Namespace, faults: Faults) -> ConnectionOptions:
    """The connection options among the parsed values; each fault of theirs goes to faults."""
    return replace(
        read_fallback_connection_options(values, faults),
        host=read_text(values.host, "--host", faults),
        dsn=_read_dsn(values.dsn, faults),
    )


def read_fallback_connection_options(values: argparse.Namespace, faults: Faults) -> ConnectionOptions:
    """The options of add_fallback_connection_options among the parsed values; each fault of theirs goes to faults."""
    return ConnectionOptions(
        port=read_whole_number(values.port, "--port", faults, largest=65535),
        user=read_text(values.user, "--user", faults),
        password=read_text(values.password, "--password", faults),
        connect_timeout=read_milliseconds(values.connect_timeout, "--connect-timeout", faults)
        or DEFAULT_CONNECT_TIMEOUT,
        interactive=not values.no_input and sys.stdin.isatty() and sys.stderr.isatty(),
    )


def read_log_options(values: argparse.Namespace, faults: Faults) -> LogOptions:
    """The options for standard error among the parsed values."""
    chosen = read_choice(values.log_format, "--log-format", FORMATS, faults)
    if values.quiet and values.verbose:
        faults.add("--quiet", "goes not with --verbose")
    return LogOptions(verbosity=-1 if values.quiet else min(values.verbose, 2), format=chosen or "text")


def read_text(value: Any, option: str, faults: Faults) -> str | None:
    """The value of an option that takes any text but an empty one."""
    if value is MISSING or value == "":
        faults.add(option, "needs a value")
        return None
    return value  # type: ignore[no-any-return]


def read_choice(value: Any, option: str, choices: Iterable[str], faults: Faults) -> str | None:
    text = read_text(value, option, faults)
    if text is not None and text not in choices:
        faults.add(option, f'"{text}" is not one of {", ".join(choices)}')
        return None
    return text


def read_format(values: argparse.Namespace, faults: Faults) -> Format:
    """The value of add_format_option's option."""
    return cast(Format, read_choice(values.format, "--format", FORMATS, faults) or "text")


def read_milliseconds(value: Any, option: str, faults: Faults) -> int | None:
    """The value of an option that takes a time for PostgreSQL to wait."""
    return read_whole_number(value, option, faults, largest=_LARGEST_TIMEOUT, unit="milliseconds")


def read_whole_number(value: Any, option: str, faults: Faults, *, largest: int, unit: str = "") -> int | None:
    """The value of an option that takes a whole number from 1 to largest."""
    text = read_text(value, option, faults)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:20]) <= largest:
        faults.add(option, f'"{text}" is not a whole number from 1 to {largest}{" of " + unit if unit else ""}')
        return None
    return int(text)


def _read_dsn(value: Any, faults: Faults) -> str | None:
    text = read_text(value, "--dsn", faults)
    if text is None:
        return None
    from init_slate_db.core.conninfo import is_valid_dsn

    if not is_valid_dsn(text):
        faults.add("--dsn", f"is neither a postgresql:// URI nor a key=value string ({_NOT_SHOWN})")
        return None
    return text
