"""Passwords in SQL, which no log and no error shows."""

import re

_NAMED = r"password(?:\s+|\s*(?:=>|:=)\s*)"
# Each with the secret behind what it is known by.
_SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"(?P<before>{_NAMED}(?:e|u&)?')(?P<secret>(?:[^'\\]|\\.|'')*)",
        rf"(?P<before>{_NAMED}(?P<tag>\$[^$\s]*\$))(?P<secret>.*?)(?=(?P=tag))",
        r"(?P<before>password\s*=\s*)(?P<secret>(?:''|[^\s'&>])(?:''|[^\s'&])*)",
        r"(?P<before>postgres(?:ql)?://[^\s:/@']*:)(?P<secret>[^\s@']+)(?=@)",
    )
)


def mask(text: str) -> str:
    """The text with passwords starred out. It keeps its length, so that positions in it stay true."""
    for pattern in _SECRETS:
        text = pattern.sub(lambda match: match["before"] + "*" * len(match["secret"]), text)
    return text


def first_line(text: str) -> str:
    """What people know a statement by."""
    return mask(text).partition("\n")[0].rstrip()
