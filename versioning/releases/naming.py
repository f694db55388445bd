"""Versions, and the names of schemas that bear them."""

import re
from dataclasses import dataclass

_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_VERSIONED = re.compile(r"(?P<base>.+)_v(0|[1-9][0-9]*)_(0|[1-9][0-9]*)_(0|[1-9][0-9]*)", re.DOTALL)
_PREFIX = re.compile(r"[0-9]+[_-]")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# In bytes of UTF-8: PostgreSQL cuts longer names.
LONGEST = 63
# Schemas that have another use. What begins with pg_ is PostgreSQL's, too.
_RESERVED = ("information_schema", "pov", "public", "slate")


@dataclass(frozen=True, order=True)
class Version:
    """Major, minor and patch number."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def schema(self, base: str) -> str:
        """The schema that holds this version of the API."""
        return f"{base}_v{self.major}_{self.minor}_{self.patch}"


def read_version(text: str) -> Version | None:
    """The version that a user types as X.Y.Z; None: it is none."""
    match = _VERSION.fullmatch(text)
    return Version(*map(int, match.groups())) if match else None


def split(schema: str) -> tuple[str, Version] | None:
    """API and version of a schema's name; None: it bears no version."""
    match = _VERSIONED.fullmatch(schema)
    return (match["base"], Version(*map(int, match.groups()[1:]))) if match else None


def base_of_folder(name: str) -> str:
    """The API that a folder is named for: ``proj_api`` for ``50_proj_api``."""
    return _PREFIX.sub("", name, count=1)


def fault_of_base(base: str) -> str:
    """Why a schema cannot be an API; "": it can."""
    if not base:
        return "is empty"
    if base in _RESERVED or base.startswith("pg_"):
        return "has another use"
    if split(base):
        return "bears a version already"
    if len(base.encode()) > LONGEST:
        return f"is longer than {LONGEST} bytes"
    return ""


def fault_of_length(schema: str) -> str:
    """Why PostgreSQL would cut a schema's name; "": it does not."""
    return f'schema "{schema}" would be longer than {LONGEST} bytes' if len(schema.encode()) > LONGEST else ""


def as_identifier(name: str) -> str:
    """A name in SQL, in quotes only where they might be needed: no key word of PostgreSQL's ends in digits."""
    needs_no_quotes = _PLAIN.fullmatch(name) and split(name)
    return name if needs_no_quotes else '"' + name.replace('"', '""') + '"'
