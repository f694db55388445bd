"""Where the statements of a patch begin and end, by the rules of PostgreSQL's own lexer, and what none may be."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from versioning import sql_text
from versioning.masking import first_line
from versioning.migrations.patches import Patch
from versioning.sql_text import Token, read_statements, read_tokens

# Enough for the names that statements are told apart by.
_TOKENS_KEPT = 40
_KINDS = {"string": "''", "dollar string": "$$"}

_ENDS_TRANSACTION = {
    ("BEGIN",),
    ("START", "TRANSACTION"),
    ("COMMIT",),
    ("END",),
    ("ABORT",),
    ("ROLLBACK",),
    ("PREPARE", "TRANSACTION"),
}


class ScanError(Exception):
    """A text has no statements. line: where what it never ends begins, counted from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


@dataclass(frozen=True)
class Statement:
    """One statement, without its semicolon. line: of its first word, counted from 1; start: as an offset in the text.

    tokens: its first ones outside parentheses; words in capitals. names: the same, as they are written.
    """

    text: str
    line: int
    start: int
    tokens: tuple[str, ...]
    names: tuple[str, ...]

    def begins(self, *words: str) -> bool:
        """Whether these are its first words."""
        return self.tokens[: len(words)] == words

    @property
    def first_line(self) -> str:
        """What people know it by."""
        return first_line(self.text)


def split(text: str) -> tuple[Statement, ...]:
    """The statements of the text, as with standard_conforming_strings on. The last one may lack its semicolon.

    :raises ScanError: a string, a quoted name, a dollar quote or a comment does not end.
    """
    return tuple(_of_patch(statement, text) for statement in read_statements(_finished(read_tokens(text))))


def _finished(tokens: Iterable[Token]) -> Iterator[Token]:
    """The tokens, of which each has its end."""
    for token in tokens:
        if token.kind == "unfinished":
            raise ScanError(token.line, _name_unfinished(token.text))
        yield token


def _name_unfinished(text: str) -> str:
    if text.startswith("/*"):
        return "a comment"
    if text.startswith("$"):
        return f"the string {text[: text.index('$', 1) + 1]}"
    return "a string" if "'" in text[:3].partition('"')[0] else "a quoted name"


def _of_patch(statement: sql_text.Statement, text: str) -> Statement:
    code = statement.code
    start, end = code[0].offset, code[-1].offset + len(code[-1].text)
    names = tuple(_KINDS.get(token.kind, token.text) for token in _outside_parentheses(code))
    tokens = tuple(name.upper() if name[:1] != '"' else name for name in names)
    return Statement(text[start:end], statement.line, start, tokens, names)


def _outside_parentheses(code: Iterable[Token]) -> Iterator[Token]:
    """The first tokens that stand in none. Of a pair, the closing one tells that there was something."""
    depth, kept = 0, 0
    for token in code:
        depth = max(depth + {"(": 1, ")": -1}.get(token.text, 0), 0)
        if not depth:
            yield token
            kept += 1
        if kept == _TOKENS_KEPT:
            return


def line_of(text: str, offset: int) -> int:
    """The line, counted from 1, that the character at the offset stands in."""
    return text.count("\n", 0, offset) + 1


def find_faults(patch: Patch) -> list[str]:
    """What no patch may hold, or none of its type, each with file and line."""
    try:
        statements = split(patch.text)
    except ScanError as error:
        return [f"{patch.path.name}: line {error.line}: {error.what} begins here and does not end"]
    if not statements:
        return [f"{patch.path.name}: it holds no statement"]
    return [f"{patch.path.name}: line {one.line}: {fault}" for one in statements if (fault := _fault(patch, one))]


def _fault(patch: Patch, statement: Statement) -> str:
    tokens = statement.tokens
    words = " ".join(tokens[:2])
    prepared = statement.begins("COMMIT", "PREPARED") or statement.begins("ROLLBACK", "PREPARED")
    back_to_savepoint = statement.begins("ROLLBACK") and "TO" in tokens[1:3]
    ends = any(statement.begins(*beginning) for beginning in _ENDS_TRANSACTION) and not prepared
    unnamed = any(statement.begins("CREATE", *kind, "INDEX", "CONCURRENTLY", "ON") for kind in ((), ("UNIQUE",)))
    copies = statement.begins("COPY")
    faults = {
        "a backslash command is psql's own; the server does not know it": "\\" in tokens,
        "COPY FROM STDIN needs rows, which a patch cannot give; use INSERT": copies
        and _follow(tokens, "FROM", "STDIN"),
        "COPY TO STDOUT gives rows, which nobody takes": copies and _follow(tokens, "TO", "STDOUT"),
        f"{words} is not for a patch of type {patch.type}: {_TRANSACTIONS[patch.type]}": ends and not back_to_savepoint,
        f"{words} cannot run in a transaction; a patch of type concurrent may hold it": prepared
        and patch.type != "concurrent",
        "the index needs a name: without one, nobody can tell whether an interrupted run has built it": unnamed,
    }
    return next((fault for fault, holds in faults.items() if holds), "")


_TRANSACTIONS = {
    "std": "it runs in one transaction",
    "direct": "it runs in one transaction",
    "concurrent": "each of its statements commits by itself",
}


def _follow(tokens: tuple[str, ...], first: str, second: str) -> bool:
    return any(pair == (first, second) for pair in itertools.pairwise(tokens))
