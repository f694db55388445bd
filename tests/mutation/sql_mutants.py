"""Breaks SQL: checks left out or turned, operators swapped, rights and locks taken away."""

import re
from collections.abc import Callable, Iterator

from tests.mutation.mutants import Mutant, make

_TOKEN = re.compile(r"--[^\n]*|(?:[eE](?=')'(?:[^'\\]|\\.|'')*')|'(?:[^']|'')*'|\"[^\"]*\"", re.DOTALL)
_COMMENT_ON = re.compile(r"^COMMENT ON [^;]*;", re.MULTILINE)
# The names of conditions in an exception handler are no condition to be turned.
_HANDLER = re.compile(r"\s*[a-zA-Z_]+(\s+OR\s+[a-zA-Z_]+)*\s*")
_ASSIGNED = re.compile(r"(\bSET\s+[\w.]+|\bERRCODE|\bHINT|\bDETAIL|\bCOMMENT ON [^;]*)\s*$")
_SWAPPED = {
    "=": "<>",
    "<>": "=",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "AND": "OR",
    "OR": "AND",
    "+": "-",
    "-": "+",
    "min": "max",
    "max": "min",
    "least": "greatest",
    "greatest": "least",
}

Replace = Callable[["re.Match[str]"], "str | None"]


def _swap(match: "re.Match[str]") -> str | None:
    return _SWAPPED[match[1]]


def _swap_comparison(match: "re.Match[str]") -> str | None:
    return None if _ASSIGNED.search(match.string, 0, match.start(1)) else _SWAPPED[match[1]]


def _swap_logic(match: "re.Match[str]") -> str | None:
    before = match.string[: match.start(1)]
    if re.search(r"\bBETWEEN\s+\S+\s+$", before) or re.search(r"\bWHEN(\s+\w+\s+OR)*\s+\w+\s+$", before):
        return None
    return _SWAPPED[match[1]]


def _always(replacement: str) -> Replace:
    return lambda _: replacement


def _condition(replacement: str) -> Replace:
    return lambda match: None if _HANDLER.fullmatch(match[1]) and "WHEN" in match[0] else f" {replacement} "


def _nothing(match: "re.Match[str]") -> str | None:
    """Instead of a statement: in a body, the empty one."""
    return "NULL;" if match.string.count("$function$", 0, match.start()) == 1 or "$block$" in match.string else ""


# What is searched in SQL whose comments and literals are blank; the first group, or all of it, is replaced.
# The first part needs whole statements; the second works on expressions wherever they stand.
_STATEMENTS: list[tuple[str, str, Replace]] = [
    ("no error", r"^[ \t]*(RAISE\b[^;]*;)", _nothing),
    ("always", r"^[ \t]*(?:IF|ELSIF)\b([^;]*?)\bTHEN\b", _condition("true")),
    ("never", r"^[ \t]*(?:IF|ELSIF|WHILE)\b([^;]*?)\b(?:THEN|LOOP)\b", _condition("false")),
    ("always", r"\b(?:CONTINUE|EXIT) WHEN\b([^;]*)(?=;)", _condition("true")),
    ("never", r"\b(?:CONTINUE|EXIT) WHEN\b([^;]*)(?=;)", _condition("false")),
    (
        "no statement",
        r"^[ \t]*((?:PERFORM|DELETE|UPDATE|INSERT|LOCK|EXECUTE|GRANT|REVOKE|ALTER|SET LOCAL|RESET)\b[^;]*;)",
        _nothing,
    ),
    ("no setting", r"^(SET \w+ = [^;\n]*)$", _always("")),
    ("caller's rights", r"^(SECURITY DEFINER)$", _always("")),
    ("null returned", r"\bRETURN (?!NULL\b|QUERY\b)([^;]+)(?=;)", _always("NULL")),
    ("no constraint", r"(,\n\s*CONSTRAINT [^\n]*?)(?=,?\n)", _always("")),
    ("no trigger", r"\b((?:INSERT|UPDATE|DELETE|TRUNCATE) OR )(?=[A-Z ]* ON )", _always("")),
    ("no trigger", r"( OR (?:DELETE|TRUNCATE))(?= ON )", _always("")),
]
_EXPRESSIONS: list[tuple[str, str, Replace]] = [
    ("always", r"\bWHEN\b([^;]*?)\bTHEN\b", _condition("true")),
    ("never", r"\bWHEN\b([^;]*?)\bTHEN\b", _condition("false")),
    ("comparison", r"(?<![:<>=!~|&@#-])(<=|>=|<>|<|>|=)(?![<>=~|&@#])", _swap_comparison),
    ("logic", r"(?<!CREATE )(?<!INSERT )(?<!UPDATE )(?<!DELETE )\b(AND|OR)\b(?! REPLACE)", _swap_logic),
    ("not left out", r"\b(NOT\s+)(?=[A-Za-z(])", _always("")),
    ("not put in", r"\bIS()\s+(?:NULL|DISTINCT)\b", _always(" NOT")),
    ("not put in", r"(?<!NOT )(?<!IF )\b()EXISTS \(", _always("NOT ")),
    ("one more", r"(?<![\w.$])(\d+)(?![\w.])", lambda match: str(int(match[1]) + 1)),
    ("arithmetic", r" ([+-]) (?=[\w(])", _swap),
    ("other end", r"\b(min|max|least|greatest)(?=\()", _swap),
    ("no row lock", r"(\s+FOR UPDATE)(?=;)", _always("")),
]


def blank(sql: str) -> str:
    """The SQL with nothing in its comments and literals, and without COMMENT ON; of the same length."""

    def empty(match: "re.Match[str]") -> str:
        token = match[0]
        return re.sub(r"[^\n]", "¤", token) if token[0] in "-'eE" else token

    return _COMMENT_ON.sub(lambda match: re.sub(r"[^\n]", "¤", match[0]), _TOKEN.sub(empty, sql))


def of_file(path: str, text: str) -> Iterator[Mutant]:
    """All mutants of a file with database objects."""
    yield from _apply(_STATEMENTS + _EXPRESSIONS, path, text, blank(text), 0)


def of_expressions(path: str, text: str, start: int, end: int) -> Iterator[Mutant]:
    """All mutants of the SQL between two characters of a text in another language."""
    yield from _apply(_EXPRESSIONS, path, text, blank(text[start:end]), start)


def _apply(
    operators: list[tuple[str, str, Replace]], path: str, text: str, searched: str, offset: int
) -> Iterator[Mutant]:
    for name, pattern, replace in operators:
        for match in re.finditer(pattern, searched, re.MULTILINE):
            replacement = replace(match)
            start, end = match.span(1)
            if replacement is not None and text[offset + start : offset + end] != replacement:
                yield make(path, text, name, (offset + start, offset + end), replacement)
