"""The figures of a mutation check, as a table for docs/mutation.md."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.mutation import equivalent
from tests.mutation.mutants import Mutant

_COLUMNS = ("killed", "timeout", "survived", "equivalent")


def render(root: Path, results: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table: a row a file, and the sums. Verdicts about what has changed since are left out."""
    rows: dict[str, Counter[str]] = {}
    possible: dict[str, int] = {}
    for one in results:
        text = (root / one["path"]).read_text(encoding="utf-8")
        mutant = Mutant(
            one["path"], one["operator"], one["start"], one["end"], one["replacement"], one["line"], one["was"]
        )
        if text[mutant.start : mutant.end] == mutant.was and mutant.line == text.count("\n", 0, mutant.start) + 1:
            verdict = "equivalent" if equivalent.reason(mutant, text) else one["verdict"]
            rows.setdefault(mutant.path, Counter())[verdict] += 1
            possible[mutant.path] = one["of"]
    lines = [_row(f"`{path}`", possible[path], counts) for path, counts in sorted(rows.items())]
    head = ["| file | mutants | tried | killed | timed out | survived | equivalent |", "| --- " * 7 + "|"]
    return "\n".join([*head, *lines, _row("all", sum(possible.values()), sum(rows.values(), Counter[str]()))])


def _row(name: str, possible: int, counts: "Counter[str]") -> str:
    figures = (possible, counts.total(), *(counts[column] for column in _COLUMNS))
    return f"| {name} | {' | '.join(f'{figure:,}' for figure in figures)} |"
