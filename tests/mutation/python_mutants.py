"""Breaks Python: by cosmic-ray's operators, by leaving statements and handlers out, and in the SQL of its strings."""

import ast
import re
from collections.abc import Iterator

from tests.mutation import sql_mutants
from tests.mutation.mutants import Mutant, make

# Each comparison has one mutant here, the nearest to it, instead of seven. Operators on types are left out: they
# break annotations, which nothing runs.
_OPERATORS = (
    "AddNot",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceUnaryOperator_Delete_Not",
    "ZeroIterationForLoop",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Sub_Add",
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in ("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Is_IsNot", "IsNot_Is")
    ),
)
_SQL = re.compile(r"\b(SELECT|UPDATE|INSERT|DELETE|LOCK|ALTER|WHERE|IS)\b")
_QUOTES = re.compile(r"f?(\"\"\"|'''|\"|')")


def of_file(path: str, text: str) -> Iterator[Mutant]:
    """All mutants of a module."""
    yield from _by_cosmic_ray(path, text)
    tree = ast.parse(text)
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    for mutant in [*_without_statements(path, text, tree, lines), *_in_sql(path, text, tree, lines)]:
        try:
            ast.parse(mutant.apply(text))
        except SyntaxError:
            continue
        yield mutant


def _by_cosmic_ray(path: str, text: str) -> Iterator[Mutant]:
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    for name in _OPERATORS:
        occurrence = 0
        while True:
            broken = mutate_code(text, get_operator(f"core/{name}")(), occurrence)
            if broken is None:
                break
            occurrence += 1
            start = _same(text, broken)
            same = _same(text[start:][::-1], broken[start:][::-1])
            yield make(path, text, name, (start, len(text) - same), broken[start : len(broken) - same])


def _same(one: str, other: str) -> int:
    """With how many characters both begin."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _without_statements(path: str, text: str, tree: ast.Module, lines: list[int]) -> Iterator[Mutant]:
    for node in ast.walk(tree):
        span = _span(node, lines) if isinstance(node, ast.stmt) else (0, 0)
        if isinstance(node, ast.Raise):
            yield make(path, text, "NoError", span, "pass")
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if not ast.unparse(node.value).startswith("_logger"):
                yield make(path, text, "NoStatement", span, "pass")
        elif isinstance(node, ast.ExceptHandler) and node.type:
            yield make(path, text, "NotCaught", _span(node.type, lines), "SystemError")
        elif isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
            yield make(path, text, "NoneReturned", span, "return None")


def _in_sql(path: str, text: str, tree: ast.Module, lines: list[int]) -> Iterator[Mutant]:
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Constant, ast.JoinedStr)) or id(node) in documented:
            continue
        if isinstance(node, ast.JoinedStr) or isinstance(node.value, str):
            start, end = _span(node, lines)
            quotes = _QUOTES.match(text, start)
            if quotes and _SQL.search(text, start, end):
                yield from sql_mutants.of_expressions(path, text, quotes.end(), end - len(quotes[1]))


def _span(node: ast.stmt | ast.expr, lines: list[int]) -> tuple[int, int]:
    """From which character of the text to which. The columns are right as long as a line is ASCII up to there."""
    assert node.end_lineno is not None and node.end_col_offset is not None
    return lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset
