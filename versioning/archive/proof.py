"""What is proven in scratch databases: which schema a version has there, and where a delta leads."""

import re
from dataclasses import dataclass, field

import psycopg
from psycopg.pq import TransactionStatus

from init_slate_db.core.connection import Connection, lift_timeouts, server_errors
from init_slate_db.core.errors import SlateError
from versioning.archive.folder import PARTITIONS, Archive
from versioning.archive.items import Description, Item
from versioning.archive.reading import describe
from versioning.archive.scratch import Scratch

_TRANSACTION = "SELECT pg_current_xact_id()::text"


@dataclass
class Workshop:
    """Builds versions of an archive in scratch databases, each once."""

    archive: Archive
    scratch: Scratch
    _built: dict[str, str] = field(default_factory=dict)
    _descriptions: dict[str, Description] = field(default_factory=dict)

    def description(self, version: str) -> Description:
        """What a version is on this server, by its schema file."""
        if version not in self._descriptions:
            self._descriptions[version] = self.look(self.build(version))
        return self._descriptions[version]

    def build(self, version: str) -> str:
        """The scratch database with the schema of a version, by its schema file. Not to be changed."""
        if version not in self._built:
            name = self.scratch.make()
            run(self.scratch.connect(name), self.archive.schema(version), f"the schema of version {version}")
            self._built[version] = name
        return self._built[version]

    def build_text(self, text: str, what: str) -> str:
        """A new scratch database with the schema in a text."""
        name = self.scratch.make()
        run(self.scratch.connect(name), text, what)
        return name

    def apply(self, database: str, delta: str, what: str) -> str:
        """A new scratch database: a copy of another one after a delta."""
        name = self.scratch.make(database)
        run(self.scratch.connect(name), delta, what)
        return name

    def keep(self, built: dict[str, str], version: str, database: str) -> None:
        """Keeps the first database that was built for a version, and drops others."""
        if built.setdefault(version, database) != database:
            self.scratch.drop(database)

    def release(self, database: str, version: str) -> None:
        """Drops what was built of a version, and is needed no longer."""
        self.scratch.drop(database)
        if (other := self._built.pop(version, database)) != database:
            self.scratch.drop(other)

    def look(self, database: str) -> Description:
        """What a scratch database has."""
        return look(self.scratch.connect(database), self.archive)


def look(connection: Connection, archive: Archive) -> Description:
    """What a database has, without what the archive leaves out."""
    description = describe(connection)
    return _without_partitions(description) if PARTITIONS in archive.leave_out else description


def _without_partitions(description: Description) -> Description:
    kept = {identity: item for identity, item in description.items() if not _is_of_partition(item, description)}
    return {
        identity: Item(
            item.kind, item.name, item.target, item.create, item.drop, item.inside, item.needs & kept.keys(), item.facts
        )
        for identity, item in kept.items()
    }


def _is_of_partition(item: Item | None, description: Description) -> bool:
    while item is not None:
        if item.facts.get("is_partition"):
            return True
        item = description.get(item.inside)
    return False


def run(connection: Connection, text: str, what: str) -> None:
    """Runs DDL in a transaction of its own.

    :raises SlateError: delta-failed: it failed; delta-refused: it would end the transaction.
    """
    begin_anew(connection)
    with server_errors(f"carry out {what}"), connection.transaction():
        run_inside(connection, text, what)


def begin_anew(connection: Connection) -> None:
    """Undoes what DDL has set for the session."""
    with server_errors("begin anew"):
        connection.execute("RESET ROLE")
        connection.execute("RESET ALL")
    lift_timeouts(connection)


def run_inside(connection: Connection, text: str, what: str) -> None:
    """Runs DDL in the open transaction.

    :raises SlateError: as run.
    """
    if not text.strip():
        return
    before = connection.execute(_TRANSACTION).fetchone()
    try:
        connection.execute("SET LOCAL search_path = public, pg_temp")
        connection.execute(text.encode())
    except psycopg.Error as error:
        raise _failure(error, text, what) from error
    is_open = connection.info.transaction_status == TransactionStatus.INTRANS
    if not is_open or connection.execute(_TRANSACTION).fetchone() != before:
        raise SlateError(
            "delta-refused",
            f"{what[:1].upper()}{what[1:]} ends its transaction.",
            why="What it did before that could not be taken back when something fails later.",
            hint="Leave out BEGIN, COMMIT, ROLLBACK and what cannot run in a transaction, such as CONCURRENTLY.",
        )


def _failure(error: psycopg.Error, text: str, what: str) -> SlateError:
    statement = ""
    if (position := error.diag.statement_position) is not None:
        line = text.count("\n", 0, int(position)) + 1
        statement = f" at line {line}"
    context = re.sub(r"\s+", " ", error.diag.context or "")
    hint = error.diag.message_hint or ""
    if error.sqlstate == "42704" and "role" in str(error):
        hint = "Make the role first: CREATE ROLE … NOLOGIN."
    if isinstance(error, psycopg.errors.LockNotAvailable):
        code = "lock-held"
    elif isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate.startswith("57P")):
        code = "connection-lost"
    else:
        code = "delta-failed"
    why = f"{error.diag.message_primary or error} (SQLSTATE {error.sqlstate}){statement}"
    return SlateError(code, f"The server refuses {what}.", why=f"{why}{'. ' + context if context else ''}", hint=hint)
