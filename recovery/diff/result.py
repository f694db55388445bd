"""What a comparison of two events tables finds."""

from dataclasses import dataclass
from typing import Literal

from init_slate_db.core.digests.extent import Extent

Kind = Literal["changed", "only_left", "only_right"]


@dataclass(frozen=True)
class ValueDifference:
    """One place where two events differ.

    path: the column, ``ts`` or ``event``, and behind the latter the way into the document: ``event.metadata.list[3]``.
    left, right: the values as text, JSON's for ``event``; None where there is none. Long ones are cut.
    """

    path: str
    left: str | None
    right: str | None


@dataclass(frozen=True)
class Difference:
    """One event that is not the same on both sides. columns: those that differ. values: empty where a side lacks it."""

    id: int
    kind: Kind
    columns: tuple[str, ...]
    values: tuple[ValueDifference, ...]


@dataclass(frozen=True)
class Comparison:
    """The result. events_compared: how many events the fuller side has.

    complete: whether differences holds all that there are; where not, the search ended at the number asked for.
    below_milliseconds: the differences told are all in the microseconds of ts below the millisecond.
    """

    identical: bool
    events_compared: int
    differences: tuple[Difference, ...]
    complete: bool
    below_milliseconds: bool
    left: Extent
    right: Extent
