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


def read_objects(table_type: TableType, *, partitions: bool = False) -> tuple[SqlObject, ...]:
    """The objects of a source or a destination, in the order of their installation.

    :param partitions: whether events is partitioned, in a source; one function then has the size by a placeholder.
    """
    return _read_all({"both", table_type} | _variants(table_type, partitions))


def read_objects_with_roles(table_type: TableType, *, partitions: bool = False) -> tuple[SqlObject, ...]:
    """The same, and among them roles and privileges, whose statements name roles and database by placeholders."""
    roles = {"both+roles", f"{table_type}+roles"}
    return _read_all({"both", table_type} | roles | _variants(table_type, partitions))


def _variants(table_type: TableType, partitions: bool) -> set[str]:
    ending = "+partitions" if partitions else "-partitions"
    return {f"both{ending}", f"{table_type}{ending}"}


def read_following_objects() -> tuple[SqlObject, ...]:
    """What a destination has as long as it follows a source."""
    return _read_all({"following"})


def read_snapshot_objects() -> tuple[SqlObject, ...]:
    """What a database needs for snapshots of everything that is not data, and for going back to them."""
    return _read_all({"pov"})


def read_migration_objects() -> tuple[SqlObject, ...]:
    """What a database has in schema slate as soon as patches are applied to it."""
    return _read_all({"migrations"})


def read_release_objects() -> tuple[SqlObject, ...]:
    """What a database has in schema slate as soon as it has releases."""
    return _read_all({"releases"})


def read_archive_objects() -> tuple[SqlObject, ...]:
    """The record, in schema slate, of what an archive's deployments did to a database."""
    return _read_all({"archive"})


def read_object(kind: str, name: str) -> SqlObject:
    """One object.

    :param kind: ``function``, say.
    :raises KeyError: there is none.
    """
    for _, path in map(str.split, _manifest_lines()):
        item = _read(path)
        if (item.kind, item.name) == (kind, name):
            return item
    raise KeyError(f"{kind} {name}")


def _read_all(types: set[str]) -> tuple[SqlObject, ...]:
    return tuple(_read(path) for listed, path in map(str.split, _manifest_lines()) if listed in types)


def _manifest_lines() -> list[str]:
    text = (_FOLDER / "manifest.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _read(path: str) -> SqlObject:
    folder, _, file = path.partition("/")
    name = file.removesuffix(".partitioned")
    kind = {"indexes": "index"}.get(folder, folder.removesuffix("s"))
    return SqlObject(kind, name, (_FOLDER / folder / f"{file}.sql").read_text(encoding="utf-8"))
