"""What a recovery did and what it proved, for people and for machines."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from init_slate_db.core.digests.extent import Extent
from init_slate_db.core.errors import SlateError
from init_slate_db.core.progress import describe_duration
from recovery.diff import rendering
from recovery.diff.result import Comparison, Kind

Verdict = Literal["identical", "different", "not compared"]

_KINDS: dict[Kind, str] = {"changed": "changed", "only_left": "only in source", "only_right": "only in backup"}


@dataclass(frozen=True)
class FinishedStep:
    title: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """The result. rows_restored and next_insert_id: None where the method does not tell.

    source, backup: where they are, as "host:port/database", without secrets. started_at, finished_at: aware, in UTC.
    diff: the source on the left, the backup on the right; None where they were not compared.
    notes: sentences that the operator should read.
    """

    verdict: Verdict
    method: str
    rows_restored: int | None
    next_insert_id: int | None
    source: str
    backup: str
    started_at: datetime
    finished_at: datetime
    steps: tuple[FinishedStep, ...]
    diff: Comparison | None
    notes: tuple[str, ...] = ()


def as_text(report: Report) -> str:
    """The report as lines for a terminal, the verdict first."""
    blocks = [[_headline(report)], _aligned(_facts(report))]
    if report.steps:
        blocks.append(["Steps", *_aligned([(step.title, f"{step.seconds:,.1f} s") for step in report.steps], ">")])
    if report.notes:
        blocks.append(["Notes", *(f"  {note}" for note in report.notes)])
    if report.diff is not None and not report.diff.identical:
        blocks.append(["Source (left) and backup (right) compared", _indented(rendering.as_text(report.diff))])
    return "\n\n".join("\n".join(block) for block in blocks)


def as_json(report: Report) -> dict[str, Any]:
    """The report as an object that JSON can hold. Times are ISO 8601, durations in seconds."""
    return {
        "verdict": report.verdict,
        "method": report.method,
        "rows_restored": report.rows_restored,
        "next_insert_id": report.next_insert_id,
        "source": report.source,
        "backup": report.backup,
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat(),
        "steps": [{"title": step.title, "seconds": round(step.seconds, 3)} for step in report.steps],
        "diff": None if report.diff is None else rendering.as_json(report.diff),
        "notes": list(report.notes),
    }


def as_html(report: Report) -> str:
    """The report as a page that needs nothing beside it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("recovery"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        report=report,
        headline=_headline(report).partition(": ")[2],
        facts=_facts(report),
        kinds=_KINDS,
        longest_step=max((step.seconds for step in report.steps), default=0),
    )


def write_report(report: Report, path: Path) -> None:
    """Writes the report, whole or not at all, as the suffix of the path asks: one of REPORT_SUFFIXES.

    :raises SlateError: report-failed.
    """
    content = _RENDERERS[path.suffix.lower()](report)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with unfinished.open("x", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SlateError(
            "report-failed",
            f'The report cannot be written to "{path}".',
            error.strerror or str(error) if path.parent.is_dir() else f'There is no folder "{path.parent}".',
            "What was recovered stays as it is. Name a file in a folder that exists and that you may write to.",
        ) from error


def _as_json_text(report: Report) -> str:
    return json.dumps(as_json(report), ensure_ascii=False, indent=2) + "\n"


_RENDERERS: dict[str, Callable[[Report], str]] = {".json": _as_json_text, ".html": as_html}
REPORT_SUFFIXES = tuple(_RENDERERS)


def _headline(report: Report) -> str:
    """The verdict and what makes it."""
    if report.method == "promote":
        held = "" if report.rows_restored is None else f", with {report.rows_restored:,} events"
        return f"{report.verdict.upper()}: the backup itself is the source now{held}"
    restored = "" if report.rows_restored is None else f"{report.rows_restored:,} events "
    text = f"{report.verdict.upper()}: {restored}restored by {report.method}"
    if report.diff is None:
        return f"{text}, not compared with the backup"
    if report.diff.identical:
        return f"{text}, every one as in the backup"
    at_least = "" if report.diff.complete else "at least "
    count = len(report.diff.differences)
    return f"{text}, {at_least}{count:,} {'event differs' if count == 1 else 'events differ'} from the backup"


def _facts(report: Report) -> list[tuple[str, str]]:
    facts = [("source", report.source), ("backup", report.backup)]
    if report.diff is not None:
        facts += _both("events", _extent(report.diff.left), _extent(report.diff.right))
        facts += _both("digest", report.diff.left.digest, report.diff.right.digest)
    if report.next_insert_id is not None:
        facts.append(("next id", f"{report.next_insert_id:,}"))
    duration = (report.finished_at - report.started_at).total_seconds()
    return [
        *facts,
        ("finished", f"{report.finished_at:%Y-%m-%d %H:%M:%S %Z}, after {describe_duration(duration)}"),
    ]


def _both(name: str, source: str, backup: str) -> list[tuple[str, str]]:
    """One fact where both sides have the same, else one a side."""
    return [(name, source)] if source == backup else [(f"{name}, source", source), (f"{name}, backup", backup)]


def _extent(extent: Extent) -> str:
    if extent.lowest_id is None or extent.highest_id is None:
        return "0"
    return f"{extent.events:,}, ids {extent.lowest_id:,} to {extent.highest_id:,}"


def _aligned(pairs: list[tuple[str, str]], side: str = "<") -> Iterator[str]:
    names, values = (max(len(pair[place]) for pair in pairs) for place in (0, 1))
    for name, value in pairs:
        yield f"  {name:<{names}}  {value:{side}{values}}".rstrip()


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
