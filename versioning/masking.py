"""Passwords in the text of a patch, which no log and no error shows."""

import re

_LITERAL = re.compile(r"(password\s+(?:e)?')((?:[^'\\]|\\.|'')*)", re.IGNORECASE)
_CONNINFO = re.compile(r"(password\s*=\s*)((?:''|[^\s'&])+)", re.IGNORECASE)


def mask(text: str) -> str:
    """The text with passwords starred out. It keeps its length, so that positions in it stay true."""
    for pattern in (_LITERAL, _CONNINFO):
        text = pattern.sub(lambda match: match[1] + "*" * len(match[2]), text)
    return text


def first_line(text: str) -> str:
    """What people know a statement by."""
    return mask(text).partition("\n")[0].rstrip()
