"""What a test file says: by errors, by rows that are false, and by lines of TAP, as pgTAP gives them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_OK = re.compile(
    r"(?P<not>not )?ok\b(?: [0-9]+)?(?: - )?(?P<name>[^#\n]*)(?:#\s*(?P<directive>TODO|SKIP)\b.*)?", re.IGNORECASE
)
_PLAN = re.compile(r"1\.\.([0-9]+)\s*(#.*)?")


@dataclass
class Trial:
    """What came of one file. checks: how many there were. failures: in words, each with its line.

    planned: how many checks of TAP the file promised; None: it promised none.
    """

    path: str
    checks: int = 0
    failures: list[str] = field(default_factory=list)
    planned: int | None = None
    tap_checks: int = 0
    skipped: bool = False

    def take(self, line: int, rows: Sequence[tuple[Any, ...]]) -> None:
        """Judges what a query gave: one column of text is TAP, one of booleans must be true in every row."""
        for row in rows:
            if len(row) != 1:
                continue
            (value,) = row
            if isinstance(value, bool):
                self._count(value, line, "false")
            elif isinstance(value, str):
                for text in value.splitlines():
                    self._take_tap(line, text)

    def end(self) -> None:
        """Judges whether all that was promised has come."""
        if self.planned is not None and self.planned != self.tap_checks and not self.skipped:
            self.failures.append(f"{self.planned} checks were planned, {self.tap_checks} ran")

    def _take_tap(self, line: int, text: str) -> None:
        if plan := _PLAN.fullmatch(text):
            self.planned = int(plan[1])
            self.skipped = self.planned == 0
        elif check := _OK.fullmatch(text):
            self.tap_checks += 1
            self._count(not check["not"] or bool(check["directive"]), line, text)

    def _count(self, is_good: bool, line: int, text: str) -> None:
        self.checks += 1
        if not is_good:
            self.failures.append(f"line {line}: {text}")
