"""The schema's name in SQL becomes the versioned one, wherever it is meant, and nowhere else."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from versioning.releases.naming import as_identifier
from versioning.sql_text import Statement, Token, fold, makes_routine, read_chunks, read_tokens

_LITERALS = ("string", "dollar string")
_SQL_LANGUAGES = ("plpgsql", "sql")
# Words that another kind of name than a schema's stands behind.
_OTHERS_BEFORE = ("role", "user", "group", "authorization", "database", "extension", "language", "tablespace")
# Functions whose first argument is the name of an object, in a string.
_TAKES_NAMES = re.compile(r"(nextval|currval|setval|to_reg[a-z]+|reg[a-z]+)")
_PATH_WORDS = ("search_path", "to")
_PLAIN_STRING = re.compile(r"[eE]?'(?P<content>(?:[^'\\]|'')*)'")


@dataclass(frozen=True)
class Leftover:
    """A place in a body that still names the schema. what: in words, what it stands in."""

    line: int
    what: str


@dataclass(frozen=True)
class Renamed:
    """A statement with the schema's name replaced. Its lines are those of the original."""

    text: str
    leftovers: tuple[Leftover, ...]


@dataclass(frozen=True)
class Renaming:
    """What is replaced, by what."""

    base: str
    versioned: str

    def of_statement(self, statement: Statement) -> Renamed:
        """The statement with names replaced: in its own code, and in the body of a routine or of DO."""
        walk = _Walk(self, statement.tokens, body=_find_body(statement.code))
        text = walk.text()
        return Renamed(text, tuple(walk.leftovers))

    def leftovers_in(self, body: str, language: str) -> list[Leftover]:
        """Where the body of a routine, as the database has it, names the schema: in its code or its strings."""
        if language not in _SQL_LANGUAGES:
            found = self.mention(body)
            return [Leftover(body.count("\n", 0, found.start()) + 1, f"the {language} code")] if found else []
        return [
            Leftover(token.line, "the code" if token.name else "a string")
            for token in read_tokens(body)
            if token.name == self.base or (token.kind in (*_LITERALS, "unfinished") and self.mention(_plain(token)))
        ]

    def may_mention(self, text: str) -> bool:
        """Whether a text could have the name in it: quickly, and rather once too often."""
        return self.base.lower() in text.lower() or '&"' in text

    def mention(self, text: str) -> re.Match[str] | None:
        """Where a text has the name as a word of its own."""
        letter = r"[A-Za-z0-9_$\x80-\U0010ffff]"
        return re.search(rf"(?<!{letter}){re.escape(self.base)}(?!{letter})", text, re.IGNORECASE)


@dataclass(frozen=True)
class _Body:
    """Where in a statement the body stands. standard: it is code, not a string, and all of the statement from there."""

    start: Token
    language: str
    standard: bool = False


def _find_body(code: Sequence[Token]) -> _Body | None:
    words = [token.word for token in code]
    if words[:1] == ["do"]:
        literal = next(
            (token for token in code if token.kind in _LITERALS and not _follows(code, token, "language")), None
        )
        return _Body(literal, _language(code) or "plpgsql") if literal else None
    if not makes_routine(words):
        return None
    depth = 0
    for previous, token in pairwise(code):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.kind in _LITERALS and previous.word == "as":
            return _Body(token, _language(code) or "sql")
        if depth == 0 and (token.word == "atomic" or (token.word == "return" and previous.word != "security")):
            return _Body(token, "sql", standard=True)
    return None


def _follows(code: Sequence[Token], token: Token, word: str) -> bool:
    position = code.index(token)
    return position > 0 and code[position - 1].word == word


def _language(code: Sequence[Token]) -> str:
    for previous, token in pairwise(code):
        if previous.word == "language":
            return token.name or fold(token.text.strip("'"))
    return ""


def _plain(token: Token) -> str:
    """The text of a string without escapes, whose letters would seem to belong to a word: as long as before."""
    return re.sub(r"\\.", "  ", token.text, flags=re.DOTALL) if token.text[0] in "eE" else token.text


@dataclass
class _Walk:
    """A walk along tokens. body: of the routine that they make. in_body: they are one. language: of that one."""

    renaming: Renaming
    tokens: Sequence[Token]
    body: _Body | None = None
    in_body: bool = False
    language: str = "sql"
    leftovers: list[Leftover] = field(default_factory=list)
    _behind: list[Token] = field(default_factory=list)
    _grants: bool = False
    _to_roles: bool = False
    _executes: bool = False
    _sets_path: bool = False

    def text(self) -> str:
        """The tokens with names replaced, joined. Notes what is left over."""
        code = [token for token in self.tokens if token.is_code]
        following = {id(token): code[number + 1 : number + 4] for number, token in enumerate(code)}
        pieces = []
        for token in self.tokens:
            pieces.append(self._piece(token, following[id(token)]) if token.is_code else token.text)
            if token.is_code:
                self._note(token)
        return "".join(pieces)

    def _piece(self, token: Token, following: Sequence[Token]) -> str:
        if token.name == self.renaming.base:
            return token.text if self._is_another(token) else as_identifier(self.renaming.versioned)
        if self.body and token is self.body.start and not self.body.standard:
            return self._body_text(token, self.body.language)
        if token.kind in _LITERALS and self._means_sql(following):
            return self._inner_text(token, self.language)
        if self.in_body and token.kind in (*_LITERALS, "unfinished"):
            self._note_leftover(token, "a string")
        return token.text

    def _is_another(self, token: Token) -> bool:
        """Whether the name is no schema's: a column's, or a role's."""
        before = [one.text if one.kind == "symbol" else one.word for one in self._behind[-2:]]
        if before[-1:] == ["."] or self._to_roles:
            return True
        if before[-1:] and before[-1] in _OTHERS_BEFORE:
            return True
        return before in (["owner", "to"], ["role", "to"], ["role", "="])

    def _means_sql(self, following: Sequence[Token]) -> bool:
        """Whether a string holds SQL, or the name of an object."""
        if self._executes or self._sets_path:
            return True
        after = [token.text if token.kind == "symbol" else token.word for token in following]
        if after[:2] == [":", ":"] and after[2:] and after[2].startswith("reg"):
            return True
        before = [token.text if token.kind == "symbol" else token.word for token in self._behind[-2:]]
        if before[1:] == ["("]:
            return bool(_TAKES_NAMES.fullmatch(before[0]))
        return bool(before and re.fullmatch("reg(class|proc|procedure|type|namespace)", before[-1]))

    def _body_text(self, token: Token, language: str) -> str:
        if language in _SQL_LANGUAGES:
            return self._inner_text(token, language)
        self._note_leftover(token, f"the {language} code")
        return token.text

    def _inner_text(self, token: Token, language: str) -> str:
        """A string whose content is SQL."""
        if token.kind == "dollar string":
            opening = closing = token.tag
            content = token.text[len(opening) : -len(opening)]
        elif match := _PLAIN_STRING.fullmatch(token.text):
            opening, closing = token.text[: match.start("content")], "'"
            content = match["content"].replace("''", "'")
        else:
            self._note_leftover(token, "a string with escapes, or of several parts")
            return token.text
        # What stands within a string that runs as SQL is a body too: nothing else will look at it.
        text = "".join(self._inner_chunks(content, token.line, language))
        return opening + (text if token.kind == "dollar string" else text.replace("'", "''")) + closing

    def _inner_chunks(self, content: str, line: int, language: str) -> Iterator[str]:
        """The statements of a body: what does not mention the name needs no closer look."""
        for chunk in read_chunks(content):
            if self.renaming.may_mention(chunk):
                inner = _Walk(self.renaming, tuple(read_tokens(chunk, line)), in_body=True, language=language)
                yield inner.text()
                self.leftovers += inner.leftovers
            else:
                yield chunk
            line += chunk.count("\n")

    def _note_leftover(self, token: Token, what: str) -> None:
        if found := self.renaming.mention(_plain(token)):
            self.leftovers.append(Leftover(token.line + token.text.count("\n", 0, found.start()), what))

    def _note(self, token: Token) -> None:
        """Keeps in mind what the next tokens stand behind."""
        word = token.word
        if token.text == ";":
            self._grants = self._to_roles = self._executes = False
        elif word in ("grant", "revoke"):
            self._grants = True
        elif self._grants and word in ("to", "from"):
            self._to_roles = True
        elif word == "execute" and self.language == "plpgsql" and not self._grants:
            self._executes = True
        elif word in ("using", "into", "loop", "on", "function", "procedure"):
            self._executes = False
        goes_on = token.kind in (*_LITERALS, "quoted name") or token.text in (",", "=") or word in _PATH_WORDS
        is_element = token.kind == "name" and bool(self._behind) and self._behind[-1].text in (",", "=", "to", "TO")
        self._sets_path = word == "search_path" or (self._sets_path and (goes_on or is_element))
        if self.body and self.body.standard and token is self.body.start:
            self.in_body = True
        self._behind = [*self._behind[-1:], token]
