"""The man pages, man/*.1, as the parsers tell them."""

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from init_slate_db import __version__
from init_slate_db.core.errors import EXIT_STATUS_MEANINGS
from manual.commands import Command, OptionGroup

FOLDER = Path(__file__).parents[1] / "man"
# What a user types as it is, and what stands for something else.
_TYPED = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_MEANT = re.compile(r"(?<![\w-])[A-Z][A-Z0-9.:_-]*(?:[.:][A-Z]+)*(?![\w-])")
_CONNECTION = (
    (("PGHOST", "PGPORT", "PGUSER"), "The server and the user, where no option tells them."),
    (("PGPASSWORD", "PGPASSFILE"), "The password, or the file with passwords instead of ~/.pgpass."),
    (("PGDATABASE",), "The database, where none is named."),
    (("PGSERVICE", "PGSERVICEFILE"), "A service of the service file, which tells all of it."),
    (("SLATE_SESSION_POOLER",), "Set to 1: a pooler on the way gives every client a session of its own."),
    (("PGSSLMODE", "PGOPTIONS"), "These, and all other variables of libpq, mean what they mean to psql(1)."),
)
_OUTPUT = (
    (("NO_COLOR",), "Set to anything: no colours on a terminal."),
    (("SLATE_COMPLETION_TIMEOUT",), "How long a shell waits for values to complete, in milliseconds (default 1300)."),
)
_FILES = (
    ("~/.pgpass", "Passwords. It is ignored where others can read it."),
    ("~/.pg_service.conf", "Services, each with what leads to a server."),
)


def make_pages(commands: Sequence[Command]) -> dict[str, str]:
    """A page for each command and each verb, keyed by the name of its file."""
    pages = {}
    for command in commands:
        for one in command.walk():
            related = _related(one, command, commands)
            pages[f"{_page(one.name)}.1"] = "\n".join(_lines(one, related)) + "\n"
    return pages


def _page(name: str) -> str:
    return name.replace(" ", "-")


def _related(one: Command, command: Command, commands: Iterable[Command]) -> list[str]:
    """The names of the pages to go on with: of a verb those beside and below it, of a command the others."""
    if one.name == command.name:
        found = [*one.verbs, *(other for other in commands if other.name != command.name)]
    else:
        parent = one.name.rpartition(" ")[0]
        beside = [other for other in command.walk() if other.name.rpartition(" ")[0] == parent]
        above = [other for other in command.walk() if other.name == parent]
        found = [*one.verbs, *above, *(other for other in beside if other.name != one.name)]
    return [_page(other.name) for other in found]


def _lines(one: Command, related: Sequence[str]) -> Iterator[str]:
    page = _page(one.name)
    yield ".\\\" Made by python -m manual from the command's own parser."
    yield f'.TH {_escape(page.upper())} 1 "" "init\\-slate\\-db {__version__}" "slate"'
    yield from (".SH NAME", f"{_escape(page)} \\- {_escape(one.summary or _summary(one.description))}")
    yield from (".SH SYNOPSIS", _marked(one.usage, one.name))
    yield from (".SH DESCRIPTION", _text(one.description))
    if verbs := list(one.verbs):
        yield ".SH VERBS"
        for verb in verbs:
            yield from _item(_bold(verb.name.rpartition(" ")[2]), f"{verb.summary}: {_page(verb.name)}(1)")
    yield ".SH OPTIONS"
    yield from chain.from_iterable(map(_group, one.groups))
    yield ".SH EXIT STATUS"
    for status, meaning in EXIT_STATUS_MEANINGS.items():
        yield from _item(f"\\fB{status:d}\\fR", meaning)
    yield from _surroundings(one.parser)
    if one.examples:
        yield from (".SH EXAMPLES", ".EX", *map(_line, one.examples), ".EE")
    yield ".SH SEE ALSO"
    yield from (
        f".BR {_escape(name)} (1){',' if place < len(related) else ''}" for place, name in enumerate(related, 1)
    )


def _summary(description: str) -> str:
    """The begin of a description as a phrase."""
    first = re.split(r"[.:](?:\s|$)", description)[0]
    return f"{first[0].lower()}{first[1:]}"


def _group(group: OptionGroup) -> Iterator[str]:
    yield f".SS {_escape(group.title)}"
    if group.description:
        yield _text(group.description)
    for one in group.options:
        yield from _item(one.spell(_bold, _italic), one.help)


def _bold(text: str) -> str:
    return f"\\fB{_escape(text)}\\fR"


def _italic(text: str) -> str:
    return f"\\fI{_escape(text)}\\fR"


def _surroundings(parser: argparse.ArgumentParser) -> Iterator[str]:
    reaches = "--port" in parser._option_string_actions
    yield ".SH ENVIRONMENT"
    for names, text in (*(_CONNECTION if reaches else ()), *_OUTPUT):
        yield from _item(", ".join(f"\\fB{name}\\fR" for name in names), text)
    if reaches:
        yield ".SH FILES"
        for name, text in _FILES:
            yield from _item(_italic(name), text)


def _item(term: str, text: str) -> Iterator[str]:
    yield from (".TP", term, _text(text))


def _marked(usage: str, name: str) -> str:
    """The usage with what is typed in bold, and what is meant in italics."""
    rest = _escape(usage.removeprefix(name), hyphens=False)
    rest = _MEANT.sub(lambda match: f"\\fI{match[0]}\\fR", rest)
    rest = _TYPED.sub(lambda match: f"\\fB{match[0]}\\fR", rest).replace("-", "\\-")
    return f"{_bold(name)}{rest}"


def _text(text: str) -> str:
    """A paragraph, a sentence a line as troff wants it."""
    return "\n".join(_line(one) for one in re.split(r"(?<=[a-z0-9)][.?]) (?=[A-Z])", text))


def _line(text: str) -> str:
    escaped = _escape(text)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _escape(text: str, hyphens: bool = True) -> str:
    """A text without what troff would act on, in ASCII."""
    text = (
        text.replace("\\", "\\e")
        .replace("'", "\\(aq")
        .replace("`", "\\(ga")
        .replace("~", "\\(ti")
        .replace("^", "\\(ha")
    )
    text = text.replace("-", "\\-") if hyphens else text
    return "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in text)
