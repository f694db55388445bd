"""What was measured, kept in files: one for each part, so that a part can be measured again without the others."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from benchmarks.comparison import Comparison, Spread, Target
from benchmarks.machine import Machine
from benchmarks.usage import UNMEASURED, Usage

# Grows by one where an older program would misread what a newer one wrote.
FORMAT = 1
# After the point: microseconds.
DIGITS = 6

Kind = TypeVar("Kind")


class ResultsError(Exception):
    """A file of results cannot be read; says which, and why."""


@dataclass(frozen=True)
class Conditions:
    """When and where something was measured.

    :param measured_at: ISO 8601, in UTC; a date alone where the time was not kept.
    :param postgresql: the version, such as 15.20; None where no server is part of it.
    :param events: how many there were; None where there were none.
    :param load_before: how many processes wanted a processor in the minute before; load_after: in the last minute of
        it, those that were measured among them. None where that was not kept.
    :param told: the figures were written down by hand, from a document that had medians alone.
    """

    measured_at: str
    machine: Machine
    postgresql: str | None = None
    events: int | None = None
    load_before: float | None = None
    load_after: float | None = None
    told: bool = False


@dataclass(frozen=True)
class Point:
    """What one way took with that many events.

    :param peer: the way is not ours.
    :param seconds: in each round.
    """

    way: str
    events: int
    seconds: tuple[float, ...]
    usage: Usage = UNMEASURED
    peer: bool = False

    @property
    def median(self) -> float:
        """Seconds."""
        return median(self.seconds)


@dataclass(frozen=True)
class Result:
    """One part's figures: comparisons, or points of growth.

    complete: False while more of it is being measured, and where that was interrupted.
    """

    part: str
    conditions: Conditions
    comparisons: tuple[Comparison, ...] = ()
    points: tuple[Point, ...] = ()
    complete: bool = True

    @property
    def major(self) -> str | None:
        """The major version of PostgreSQL; None where no server is part of it."""
        version = self.conditions.postgresql
        return version.partition(".")[0] if version else None

    @property
    def file_name(self) -> str:
        """Part, major version of PostgreSQL and, where it tells results apart, the number of events."""
        words = [self.part, self.major, str(self.conditions.events) if self.points else None]
        return "-".join(word for word in words if word) + ".json"


def write(result: Result, folder: Path) -> None:
    """Keeps a result in place of an earlier one of the same part, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{result.file_name}.{os.getpid()}"
    unfinished.write_text(to_json(result), encoding="utf-8")
    unfinished.replace(folder / result.file_name)


def read_all(folder: Path) -> list[Result]:
    """All results of a folder, by file name; none where there is no folder.

    :raises ResultsError: one of them cannot be read.
    """
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def to_json(result: Result) -> str:
    """The result as text."""
    return json.dumps({"format": FORMAT} | _rounded(asdict(result)), ensure_ascii=False, indent=1) + "\n"


def from_json(text: str) -> Result:
    """The result that such text holds.

    :raises ValueError: it holds none.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise ValueError(f"it does not have format {FORMAT}")
    try:
        conditions = dict(found["conditions"])
        conditions["machine"] = Machine(**conditions["machine"])
        return Result(
            part=found["part"],
            conditions=Conditions(**conditions),
            comparisons=tuple(_comparison(one) for one in found["comparisons"]),
            points=tuple(_point(one) for one in found["points"]),
            complete=found["complete"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"something is missing or too much: {error}") from error


def _read(path: Path) -> Result:
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path.name} does not hold results: {error}. Measure that part again.") from error


def _comparison(found: Mapping[str, Any]) -> Comparison:
    known = dict(found)
    known["target"] = _maybe(Target, known["target"])
    known["told"] = _maybe(Spread, known["told"])
    known["our_usage"] = Usage(**known["our_usage"])
    known["their_usage"] = Usage(**known["their_usage"])
    return Comparison(**known | {side: tuple(known[side]) for side in ("ours", "theirs")})


def _point(found: Mapping[str, Any]) -> Point:
    return Point(**dict(found) | {"seconds": tuple(found["seconds"]), "usage": Usage(**found["usage"])})


def _rounded(value: Any) -> Any:
    """The same with no more digits than any clock here has."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value


def _maybe(kind: type[Kind], found: Mapping[str, Any] | None) -> Kind | None:
    return None if found is None else kind(**found)
