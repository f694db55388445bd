"""What is proven in scratch databases: which schema a version has there, and where a delta leads."""

import re
from dataclasses import dataclass, field

import psycopg
from psycopg.pq import TransactionStatus

from init_slate_db.core.connection import PIN_SEARCH_PATH, Connection, lift_timeouts, server_errors
from init_slate_db.core.errors import SlateError
from versioning.archive.folder import PARTITIONS, Archive
from versioning.archive.items import Description, Difference, Item
from versioning.archive.items import compare as compare_texts
from versioning.archive.reading import describe
from versioning.archive.scratch import Scratch
from versioning.archive.writing import write_schema
from versioning.masking import mask
from versioning.snapshots.patience import lock_errors

_ONE_TRANSACTION = "Leave out BEGIN, COMMIT, ROLLBACK and what cannot run in a transaction, such as CONCURRENTLY."
_AS_OWNER = (
    "It runs as the owner of the database. An extension may be made in the empty database before the first version;"
    " else what only a superuser may do comes last in a delta, after SET LOCAL ROLE NONE, and one is to deploy it."
)
_TRANSACTION = "SELECT pg_current_xact_id()::text"


@dataclass
class Workshop:
    """Builds versions of an archive in scratch databases."""

    archive: Archive
    scratch: Scratch
    _blank: str = ""
    _descriptions: dict[str, Description] = field(default_factory=dict)

    def description(self, version: str) -> Description:
        """What a version is on this server, by its schema file."""
        sealed = self.archive.versions[version].schema
        if sealed not in self._descriptions:
            self._descriptions[sealed] = self.sketch(self.archive.schema(version), f"the schema of version {version}")
        return self._descriptions[sealed]

    def sketch(self, text: str, what: str) -> Description:
        """What DDL makes of an empty database.

        It is rolled back, so that one database serves for all: to make and to drop one costs the server a checkpoint.
        """
        self._blank = self._blank or self.scratch.make()
        connection = self.scratch.connect(self._blank)
        begin_anew(connection)
        with lock_errors(f"carry out {what}"), connection.transaction(force_rollback=True):
            run_inside(connection, text, what)
            return look(connection, self.archive)

    def look_live(self, connection: Connection) -> Description:
        """What a live database has, to be compared with what scratch databases have."""
        return look(connection, self.archive, self.scratch.role)

    def compare(self, wanted: Description, found: Description) -> list[Difference]:
        """What differs, and not in its words alone.

        Of CHECK (status IN ('a', 'b')) on a varchar column, for one, a server prints what it prints otherwise once it
        has read that. So where texts differ, each schema is made anew from what it prints, and those are compared.
        """
        differences = compare_texts(wanted, found)
        if not any(one.may_be_of_words for one in differences):
            return differences
        one, other = self.anew(wanted), self.anew(found)
        return [
            each
            for each in differences
            if not each.may_be_of_words or one[each.identity].create != other[each.identity].create
        ]

    def anew(self, description: Description) -> Description:
        """The same schema, made anew from its DDL; itself, where that does not make it."""
        try:
            made = self.sketch(write_schema(description), "a schema as DDL")
        except SlateError as error:
            if error.code not in ("archive-unfit", "delta-failed"):
                raise
            return description
        return made if made.keys() == description.keys() else description

    def build(self, version: str) -> str:
        """A new scratch database with the schema of a version, by its schema file."""
        name = self.scratch.make()
        run(self.scratch.connect(name), self.archive.schema(version), f"the schema of version {version}")
        return name

    def copy(self, database: str) -> str:
        """A new scratch database: a copy of another one."""
        return self.scratch.make(database)

    def apply(self, database: str, delta: str, what: str) -> Description:
        """What a scratch database has after a delta."""
        connection = self.scratch.connect(database)
        run(connection, delta, what)
        return look(connection, self.archive)


def look(connection: Connection, archive: Archive, stand_in: str | None = None) -> Description:
    """What a database has, without what the archive leaves out.

    :param stand_in: as of describe.
    """
    description = describe(connection, stand_in)
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
    with lock_errors(f"carry out {what}"), connection.transaction():
        run_inside(connection, text, what)


def begin_anew(connection: Connection) -> None:
    """Undoes what DDL has set for the session."""
    with server_errors("begin anew"):
        connection.execute("RESET ROLE")
        connection.execute("RESET ALL")
        connection.execute(PIN_SEARCH_PATH)
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
        connection.execute("SET LOCAL standard_conforming_strings = on")
        # Several statements cannot be prepared, however often the same ones run.
        connection.execute(text.encode(), prepare=False)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        # Nothing is wrong with the DDL.
        raise
    except psycopg.Error as error:
        raise _failure(error, text, what) from error
    is_open = connection.info.transaction_status == TransactionStatus.INTRANS
    if not is_open or connection.execute(_TRANSACTION).fetchone() != before:
        raise SlateError(
            "delta-refused",
            f"{what[:1].upper()}{what[1:]} ends its transaction.",
            why="What it did before that could not be taken back when something fails later.",
            hint=_ONE_TRANSACTION,
        )


def _failure(error: psycopg.Error, text: str, what: str) -> SlateError:
    statement = ""
    if (position := error.diag.statement_position) is not None:
        line = text.count("\n", 0, int(position)) + 1
        statement = f" at line {line}"
    context = mask(re.sub(r"\s+", " ", error.diag.context or ""))
    hint = error.diag.message_hint or ""
    if error.sqlstate == "42704" and "role" in str(error):
        hint = "Make the role first: CREATE ROLE … NOLOGIN."
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        hint = f"{hint} {_AS_OWNER}".strip()
    if isinstance(error, psycopg.errors.ActiveSqlTransaction):
        code, hint = "delta-refused", _ONE_TRANSACTION
    elif isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate.startswith("57P")):
        code = "connection-lost"
    else:
        code = "delta-failed"
    why = f"{error.diag.message_primary or error} (SQLSTATE {error.sqlstate}){statement}"
    return SlateError(code, f"The server refuses {what}.", why=f"{why}{'. ' + context if context else ''}", hint=hint)
