"""SQL as PostgreSQL's lexer sees it: tokens that together are the text again, and the statements that they make.

After PostgreSQL's documentation, chapter "Lexical Structure", with standard_conforming_strings on.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "space", "comment", "name", "quoted name", "string", "dollar string", "number", "parameter", "symbol", "unfinished"
]

# What may stand between the parts of one string: white space and comments with a line break in it.
_BREAK = r"(?:[ \t\f\v]|--[^\n\r]*)*+[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*+"
_PLAIN = r"'(?:[^']|'')*+'"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*+'"
# Letters beyond ASCII are letters to PostgreSQL, whatever Unicode says of them; so are spaces beyond ASCII.
_LETTER = r"[A-Za-z_\x80-\U0010ffff]"
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\n\r\f\v]++)
  | (?P<comment>--[^\n\r]*+)
  | (?P<nested>/\*)
  | (?P<string>[eE]{_ESCAPED}(?:{_BREAK}{_ESCAPED})*+ | (?:[uU]&|[bBxXnN])?{_PLAIN}(?:{_BREAK}{_PLAIN})*+)
  | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*+")
  | (?P<open>(?:[eEbBxXnN]|[uU]&)?' | (?:[uU]&)?")
  | (?P<dollar>\$(?:{_LETTER}(?:{_LETTER}|[0-9])*+)?\$)
  | (?P<parameter>\$[0-9]++)
  | (?P<number>(?:0[xX][0-9A-Fa-f_]++|0[oO][0-7_]++|0[bB][01_]++
      |(?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?))
  | (?P<name>{_LETTER}(?:{_LETTER}|[0-9$])*+)
  | (?P<symbol>\.\.|.)
    """,
    re.VERBOSE | re.DOTALL,
)
# As much as one statement and its semicolon, in one match: text in which nothing is of interest is passed over so. What
# it cannot tell, such as comments in comments, ends the match early; dollar strings do, too.
_CHUNK = re.compile(
    rf"""(?:
    [eE]{_ESCAPED}(?:{_BREAK}{_ESCAPED})*+ | {_PLAIN} | "(?:[^"]|"")*+"
  | --[^\n\r]*+ | /\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/ | {_LETTER}(?:{_LETTER}|[0-9$])*+
  | \$[0-9]++
  | [^;'"$A-Za-z_/\x80-\U0010ffff-]++ | -(?!-) | /(?!\*)
    )*+;?""",
    re.VERBOSE | re.DOTALL,
)
_TAG = re.compile(rf"\$(?:{_LETTER}(?:{_LETTER}|[0-9])*+)?\$")
_NESTED = re.compile(r"/\*|\*/")
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_KINDS: dict[str, Kind] = {
    "quoted": "quoted name",
    "dollar": "dollar string",
    "nested": "comment",
    "open": "unfinished",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token. offset: in characters from the text's beginning. line: counts from 1.

    "unfinished" is a string, a quoted name or a comment whose end is not there.
    """

    kind: Kind
    text: str
    offset: int
    line: int

    @property
    def is_code(self) -> bool:
        """Whether it is neither white space nor a comment."""
        return self.kind not in ("space", "comment")

    @property
    def name(self) -> str | None:
        """The name that it stands for; None: it is no name."""
        if self.kind == "name":
            return fold(self.text)
        if self.kind == "quoted name":
            plain = self.text[self.text.index('"') + 1 : -1].replace('""', '"')
            return plain if self.text[0] == '"' else _decode_unicode(plain)
        return None

    @property
    def word(self) -> str:
        """A word of the language, in lower case; "" where it can be none."""
        return fold(self.text) if self.kind == "name" else ""

    @property
    def tag(self) -> str:
        """What a dollar string begins and ends with."""
        return self.text[: self.text.index("$", 1) + 1]


@dataclass(frozen=True)
class Statement:
    """One statement with what stands before it, without its semicolon. line: of its first word."""

    tokens: tuple[Token, ...]
    line: int

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)

    @property
    def code(self) -> tuple[Token, ...]:
        """Its tokens without white space and comments."""
        return tuple(token for token in self.tokens if token.is_code)


def fold(name: str) -> str:
    """A name as PostgreSQL takes it when it is not quoted."""
    return name.translate(_ASCII_LOWER)


def read_tokens(text: str, line: int = 1) -> Iterator[Token]:
    """The tokens of an SQL text: joined, they are the text.

    :param line: that the text begins in.
    """
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        # Every character is a symbol at least.
        assert match and match.lastgroup
        kind = _KINDS.get(match.lastgroup, match.lastgroup)
        end: int | None = match.end()
        if match.lastgroup == "nested":
            end = _end_of_comment(text, position)
        elif match.lastgroup == "dollar":
            found = text.find(match[0], match.end())
            end = found + len(match[0]) if found >= 0 else None
        elif match.lastgroup == "open":
            end = None
        if end is None:
            kind, end = "unfinished", len(text)
        piece = text[position:end]
        yield Token(kind, piece, position, line)  # type: ignore[arg-type]
        line += piece.count("\n")
        position = end


def read_chunks(text: str) -> Iterator[str]:
    """The text in pieces that end with a semicolon of the code's own, wherever it stands, and the rest.

    Much faster than tokens. What is hard to tell comes in a longer piece.
    """
    start = position = 0
    while position < len(text):
        match = _CHUNK.match(text, position)
        assert match
        position = match.end()
        if match[0].endswith(";"):
            yield text[start:position]
            start = position
        elif tag := _TAG.match(text, position):
            position = text.find(tag[0], tag.end()) + len(tag[0])
            if position < tag.end():
                break
        else:
            break
    if start < len(text):
        yield text[start:]


def _end_of_comment(text: str, start: int) -> int | None:
    depth = 0
    for match in _NESTED.finditer(text, start):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return None


def _decode_unicode(text: str) -> str:
    """What U&"…" stands for, with the escape character that it has unless UESCAPE names another."""
    return re.sub(
        r"\\(?:\\|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4}))",
        lambda found: chr(int(found[1] or found[2], 16)) if found[1] or found[2] else "\\",
        text,
    )


def read_statements(tokens: Iterable[Token]) -> Iterator[Statement]:
    """The statements of a text that hold any code.

    A semicolon ends one, unless it stands within parentheses or in the body of a routine in the SQL standard's form.
    """
    gathered: list[Token] = []
    boundary = _Boundary()
    for token in tokens:
        if boundary.ends_at(token):
            yield from _as_statement(gathered)
            gathered, boundary = [], _Boundary()
        else:
            gathered.append(token)
    yield from _as_statement(gathered)


def _as_statement(tokens: Sequence[Token]) -> Iterator[Statement]:
    first = next((token for token in tokens if token.is_code), None)
    if first:
        yield Statement(tuple(tokens), first.line)


class _Boundary:
    """Where one statement ends."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._parentheses = 0
        self._blocks = 0
        # Behind AS and behind a point, where a word that is a key word elsewhere is a name.
        self._is_name_next = False

    def ends_at(self, token: Token) -> bool:
        """Whether the statement ends with this token, which is a semicolon then. Wants all tokens in turn."""
        if not token.is_code:
            return False
        if token.kind == "symbol":
            self._is_name_next = token.text == "."
            return self._ends_at_symbol(token.text)
        if not self._is_name_next:
            self._count_blocks(token.word)
        self._is_name_next = token.word == "as"
        self._words.append(token.word)
        return False

    def _ends_at_symbol(self, symbol: str) -> bool:
        if symbol == ";":
            return self._parentheses == 0 and self._blocks == 0
        self._parentheses = max(self._parentheses + {"(": 1, ")": -1}.get(symbol, 0), 0)
        return False

    def _count_blocks(self, word: str) -> None:
        if word == "atomic" and self._words[-1:] == ["begin"] and makes_routine(self._words):
            self._blocks = 1
        elif self._blocks:
            self._blocks += {"case": 1, "end": -1}.get(word, 0)


def makes_routine(words: Sequence[str]) -> bool:
    """Whether a statement of these words, in lower case, makes a function or a procedure."""
    start = 3 if list(words[1:3]) == ["or", "replace"] else 1
    return list(words[:1]) == ["create"] and list(words[start : start + 1]) in (["function"], ["procedure"])
