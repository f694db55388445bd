"""How much the tests try: a part of what could be, or all of it where SLATE_ALL_MOMENTS is set."""

import os

EVERYTHING = bool(os.environ.get("SLATE_ALL_MOMENTS"))


def moments(few: int, many: int) -> int:
    """How many moments to try: many of them with SLATE_ALL_MOMENTS, else few."""
    return many if EVERYTHING else few
