"""The folder of patches: what its files are called, and what their first lines ask for."""

import hashlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from init_slate_db.core.errors import SlateError

Number = tuple[int, int, int]
"""Major, minor and point of a patch; patches are applied in this order."""

PatchType = Literal["std", "direct", "concurrent"]
PATCH_TYPES: tuple[PatchType, ...] = get_args(PatchType)

# The ledger keeps these as integers.
_LARGEST = 2**31 - 1
_NAME = re.compile(r"patch-([0-9]+)-([0-9]+)-([0-9]+)-(std|direct|concurrent)\.sql")
_NUMBER = re.compile(r"([0-9]+)-([0-9]+)-([0-9]+)")
_HEADER = re.compile(r"--\s*(requires|conflicts)\s*:(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Patch:
    """One file. digest: SHA-256 of its bytes, in hexadecimal digits. requires, conflicts: what its header names."""

    number: Number
    type: PatchType
    path: Path
    text: str
    digest: str
    requires: tuple[Number, ...] = ()
    conflicts: tuple[Number, ...] = ()

    @property
    def label(self) -> str:
        """The number as people write it: 2-1-0."""
        return label(self.number)

    @property
    def is_std(self) -> bool:
        """Whether it goes to the source alone, and from there wherever the source's cluster has it go."""
        return self.type == "std"


@dataclass(frozen=True)
class Folder:
    """The patches of a folder, in the order of their numbers, and what else was seen there."""

    patches: tuple[Patch, ...]
    warnings: tuple[str, ...] = ()


def label(number: Number) -> str:
    """A number as people write it: 2-1-0."""
    return "-".join(map(str, number))


def read_number(text: str) -> Number | None:
    """The number that the text is, 2-1-0 for one; None: it is none."""
    match = _NUMBER.fullmatch(text.strip())
    return _number(match) if match else None


def read_patches(folder: Path) -> Folder:
    """Reads all patches of the folder.

    :raises SlateError: bad-patches: there is no such folder, or some of the files cannot be patches; all are named.
    """
    faults: list[str] = []
    warnings: list[str] = []
    patches: list[Patch] = []
    for path in _files(folder):
        match = _NAME.fullmatch(path.name)
        if not match or not path.is_file():
            warnings.append(f"{path.name} is not named patch-MAJOR-MINOR-POINT-std|direct|concurrent.sql: left alone.")
        elif (patch := _read(path, match, faults)) is not None:
            patches.append(patch)
    patches.sort(key=lambda patch: (patch.number, patch.path.name))
    for before, patch in itertools.pairwise(patches):
        if before.number == patch.number:
            faults.append(f"{before.path.name} and {patch.path.name}: two files have the number {patch.label}")
    raise_faults(faults)
    return Folder(tuple(patches), tuple(warnings))


def raise_faults(faults: list[str]) -> None:
    """:raises SlateError: bad-patches, where there is a fault; each begins with the name of its file."""
    if faults:
        raise SlateError(
            "bad-patches",
            "The patches cannot be applied:\n  " + "\n  ".join(faults),
            hint="Nothing was changed. Mend the files, then run the command again.",
        )


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SlateError(
            "bad-patches",
            f'The folder "{folder}" cannot be read.',
            why=error.strerror or "",
            hint="Name the folder that holds the patches.",
        ) from error


def _read(path: Path, match: re.Match[str], faults: list[str]) -> Patch | None:
    number = _number(match)
    if number is None:
        faults.append(f"{path.name}: its number has a part above {_LARGEST}")
        return None
    try:
        raw = path.read_bytes()
        # A byte order mark is an editor's doing; psql leaves it out as well.
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else f"byte {error.start + 1} is not UTF-8"
        faults.append(f"{path.name}: {why}")
        return None
    if "\0" in text:
        faults.append(f"{path.name}: it has a byte 0, which PostgreSQL takes in no text")
    if not text.strip():
        faults.append(f"{path.name}: it is empty")
    named = _read_header(path, text, faults)
    patch_type: PatchType = next(one for one in PATCH_TYPES if one == match[4])
    return Patch(number, patch_type, path, text, hashlib.sha256(raw).hexdigest(), named["requires"], named["conflicts"])


def _read_header(path: Path, text: str, faults: list[str]) -> dict[str, tuple[Number, ...]]:
    """What the comments above the first statement name."""
    found: dict[str, tuple[Number, ...]] = {"requires": (), "conflicts": ()}
    for place, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("--"):
            break
        if match := _HEADER.fullmatch(line):
            numbers = [(one.strip(), read_number(one)) for one in match[2].split(",")]
            faults += [f'{path.name}: line {place}: "{one}" is no number' for one, number in numbers if number is None]
            found[match[1].lower()] += tuple(number for _, number in numbers if number is not None)
    return found


def _number(match: re.Match[str]) -> Number | None:
    major, minor, point = (int(digits[:20]) for digits in match.group(1, 2, 3))
    return (major, minor, point) if max(major, minor, point) <= _LARGEST else None
