"""Where the statements of a patch begin and end, by the rules of PostgreSQL's own lexer, and what none may be."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from versioning.migrations.masking import first_line
from versioning.migrations.patches import Patch

# Enough for the names that statements are told apart by.
_TOKENS_KEPT = 40
# A literal goes on behind white space with a line end, by the rules that it began with.
_GOES_ON = r"(?:[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:\s|--[^\n\r]*[\n\r])*')"
_PLAIN = r"[^']*(?:''[^']*)*'"
_ESCAPED = r"[^'\\]*(?:(?:\\.|'')[^'\\]*)*'"
_LEXEME = re.compile(
    rf"""
      (?P<space>\s+)
    | (?P<comment>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<literal>[eE]'{_ESCAPED}(?:{_GOES_ON}{_ESCAPED})* | '{_PLAIN} )
    | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*)?)\$)
    | (?P<quoted>"[^"]*(?:""[^"]*)*")
    | (?P<open>[eE]?'|")
    | (?P<word>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*)
    | (?P<number>\$?[0-9][0-9A-Za-z_.]*)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_OPEN = {"'": "a string", '"': "a quoted name"}

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


@dataclass
class _Part:
    """A statement that is being read. depth: of parentheses; bodies: of BEGIN ATOMIC and CASE that have not ended."""

    start: int = -1
    end: int = -1
    depth: int = 0
    bodies: int = 0
    tokens: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    previous: str = ""

    def take(self, start: int, end: int, token: str, name: str) -> None:
        self.start = start if self.start < 0 else self.start
        self.end = end
        self._count(token)
        if not self.depth and len(self.tokens) < _TOKENS_KEPT:
            self.tokens.append(token)
            self.names.append(name)
        self.previous = token

    def _count(self, token: str) -> None:
        if token == "(":
            self.depth += 1
        elif token == ")":
            self.depth = max(self.depth - 1, 0)
        elif self.previous in {"AS", "."}:
            # A name there, even where the word is a key word elsewhere.
            return
        elif (token == "CASE" and self.bodies) or self._begins_body(token):
            self.bodies += 1
        elif token == "END" and self.bodies:
            self.bodies -= 1

    def _begins_body(self, token: str) -> bool:
        return token == "ATOMIC" and self.previous == "BEGIN" and self.tokens[:1] == ["CREATE"]

    @property
    def is_open(self) -> bool:
        """Whether a semicolon is a part of it."""
        return self.depth > 0 or self.bodies > 0


def split(text: str) -> tuple[Statement, ...]:
    """The statements of the text, as with standard_conforming_strings on. The last one may lack its semicolon.

    :raises ScanError: a string, a quoted name, a dollar quote or a comment does not end.
    """
    statements: list[Statement] = []
    part = _Part()
    line, counted = 1, 0
    for start, end, token, name in [*_tokens(text), (len(text), len(text), ";", "")]:
        if token != ";" or (part.is_open and start < len(text)):
            part.take(start, end, token, name)
            continue
        if part.start >= 0:
            line, counted = line + text.count("\n", counted, part.start), part.start
            tokens, names = tuple(part.tokens), tuple(part.names)
            statements.append(Statement(text[part.start : part.end], line, part.start, tokens, names))
        part = _Part()
    return tuple(statements)


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


def _tokens(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Start, end and both spellings of what is neither white space nor comment."""
    position = 0
    while match := _LEXEME.match(text, position):
        start, end, kind = match.start(), match.end(), match.lastgroup
        position = end
        if kind == "block":
            position = _end_of_block(text, start)
        elif kind == "open":
            raise ScanError(line_of(text, start), _OPEN[match[0][-1]])
        elif kind == "word":
            yield start, end, match[0].upper(), match[0]
        elif kind in {"dollar", "tag"}:
            found = text.find(match["dollar"], end)
            if found < 0:
                raise ScanError(line_of(text, start), f"the string {match['dollar']}")
            position = found + len(match["dollar"])
            yield start, position, "$$", "$$"
        elif kind == "literal":
            yield start, end, "''", "''"
        elif kind not in {"space", "comment"}:
            yield start, end, match[0], match[0]


def _end_of_block(text: str, start: int) -> int:
    """Where the comment ends, with all comments in it."""
    depth = 0
    for edge in _BLOCK_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    raise ScanError(line_of(text, start), "a comment")
