"""Words that several verbs tell and read alike."""

import re
from datetime import timedelta
from typing import Any

from init_slate_db.core import options as shared
from init_slate_db.core.options import Faults

_AGE = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def counted(number: int, noun: str) -> str:
    """So many of them: one snapshot, several snapshots."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def read_age(value: Any, option: str, faults: Faults) -> timedelta | None:
    """An age: hours, days or weeks."""
    text = shared.read_text(value, option, faults)
    if text is None:
        return None
    match = _AGE.fullmatch(text)
    if match is None:
        faults.add(option, f'"{text}" is no age, such as 12h, 30d or 8w')
        return None
    return timedelta(**{_UNITS[match["unit"]]: int(match["number"])})
