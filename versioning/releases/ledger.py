"""The ledger of releases, in schema slate: made by the first run that writes to it, in that run's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from init_slate_db import __version__
from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding, objection
from init_slate_db.core.sql_files import read_release_objects
from versioning import ledgers
from versioning.releases import NAME
from versioning.releases.naming import Version, read_version, split

# By names in the catalogs: to_regclass raises where the schema is closed to the role.
_FACTS = """
SELECT n.oid IS NOT NULL, count(t.oid) = 3, current_user,
       CASE WHEN count(t.oid) = 3
            THEN has_schema_privilege(n.oid, 'USAGE')
                 AND bool_and(has_table_privilege(t.oid, 'SELECT') AND has_table_privilege(t.oid, 'INSERT')
                          AND has_table_privilege(t.oid, 'UPDATE')
                          AND (t.relname <> 'release_calls' OR has_table_privilege(t.oid, 'DELETE')))
            WHEN n.oid IS NOT NULL THEN has_schema_privilege(n.oid, 'CREATE')
            ELSE has_database_privilege(current_database(), 'CREATE') END,
       pg_get_userbyid(coalesce(min(t.relowner::bigint)::oid, n.nspowner)), pg_is_in_recovery()
FROM (SELECT) AS one
LEFT JOIN pg_namespace AS n ON n.nspname = 'slate'
LEFT JOIN pg_class AS t
  ON t.relnamespace = n.oid AND t.relname IN ('release', 'release_activation', 'release_calls')
GROUP BY n.oid, n.nspowner
"""
_READ = """
SELECT r.schema_name, r.base, r.major, r.minor, r.patch, r.digest, r.script, r.created_at, r.created_by, r.retired_at,
       n.oid IS NOT NULL AS exists
FROM slate.release AS r LEFT JOIN pg_namespace AS n ON n.nspname = r.schema_name
ORDER BY r.base, r.major, r.minor, r.patch
"""
_ADD = """
INSERT INTO slate.release (schema_name, base, major, minor, patch, digest, script, tool_version)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_RETIRE = """
UPDATE slate.release SET retired_at = clock_timestamp(), retired_by = session_user, script = %s WHERE schema_name = %s
"""
_RESTORE = """
UPDATE slate.release SET retired_at = NULL, retired_by = NULL, restored_at = clock_timestamp() WHERE schema_name = %s
"""
_SCHEMAS = r"SELECT nspname::text FROM pg_namespace WHERE nspname ~ '_v\d+_\d+_\d+$' ORDER BY nspname"


@dataclass(frozen=True)
class Release:
    """One row of the ledger. exists: whether its schema does."""

    schema_name: str
    base: str
    major: int
    minor: int
    patch: int
    digest: str
    script: str
    created_at: datetime
    created_by: str
    retired_at: datetime | None
    exists: bool

    @property
    def version(self) -> Version:
        return Version(self.major, self.minor, self.patch)


@dataclass(frozen=True)
class Ledger:
    """What the database has of a ledger. may_write: whether the role may, or may make it where it is not there."""

    is_there: bool
    has_schema: bool
    may_write: bool
    role: str
    owner: str | None
    in_recovery: bool
    releases: tuple[Release, ...]

    def find(self, schema: str) -> Release | None:
        return next((one for one in self.releases if one.schema_name == schema), None)

    def writing(self) -> Finding:
        """Whether it can be written to, as a finding."""
        if self.in_recovery:
            error = SlateError("read-only", "The server is a standby.", hint="Name its primary.")
            return Finding("the server is a standby, which takes no changes", error)
        if self.may_write:
            return Finding(f'role "{self.role}" may write to the ledger of releases')
        if self.is_there:
            what = f'role "{self.role}" may not write to the ledger of releases'
            hint = f'Use role "{self.owner}", or have it run: GRANT USAGE ON SCHEMA slate TO "{self.role}";' + (
                " GRANT SELECT, INSERT, UPDATE ON slate.release, slate.release_activation, slate.release_calls"
                f' TO "{self.role}"; GRANT DELETE ON slate.release_calls TO "{self.role}"'
            )
        elif self.has_schema:
            what = f'role "{self.role}" may not make the ledger of releases in schema slate'
            hint = f'Use role "{self.owner}", which owns the schema, or have it run:' + (
                f' GRANT CREATE ON SCHEMA slate TO "{self.role}"'
            )
        else:
            what = f'role "{self.role}" may not create a schema in this database'
            hint = f'Have the owner of the database run: GRANT CREATE ON DATABASE … TO "{self.role}"'
        return objection("no-right", what, hint)


def read(connection: Connection) -> Ledger:
    """The ledger, without rows where there is none or the role may not read it."""
    row = connection.execute(_FACTS).fetchone()
    assert row
    has_schema, is_there, role, may_write, owner, in_recovery = row
    releases: Sequence[Release] = ()
    if is_there and _may_read(connection):
        releases = connection.cursor(row_factory=class_row(Release)).execute(_READ).fetchall()
    return Ledger(is_there, has_schema, may_write, role, owner, in_recovery, tuple(releases))


def _may_read(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT has_schema_privilege('slate', 'USAGE') AND has_table_privilege('slate.release', 'SELECT')"
    ).fetchone()
    return row == (True,)


def ensure(connection: Connection) -> None:
    """Makes what is missing of the ledger, in the caller's transaction. For a run that has the turn."""
    ledgers.ensure(connection, "slate.release_calls", read_release_objects)


def add(connection: Connection, base: str, version: Version, digest: str, script: str) -> None:
    """Adds a release that was created in this transaction."""
    numbers = (version.major, version.minor, version.patch)
    connection.execute(_ADD, (version.schema(base), base, *numbers, digest, script, __version__))


def note_retired(connection: Connection, schema: str, script: str) -> None:
    """Notes that the schema is gone, and what makes it again."""
    connection.execute(_RETIRE, (script, schema))


def note_restored(connection: Connection, schema: str) -> None:
    connection.execute(_RESTORE, (schema,))


def read_schemas(connection: Connection) -> list[str]:
    """The schemas that bear a version in their names, whoever made them."""
    return [name for (name,) in connection.execute(_SCHEMAS) if split(name)]


def find_schema(connection: Connection, ledger: Ledger, named: str, base: str) -> str:
    """The schema that a user means by a version, X.Y.Z, or by a schema's name.

    :param base: of which API, where a version alone does not tell; "": whichever has it.
    :raises SlateError: release-missing: none, or several.
    """
    names = sorted({*read_schemas(connection), *(one.schema_name for one in ledger.releases)})
    version = read_version(named)
    if version is None:
        if _exists(connection, named) or named in names:
            return named
        found = []
    else:
        found = [name for name in names if (parts := split(name)) and parts[1] == version and base in ("", parts[0])]
    if len(found) == 1:
        return found[0]
    known = ", ".join(names) or "none"
    if found:
        raise SlateError(
            "release-missing",
            f"Several releases are {named}: {', '.join(found)}.",
            hint="Name one by --schema, or in full.",
        )
    raise SlateError("release-missing", f"There is no release {named}.", hint=f"Releases of this database: {known}.")


def find_live(connection: Connection, ledger: Ledger, named: str, base: str) -> str:
    """The same, of a release whose schema is there.

    :raises SlateError: release-missing: it was retired, too.
    """
    schema = find_schema(connection, ledger, named, base)
    if _exists(connection, schema):
        return schema
    row = ledger.find(schema)
    was = f"was retired on {row.retired_at:%Y-%m-%d}" if row and row.retired_at else "is gone: others dropped it"
    raise SlateError("release-missing", f"{schema} {was}.", hint=f"{NAME} restore {schema} brings it back.")


def _exists(connection: Connection, schema: str) -> bool:
    return connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).rowcount > 0
