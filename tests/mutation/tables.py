"""The figures of a mutation check, as a table for docs/mutation.md."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def render(results: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table: a row a file, and the sums."""
    rows: dict[str, Counter[str]] = {}
    for one in results:
        rows.setdefault(one["path"], Counter())[one["verdict"]] += 1
    total = sum(rows.values(), Counter[str]())
    lines = [_row(path, counts) for path, counts in sorted(rows.items())]
    head = ["| file | mutants | killed | timed out | survived |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *lines, _row("all", total)])


def _row(name: str, counts: "Counter[str]") -> str:
    figures = (counts.total(), counts["killed"], counts["timeout"], counts["survived"])
    return f"| {name} | {' | '.join(f'{figure:,}' for figure in figures)} |"
