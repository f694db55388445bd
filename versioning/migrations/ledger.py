"""The ledger, table slate.patch of every node: which patches it has, and how far a concurrent one got."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from init_slate_db import __version__
from init_slate_db.core.connection import Connection
from init_slate_db.core.sql_files import read_migration_objects
from versioning import ledgers
from versioning.migrations.cluster import Origin
from versioning.migrations.patches import Number, Patch, label

LEDGER = "slate.patch"
_READ = """
SELECT major, minor, point, type, digest, started_at, ended_at, role, came_from, tool_version, done, done_digest, begun,
       begun_pid, begun_session
FROM slate.patch ORDER BY major, minor, point
"""
_BEGIN = """
INSERT INTO slate.patch (major, minor, point, type, digest, started_at, role, came_from, tool_version)
VALUES ({major}, {minor}, {point}, {type}, {digest}, pg_catalog.clock_timestamp(), {role}, {came_from}, {tool_version})
"""
_END = """
UPDATE slate.patch SET ended_at = pg_catalog.clock_timestamp()
WHERE (major, minor, point) = ({major}, {minor}, {point})
"""
_MARK = """
UPDATE slate.patch AS p SET begun = {begun}, begun_pid = a.pid, begun_session = a.backend_start
FROM pg_catalog.pg_stat_activity AS a
WHERE (p.major, p.minor, p.point) = ({major}, {minor}, {point}) AND a.pid = pg_catalog.pg_backend_pid()
  AND p.done = {done} AND p.ended_at IS NULL
"""
_UNMARK = """
UPDATE slate.patch SET begun = NULL, begun_pid = NULL, begun_session = NULL
WHERE (major, minor, point) = ({major}, {minor}, {point}) AND done = {done} AND ended_at IS NULL
"""
_STEP = """
UPDATE slate.patch
SET done = done + 1, done_digest = {done_digest}, begun = NULL, begun_pid = NULL, begun_session = NULL
WHERE (major, minor, point) = ({major}, {minor}, {point}) AND done = {done} AND ended_at IS NULL
"""
_ACCEPT = """
UPDATE slate.patch SET former_digest = digest, digest = {digest}, type = {type},
       accepted_at = pg_catalog.clock_timestamp(), accepted_by = {role}
WHERE (major, minor, point) = ({major}, {minor}, {point})
"""


@dataclass(frozen=True)
class Row:
    """One row of the ledger, as the comments of its table say."""

    major: int
    minor: int
    point: int
    type: str
    digest: str
    started_at: datetime
    ended_at: datetime | None
    role: str
    came_from: str
    tool_version: str
    done: int
    done_digest: str | None
    begun: str | None
    begun_pid: int | None
    begun_session: datetime | None

    @property
    def number(self) -> Number:
        return self.major, self.minor, self.point

    @property
    def label(self) -> str:
        return label(self.number)

    @property
    def is_complete(self) -> bool:
        return self.ended_at is not None

    def differs_from(self, patch: Patch) -> bool:
        """Whether the file is another one than was applied."""
        return (self.digest, self.type) != (patch.digest, patch.type)


Ledger = dict[Number, Row]


class LedgerMovedError(Exception):
    """The row is no longer as this run left it: something else works on the same patch."""


def ensure(connection: Connection) -> None:
    """Makes the ledger where there is none, in the caller's transaction. For a run that has the turn."""
    ledgers.ensure(connection, LEDGER, read_migration_objects)


def read(connection: Connection) -> Ledger:
    """All rows; none where there is no ledger.

    :raises SlateError: no-right.
    """
    if not ledgers.is_there(connection, LEDGER):
        return {}
    rows = connection.cursor(row_factory=class_row(Row)).execute(_READ).fetchall()
    return {row.number: row for row in rows}


def begin_text(patch: Patch, origin: Origin) -> str:
    """The SQL that adds the row of a patch, to be run in its transaction before it."""
    return _text(
        _BEGIN,
        patch,
        type=patch.type,
        digest=patch.digest,
        role=origin.role,
        came_from=origin.came_from,
        tool_version=__version__,
    )


def end_text(patch: Patch) -> str:
    """The SQL that completes the row of a patch, to be run in its transaction behind it."""
    return _text(_END, patch)


def mark_text(patch: Patch, done: int, statement: str) -> str:
    """The SQL that notes that a statement begins outside a transaction. done: how many are done before it."""
    return _text(_MARK, patch, done=done, begun=statement)


def unmark_text(patch: Patch, done: int) -> str:
    """The SQL that notes that nothing of the statement that was begun is left."""
    return _text(_UNMARK, patch, done=done)


def step_text(patch: Patch, done: int, statements: Iterable[str]) -> str:
    """The SQL that notes one more statement as done. done: how many were; statements: those and this one."""
    return _text(_STEP, patch, done=done, done_digest=digest_of(statements))


def accept_text(patch: Patch, role: str) -> str:
    """The SQL that takes the file as it is now for what was applied."""
    return _text(_ACCEPT, patch, digest=patch.digest, type=patch.type, role=role)


def digest_of(statements: Iterable[str]) -> str:
    """What tells whether statements that were done have been changed since."""
    return hashlib.sha256("".join(f"{one}\0" for one in statements).encode()).hexdigest()


def move(connection: Connection, text: str) -> None:
    """Runs one of the texts for a row that must be there.

    :raises LedgerMovedError: it is not there, or not as it was.
    """
    if connection.execute(text.encode()).rowcount != 1:
        raise LedgerMovedError


def _text(template: str, patch: Patch, **values: Any) -> str:
    major, minor, point = patch.number
    named = {"major": major, "minor": minor, "point": point} | values
    parts = {name: sql.Literal(value) for name, value in named.items()}
    return sql.SQL(template).format(**parts).as_string().strip()
