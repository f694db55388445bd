"""The database objects: one SQL file each, and the manifest that says which database gets them, in which order."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

TableType = Literal["source", "destination"]

_FOLDER = files("init_slate_db.sql")


@dataclass(frozen=True)
class SqlObject:
    """One database object: its kind (``function``), its name and the statements that create it."""

    kind: str
    name: str
    sql: str


def read_objects(table_type: TableType) -> tuple[SqlObject, ...]:
    """The objects of a source or a destination, in the order of their installation."""
    return tuple(
        _read(path) for types, path in map(str.split, _manifest_lines()) if table_type == "source" or types == "both"
    )


def _manifest_lines() -> list[str]:
    text = (_FOLDER / "manifest.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _read(path: str) -> SqlObject:
    folder, _, name = path.partition("/")
    kind = {"indexes": "index"}.get(folder, folder.removesuffix("s"))
    return SqlObject(kind, name, (_FOLDER / folder / f"{name}.sql").read_text(encoding="utf-8"))
