"""What a comparison is asked to do."""

from dataclasses import dataclass
from typing import Literal, get_args

Precision = Literal["microseconds", "milliseconds"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
LARGEST_ID = 2**63 - 1
SMALLEST_ID = -(2**63)


@dataclass(frozen=True)
class Settings:
    """How two tables are compared.

    jobs: connections a side, at most. until_id: the last id that counts, inclusive. max_differences: how many are
    told. precision: what of ts counts; finer parts are cut off.
    """

    jobs: int = 4
    until_id: int = LARGEST_ID
    max_differences: int = 100
    precision: Precision = "microseconds"
