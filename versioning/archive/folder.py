"""The folder of an archive: NAME.json with the versions, and in NAME/ their schemas and deltas."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from init_slate_db.core.errors import SlateError

FORMAT = 1
PARTITIONS = "partitions"
"""What may be left out of an archive: partitions that come and go with the data."""

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,99}")


def is_version(text: str) -> bool:
    """Whether a version can be called so: its files are named for it."""
    return _VERSION.fullmatch(text) is not None


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Version:
    """One version on record.

    parents: by version, the digest of the delta from it; None: there is nothing to do. schema: the digest of its
    schema. server: the version of PostgreSQL that printed the schema.
    """

    parents: Mapping[str, str | None]
    schema: str
    pushed_at: str
    server: str


@dataclass(frozen=True)
class Archive:
    """What NAME.json says. leave_out: what is not looked at, PARTITIONS for one."""

    folder: Path
    name: str
    versions: Mapping[str, Version]
    leave_out: tuple[str, ...] = ()

    @property
    def record(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def files(self) -> Path:
        return self.folder / self.name

    @property
    def parents(self) -> dict[str, list[str]]:
        return {name: list(version.parents) for name, version in self.versions.items()}

    def schema_file(self, version: str) -> Path:
        return self.files / f"{version}.schema.sql"

    def delta_file(self, version: str, parent: str) -> Path:
        """The delta from a parent: of the first one, the version's deltas file."""
        parents = list(self.versions[version].parents) if version in self.versions else [parent]
        is_first = parents[0] == parent
        return self.files / (f"{version}.deltas.sql" if is_first else f"{version}.deltas-from-{parent}.sql")

    def pending_file(self, parent: str, *, is_first: bool = True) -> Path:
        """The delta that waits for the next push."""
        return self.folder / (f"{self.name}.deltas" if is_first else f"{self.name}.deltas-from-{parent}")

    def schema(self, version: str) -> str:
        """The schema of a version as DDL.

        :raises SlateError: archive-changed: it is not what is on record.
        """
        return _read_sealed(self.schema_file(version), self.versions[version].schema)

    def delta(self, version: str, parent: str) -> str:
        """The delta from the parent to the version; "": there is nothing to do.

        :raises SlateError: archive-changed: it is not what is on record.
        """
        sealed = self.versions[version].parents[parent]
        return _read_sealed(self.delta_file(version, parent), sealed) if sealed else ""

    def check_files(self) -> None:
        """:raises SlateError: archive-changed: a file is not what is on record."""
        for name, version in self.versions.items():
            self.schema(name)
            for parent in version.parents:
                self.delta(name, parent)

    def insist_on(self, version: str) -> None:
        """:raises SlateError: version-unknown."""
        if version not in self.versions:
            known = ", ".join(self.versions) or "none"
            raise SlateError(
                "version-unknown", f'Archive "{self.name}" has no version "{version}".', hint=f"It has: {known}."
            )

    def write(self, texts: Mapping[Path, str]) -> None:
        """Writes files of the archive, and the record last: it never names what is not there."""
        self.files.mkdir(parents=True, exist_ok=True)
        record = {
            "format": FORMAT,
            "leave_out": list(self.leave_out),
            "versions": {name: asdict(version) for name, version in self.versions.items()},
        }
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        for path, content in {**texts, self.record: text}.items():
            partial = path.with_name(f".{path.name}.partial")
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keeps others from writing to the archive meanwhile.

        :raises SlateError: archive-changed: somebody else is, or has since the archive was read.
        """
        taken = SlateError(
            "archive-changed",
            f"Another run is writing to archive {self.record}, or has since this one began.",
            hint="Run the command again.",
        )
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise taken from None
            if open_archive(self.folder, self.name).versions != self.versions:
                raise taken
            yield
        finally:
            os.close(handle)


def _read_sealed(path: Path, sealed: str) -> str:
    try:
        # As bytes: not even line ends may differ.
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SlateError(
            "archive-changed", f"{path} cannot be read.", why=str(error), hint="Bring it back from the repository."
        ) from error
    if digest(text) != sealed:
        raise SlateError(
            "archive-changed",
            f"{path} is not what is on record.",
            why=f"Its SHA-256 is {digest(text)}; on record is {sealed}.",
            hint="Bring it back from the repository; put changes into a delta of a new version.",
        )
    return text


def list_names(folder: Path) -> list[str]:
    """The archives in the folder."""
    return sorted(path.stem for path in folder.glob("*.json"))


def find_name(folder: Path, name: str | None) -> str:
    """The archive in the folder: the one that was named, or the only one.

    :raises SlateError: archive-missing: none, or several.
    """
    if name:
        return name
    names = list_names(folder)
    if len(names) == 1:
        return names[0]
    raise SlateError(
        "archive-missing",
        f"{folder} holds {'several archives: ' + ', '.join(names) if names else 'no archive'}.",
        hint="Name one with --name."
        if names
        else "Make one: slate-schema archive init, or name its folder: --archive.",
    )


def open_archive(folder: Path, name: str | None) -> Archive:
    """Reads the record of an archive.

    :raises SlateError: archive-missing, archive-damaged.
    """
    name = find_name(folder, name)
    path = folder / f"{name}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SlateError(
            "archive-missing",
            f"There is no archive {path}.",
            hint="Make one: slate-schema archive init, or name another one: --archive, --name.",
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    return Archive(folder, name, _read_versions(path, record), tuple(record.get("leave_out", ())))


def _read_versions(path: Path, record: Any) -> dict[str, Version]:
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise _damaged(path, f"It is not of format {FORMAT}.")
    versions: dict[str, Version] = {}
    try:
        for name, entry in record["versions"].items():
            versions[name] = Version(dict(entry["parents"]), entry["schema"], entry["pushed_at"], entry["server"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"Something is missing in it: {error}") from error
    for name, version in versions.items():
        for one in (name, *version.parents):
            if not is_version(one):
                raise _damaged(path, f'"{one}" is no name of a version.')
    return versions


def _damaged(path: Path, why: str) -> SlateError:
    return SlateError(
        "archive-damaged", f"{path} is no archive that can be read.", why=why, hint="Bring it back from the repository."
    )
