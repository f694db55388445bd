"""What a comparison found, for people and for programs."""

from typing import Any

from init_slate_db.core.digests.extent import Extent
from recovery.diff.result import Comparison, Difference

_KINDS = {"changed": "changed", "only_left": "only on the left", "only_right": "only on the right"}


def as_text(comparison: Comparison) -> str:
    """The comparison in lines: what each side holds, each difference, and the verdict as the last one."""
    lines = [*_extent_lines("left", comparison.left), *_extent_lines("right", comparison.right)]
    for difference in comparison.differences:
        lines += _difference_lines(difference)
    if comparison.below_milliseconds:
        lines += [
            "All of these differ below the millisecond alone: the Node.js slate-replicator keeps milliseconds only.",
            "To compare no more than that: --timestamp-precision milliseconds",
        ]
    return "\n".join([*lines, _verdict(comparison)])


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as one JSON object."""
    return {
        "identical": comparison.identical,
        "events_compared": comparison.events_compared,
        "difference_count": len(comparison.differences),
        "differences": [_difference_object(difference) for difference in comparison.differences],
        "complete": comparison.complete,
        "below_milliseconds": comparison.below_milliseconds,
        "left": _extent_object(comparison.left),
        "right": _extent_object(comparison.right),
    }


def _extent_lines(side: str, extent: Extent) -> list[str]:
    ids = f", ids {extent.lowest_id:,} to {extent.highest_id:,}" if extent.events else ""
    return [
        f"{side:<5}  {extent.place}   {_count(extent.events)}{ids}",
        f"       digest {extent.digest}",
    ]


def _difference_lines(difference: Difference) -> list[str]:
    lines = [f"id {difference.id}  {_KINDS[difference.kind]}"]
    for value in difference.values:
        lines += [
            f"  {_printable(value.path)}",
            f"    left   {_shown(value.left)}",
            f"    right  {_shown(value.right)}",
        ]
    return lines


def _verdict(comparison: Comparison) -> str:
    if comparison.identical:
        return "identical"
    told = _count(len(comparison.differences))
    return (
        f"different: {told}" if comparison.complete else f"different: {told} told, there are more (--max-differences)"
    )


def _count(events: int) -> str:
    return "1 event" if events == 1 else f"{events:,} events"


def _shown(value: str | None) -> str:
    return "(none)" if value is None else _printable(value)


def _printable(text: str) -> str:
    """The text without what a terminal would act on."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _difference_object(difference: Difference) -> dict[str, Any]:
    return {
        "id": difference.id,
        "kind": difference.kind,
        "columns": list(difference.columns),
        "paths": [{"path": value.path, "left": value.left, "right": value.right} for value in difference.values],
    }


def _extent_object(extent: Extent) -> dict[str, Any]:
    return {
        "events": extent.events,
        "lowest_id": extent.lowest_id,
        "highest_id": extent.highest_id,
        "digest": extent.digest,
        "place": extent.place,
    }
