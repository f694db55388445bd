"""The search_path that roles and databases have: what it is, and how it is set."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from init_slate_db.core.connection import Connection
from versioning.releases.naming import split
from versioning.sql_text import read_tokens

# Of this database, and of roles in all databases.
_READ = """
SELECT r.rolname::text, d.datname::text, substr(c.setting, length('search_path=') + 1)
FROM pg_db_role_setting AS s
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
CROSS JOIN unnest(s.setconfig) AS c(setting)
WHERE c.setting ^@ 'search_path=' AND (s.setdatabase = 0 OR d.datname = current_database())
ORDER BY r.rolname NULLS FIRST, d.datname NULLS LAST
"""
_BEHIND = ("public",)


@dataclass(frozen=True)
class Setting:
    """A search_path. role: whose; None: everybody's. database: where; None: in every one."""

    role: str | None
    database: str | None
    path: str

    @property
    def schemas(self) -> tuple[str, ...]:
        return schemas_of(self.path)

    @property
    def owner(self) -> str:
        """Whose it is, in words."""
        return describe_owner(self.role) + ("" if self.role is None or self.database else " in every database")


def describe_owner(role: str | None) -> str:
    return "the database" if role is None else f'role "{role}"'


def read(connection: Connection) -> list[Setting]:
    """All settings that sessions in this database begin with, those of the database first."""
    return [Setting(*row) for row in connection.execute(_READ)]


def find(settings: Sequence[Setting], role: str | None) -> str | None:
    """The path that is set for the role in this database, or for the database; None: there is none."""
    return next((one.path for one in settings if one.database is not None and one.role == role), None)


def schemas_of(path: str) -> tuple[str, ...]:
    """The schemas that a path names."""
    return tuple(token.name for token in read_tokens(path) if token.name)


def with_release(path: str | None, schema: str) -> tuple[str, ...]:
    """The schemas of a path in which the release stands: in the place of another version of it, else first."""
    parts = split(schema)
    versions = {one for one in schemas_of(path or "") if parts and (other := split(one)) and other[0] == parts[0]}
    before = _BEHIND if path is None else schemas_of(path)
    replaced = tuple(schema if one in versions or one == schema else one for one in before)
    full = replaced if schema in replaced else (schema, *replaced)
    return tuple(dict.fromkeys(full))


def set_path(connection: Connection, role: str | None, schemas: Sequence[str] | None) -> None:
    """Sets the path of a role in this database, or of the database. schemas: None takes the setting away."""
    database = sql.Identifier(connection.info.dbname)
    whose = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), database) if role else None
    statement = sql.SQL("ALTER {} ").format(whose or sql.SQL("DATABASE {}").format(database))
    if schemas is None:
        connection.execute(statement + sql.SQL("RESET search_path"))
        return
    # Of no schema at all, the empty name stands in a list of one.
    names = sql.SQL(", ").join(map(sql.Identifier, schemas)) if schemas else sql.Literal("")
    connection.execute(statement + sql.SQL("SET search_path TO ") + names)


def as_text(schemas: Sequence[str]) -> str:
    """A path for people."""
    return ", ".join(schemas)


def effective(settings: Sequence[Setting], role: str) -> tuple[str, ...]:
    """The schemas of the path that a session of the role begins with in this database, as far as settings say."""
    order = [(role, True), (role, False), (None, True), (None, False)]
    by_place = {(one.role, one.database is not None): one for one in settings}
    return next((by_place[place].schemas for place in order if place in by_place), ())
