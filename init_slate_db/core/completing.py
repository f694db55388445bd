"""Answers a shell that completes a line: which databases there are, which snapshots.

Nothing is said when something stands against it, since the user is typing: no answer is an answer. Nothing is asked
for, nothing is written, and the process ends soon, come what may.
"""

import argparse
import faulthandler
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from init_slate_db.core.completion import ASKED, Values, offered

if TYPE_CHECKING:
    from init_slate_db.core.addresses import Address
    from init_slate_db.core.connection import Connection
    from init_slate_db.core.options import ConnectionOptions, OptionParser

Offer = tuple[str, str]
"""A value, and its description or ""."""

# In milliseconds, from the start of the program. People wait no longer for TAB, unless they say so.
_TIMEOUT = 1300
_TIMEOUT_VARIABLE = "SLATE_COMPLETION_TIMEOUT"
# In milliseconds: it leaves time for the answer.
_CONNECT_TIMEOUT = 1000
_LONGEST_DESCRIPTION = 60
_MAINTENANCE = "postgres"
_SEPARATORS = re.compile(r"[;&|()]+")
_ASSIGNMENT = re.compile(r"(PG[A-Z]+)=(.*)", re.DOTALL)
_DATABASES = r"""
SELECT datname::text, '' FROM pg_database
WHERE datallowconn AND NOT datistemplate AND datname !~ '^slate_unfinished_' AND has_database_privilege(oid, 'CONNECT')
ORDER BY datname
"""


@dataclass(frozen=True)
class _Question:
    """What a shell asks. values: by their name. word: the beginning of one. in_quotes: a quote stands before it."""

    shell: str
    values: str
    word: str
    in_quotes: bool


def begin(asked: str) -> list[str]:
    """The arguments of a command line that a shell completes, up to the word in question; this is in the first one.

    From here on the process is silent, and ends soon. The line comes from standard input, where no other user sees it.

    :param asked: the hidden argument: ``--complete=SHELL,NAME``.
    """
    # It has a thread of its own: neither a name server nor libpq can keep it from ending the process.
    seconds = int(os.environ.get(_TIMEOUT_VARIABLE) or _TIMEOUT) / 1000
    faulthandler.dump_traceback_later(seconds, exit=True, file=Path(os.devnull).open("w"))  # noqa: SIM115
    sys.stderr = sys.stdout = io.StringIO()
    shell, _, values = asked.removeprefix(ASKED).partition(",")
    words, in_quotes = _split(sys.stdin.read())
    question = _Question(shell, values, words.pop(), in_quotes)
    return [ASKED + json.dumps(list(vars(question).values())), *words]


def answer(parser: "OptionParser", arguments: Sequence[str]) -> NoReturn:
    """Writes the values that a shell asks for, as this one takes them, and ends the process.

    :param parser: the one of the verb.
    :param arguments: as begin made them.
    """
    with suppress(Exception):
        question = _Question(*json.loads(arguments[0].removeprefix(ASKED)))
        lines = list(_answer(parser, question, arguments[1:]))
        assert sys.__stdout__
        sys.__stdout__.write("".join(f"{line}\n" for line in lines))
        sys.__stdout__.flush()
    raise SystemExit(0)


def _split(line: str) -> tuple[list[str], bool]:
    """The words of the last command of a line behind its name, the last one perhaps empty; whether that is in quotes.

    Variables of libpq that the line sets before the command are set.
    """
    for end in ("", "'", '"'):
        with suppress(ValueError):
            # What stands at the cursor shows where the line ends, since it cannot be typed.
            lexer = shlex.shlex(f"{line}\0{end}", posix=True, punctuation_chars=";&|()")
            lexer.whitespace_split, lexer.commenters = True, ""
            words = list(lexer)
            break
    else:
        raise SystemExit(0)
    begin = max((place for place, word in enumerate(words, 1) if _SEPARATORS.fullmatch(word)), default=0)
    words = words[begin:]
    while match := _ASSIGNMENT.fullmatch(words[0]):
        os.environ[match[1]] = match[2]
        words.pop(0)
    words[-1] = words[-1].removesuffix("\0")
    return words[1:] or [""], bool(end)


def _answer(parser: "OptionParser", question: _Question, arguments: Sequence[str]) -> Iterator[str]:
    from init_slate_db.core.options import Faults

    values, word = _find(parser, question)
    find: Callable[[argparse.Namespace], Iterable[Offer]] = getattr(import_module(values.module), values.name)
    for value, description in find(parser.parse(arguments, Faults())):
        # What cannot be typed cannot be completed either.
        if value.isprintable():
            line = _RENDERED[question.shell](value, _one_line(description), word, question.in_quotes)
            if line:
                yield line


def _find(parser: "OptionParser", question: _Question) -> tuple[Values, str]:
    """What is asked for, and the beginning of it. bash takes the value in ``--option=value`` for the next argument."""
    option, equals, word = question.word.partition("=")
    if equals and option.startswith("--"):
        found = offered(parser._option_string_actions.get(option))
    else:
        word = question.word
        found = next(
            values for action in parser._actions if (values := offered(action)) and values.name == question.values
        )
    assert found
    return found, word


def _one_line(description: str) -> str:
    text = "".join(one if one.isprintable() else " " for one in description)
    return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[:_LONGEST_DESCRIPTION]}…"


def _for_bash(value: str, description: str, word: str, in_quotes: bool) -> str:
    """bash shows no descriptions, and neither chooses among the values nor quotes them."""
    if not value.startswith(word):
        return ""
    if in_quotes:
        return value if not set(value) & set("'\"\\$`!") else ""
    # Words end at these, too.
    return f"'{value}'" if set(value) & set(":=") and shlex.quote(value) == value else shlex.quote(value)


def _for_zsh(value: str, description: str, word: str, in_quotes: bool) -> str:
    escaped = value.replace("\\", "\\\\").replace(":", "\\:")
    return f"{escaped}:{description}" if description else escaped


def _for_fish(value: str, description: str, word: str, in_quotes: bool) -> str:
    return f"{value}\t{description}" if description else value


_RENDERED = {"bash": _for_bash, "zsh": _for_zsh, "fish": _for_fish}


def typed_address(values: argparse.Namespace) -> "Address":
    """The database that the arguments lead to, the first of several; to it no question is asked, and the way is short.

    :raises SlateError: an option on the way is wrong.
    """
    from init_slate_db.core import options as shared
    from init_slate_db.core.addresses import address_of, read_address

    faults = shared.Faults()
    read = shared.read_connection_options if hasattr(values, "host") else shared.read_fallback_connection_options
    connection = without_questions(read(values, faults))
    # Not the option that is being completed.
    database = values.database if isinstance(getattr(values, "database", None), str) else None
    named = next((one for name in ("node", "source", "left") if (one := getattr(values, name, None))), None)
    if named:
        first = named[0] if isinstance(named, list) else named
        address = read_address(first, "", replace(connection, host=None, dsn=None), database, faults)
    else:
        address = address_of(connection, database)
    faults.raise_any("")
    return address


def without_questions(connection: "ConnectionOptions") -> "ConnectionOptions":
    """The same way, on which no question is asked, and nobody waits for long."""
    return replace(connection, interactive=False, connect_timeout=_CONNECT_TIMEOUT)


@contextmanager
def connected(address: "Address", database: str | None = None) -> Iterator["Connection"]:
    """A session that can only read, for as long as the block runs.

    :param database: another one on that server.
    :raises SlateError: one of the connection codes.
    """
    from init_slate_db.core.addresses import parameters_of
    from init_slate_db.core.connection import connect_now

    named = {"dbname": database} if database else {}
    with connect_now(parameters_of(address, "slate completion") | named, address.connection) as connection:
        connection.execute("SET default_transaction_read_only = on")
        connection.execute(f"SET statement_timeout = {_CONNECT_TIMEOUT}")
        yield connection


def databases(values: argparse.Namespace) -> Iterable[Offer]:
    """The databases of the server that the arguments lead to."""
    return databases_of(typed_address(values))


def databases_of(address: "Address") -> Iterable[Offer]:
    """The databases of a server that its role may connect to."""
    from init_slate_db.core.errors import SlateError

    try:
        with connected(address, _MAINTENANCE) as connection:
            return connection.execute(_DATABASES).fetchall()
    except SlateError:
        with connected(address) as connection:
            return connection.execute(_DATABASES).fetchall()
