"""What a release runs: the statements of its files, with the schema's name replaced, and where each comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from init_slate_db.core.errors import SlateError
from versioning.releases.renaming import Leftover, Renaming
from versioning.releases.sources import Source
from versioning.sql_text import Statement, Token, read_statements, read_tokens

_TRANSACTION = ("begin", "start", "commit", "end", "rollback", "abort")
_SHOWN_LEFTOVERS = 10


@dataclass(frozen=True)
class Step:
    """One statement. line: in its file, of the text's first character and of the statement's first word."""

    source: Source
    text: str
    first_line: int
    line: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """All statements in order, and the places in bodies that still name the unversioned schema."""

    steps: tuple[Step, ...]
    leftovers: tuple[tuple[Source, Leftover], ...] = ()

    @property
    def text(self) -> str:
        """The script as psql can run it in one transaction."""
        return "".join(_pieces(self.steps))


def _pieces(steps: Sequence[Step]) -> Iterator[str]:
    previous = None
    for step in steps:
        if step.source is not previous:
            yield f"{'' if previous is None else chr(10)}-- {step.source.path}\n"
            previous = step.source
        # On a line of its own: a comment may end the statement.
        ends_in_comment = "--" in step.text.rsplit("\n", 1)[-1]
        yield f"{step.text.strip()}{chr(10) if ends_in_comment else ''};\n"


def read_script(
    sources: Sequence[Source], renaming: Renaming | None = None, *, own_transactions: bool = False
) -> Script:
    """The statements of the files.

    :param renaming: None leaves every name as it is.
    :param own_transactions: whether BEGIN and ROLLBACK may stand there; they are left out.
    :raises SlateError: sources-refused: something that cannot run in one transaction, or not without psql.
    """
    steps: list[Step] = []
    leftovers: list[tuple[Source, Leftover]] = []
    for source in sources:
        for statement in read_statements(_checked(source, read_tokens(source.text))):
            words = tuple(token.word for token in statement.code[:4])
            if own_transactions and _is_harmless(words):
                continue
            _refuse_unfit(source, statement, words)
            text = statement.text
            if renaming:
                renamed = renaming.of_statement(statement)
                text = renamed.text
                leftovers += ((source, leftover) for leftover in renamed.leftovers)
            steps.append(Step(source, text, statement.tokens[0].line, statement.line, words))
    return Script(tuple(steps), tuple(leftovers))


def refuse_leftovers(script: Script, base: str) -> None:
    """:raises SlateError: sources-refused, where a body still names the unversioned schema."""
    if not script.leftovers:
        return
    told = [describe(source, leftover, base) for source, leftover in script.leftovers[:_SHOWN_LEFTOVERS]]
    more = len(script.leftovers) - len(told)
    raise SlateError(
        "sources-refused",
        f'Bodies still name the schema "{base}":\n  ' + "\n  ".join(told) + (f"\n  and {more} more" if more else ""),
        why="What a string holds, or another language, runs as it stands: it would reach past the version.",
        hint="Leave the schema out, since the search_path finds it, or build the name from current_schema();"
        " --keep-strings leaves such places as they are.",
    )


def describe(source: Source, leftover: Leftover, base: str) -> str:
    """A place in a file that still names the schema."""
    return f"{source.path}, line {leftover.line}: {leftover.what} names {base}: {source.line(leftover.line)}"


def _checked(source: Source, tokens: Iterator[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.kind == "symbol" and token.text == "\\":
            raise _refused(
                source, token.line, "a command of psql's", "Only SQL runs here, statement by statement. Take it out."
            )
        if token.kind == "unfinished":
            raise _refused(source, token.line, "something that does not end", "A quote or a comment is left open here.")
        yield token


def _is_harmless(words: tuple[str, ...]) -> bool:
    return words[:1] in (("begin",), ("rollback",)) and words[1:] in ((), ("transaction",), ("work",))


def _refuse_unfit(source: Source, statement: Statement, words: tuple[str, ...]) -> None:
    if _ends_transaction(words):
        hint = "All files run in one transaction, which is not theirs to end."
        raise _refused(source, statement.line, " ".join(words).upper().strip(), hint)
    if words[:1] == ("copy",) and _reads_from_client(statement.code):
        raise _refused(source, statement.line, "COPY FROM STDIN", "Rows between statements are psql's. Use INSERT.")
    if "standard_conforming_strings" in words:
        raise _refused(
            source, statement.line, "standard_conforming_strings", "Strings are read with it on. Take it out."
        )


def _ends_transaction(words: tuple[str, ...]) -> bool:
    if words[:2] in (("prepare", "transaction"), ("start", "transaction")):
        return True
    is_savepoint = words[:1] == ("rollback",) and "to" in words
    return words[:1] in tuple((word,) for word in _TRANSACTION if word != "start") and not is_savepoint


def _reads_from_client(code: Sequence[Token]) -> bool:
    words = [token.word for token in code]
    return any(words[number : number + 2] == ["from", "stdin"] for number in range(len(words)))


def _refused(source: Source, line: int, what: str, hint: str) -> SlateError:
    return SlateError(
        "sources-refused", f"{source.path}, line {line}: {what} cannot be part of a release.", source.line(line), hint
    )
