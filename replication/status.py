"""The verb status: how far behind the destinations of a source are."""

import json
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from init_slate_db.core.addresses import answered, reach
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.progress import describe_duration
from replication.options import PROGRAM, StatusOptions
from replication.standing import Answers, Standing, Standings, look

_UNITS = ((2**30, "GB"), (2**20, "MB"), (2**10, "kB"))


def status(options: StatusOptions) -> ExitStatus:
    """Looks once, or again and again until it is interrupted or nobody reads it any more, and tells.

    :raises SlateError: the source cannot be read.
    """
    answers: Answers = {}
    while True:
        started = time.monotonic()
        found = _look(options, answers)
        is_read = write_result(
            json.dumps(_as_json(options, found)) if options.format == "json" else _for_people(options, found)
        )
        if options.watch is None or not is_read:
            well = all(one.follows and not one.exceeds(options.limits) for one in found.destinations)
            return ExitStatus.DONE if well else ExitStatus.DIFFERENT
        time.sleep(max(0.0, options.watch - (time.monotonic() - started)))


def _for_people(options: StatusOptions, found: Standings) -> str:
    """What a person reads. One look of several is set apart from the one before: on a terminal it takes its place."""
    if options.watch is None:
        return _as_text(options, found)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().clear()
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n{_as_text(options, found)}"


def _look(options: StatusOptions, answers: Answers) -> Standings:
    """answers: of the looks before, which nobody is asked for again."""
    source = reach(answers.get(options.source, options.source), PROGRAM)
    answers[options.source] = answered(options.source, source)
    with source.connection:
        # The shared options, and libpq's own sources, lead to destinations; what the source's address names does not.
        fallback = replace(options.source, connection=options.fallback)
        return look(source, fallback, options.destinations, answers)


def _as_text(options: StatusOptions, found: Standings) -> str:
    lines = [f"source  {found.place}   highest id {found.highest_id:,}"]
    for one in found.destinations:
        lines += ["", *_lines(one)]
        if one.exceeds(options.limits):
            lines.append("  further behind than --max-lag")
    if not found.destinations:
        lines.append("No destination follows it.")
    return "\n".join(lines)


def _lines(one: Standing) -> list[str]:
    lines = [f"{one.state}  {one.place}" if one.place else one.state]
    if one.reason:
        lines.append(f"  {one.reason}")
    if one.highest_id is not None and one.lag_events is None:
        lines.append(f"  highest id {one.highest_id:,}")
    if one.lag_events is not None:
        behind = "up to date" if not one.lag_events else f"{one.lag_events:,} events behind"
        since = f", the oldest of them {_duration(one.lag_seconds)} old" if one.lag_events and one.lag_seconds else ""
        lines.append(f"  highest id {one.highest_id:,}: {behind}{since}")
    if one.held_bytes is not None:
        safe = f", {_bytes(one.safe_bytes)} more at most" if one.safe_bytes is not None else ""
        lines.append(
            f"  slot {one.name}: {_bytes(one.lag_bytes or 0)} not confirmed, holds back {_bytes(one.held_bytes)}{safe}"
        )
    if one.follows and one.refuses_writes is False:
        lines.append("  others may write there, too; slate-replicate add ends that")
    if one.errors:
        lines.append(f"  applying has failed {one.errors:,} times since statistics began")
    return lines


def _duration(seconds: float | None) -> str:
    seconds = seconds or 0.0
    return f"{seconds:.1f} s" if seconds < 10 else describe_duration(seconds)


def _bytes(count: int) -> str:
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _as_json(options: StatusOptions, found: Standings) -> dict[str, Any]:
    return {
        "source": found.place,
        "highest_id": found.highest_id,
        "destinations": [
            asdict(one) | {"follows": one.follows, "over_max_lag": one.exceeds(options.limits)}
            for one in found.destinations
        ],
    }
