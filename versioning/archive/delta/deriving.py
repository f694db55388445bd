"""Derives a delta, and proves it in scratch databases before anybody sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from versioning.archive.delta.operations import Operation
from versioning.archive.delta.ordering import plan
from versioning.archive.folder import PARTITIONS
from versioning.archive.items import Description, Difference
from versioning.archive.proof import Workshop, begin_anew
from versioning.archive.writing import PREAMBLE
from versioning.masking import mask

DECIDE = "-- DECIDE: "


@dataclass(frozen=True)
class Delta:
    """DDL from one schema to another. left: what differs after it; failed: what the server says of it; both empty: it
    is proven."""

    operations: tuple[Operation, ...]
    text: str
    left: tuple[Difference, ...] = ()
    failed: SlateError | None = None

    @property
    def notes(self) -> list[str]:
        """What has to be decided."""
        return [note for operation in self.operations for note in operation.notes]

    @property
    def is_proven(self) -> bool:
        return not self.left and not self.failed


def derive(workshop: Workshop, parent: str, live: Description) -> Delta | None:
    """The delta from a version to a live schema, tried in a scratch database; None: there is nothing to do.

    :raises SlateError: delta-impossible: there is no order in which it could be done.
    """
    if not workshop.compare(workshop.description(parent), live):
        return None
    # Made anew, both are in the words that the server has for what it has read.
    before, after = workshop.anew(workshop.description(parent)), workshop.anew(live)
    database = workshop.build(parent)
    try:
        can_cast = Casts(workshop.scratch.connect(database))
        operations = tuple(plan(before, after, can_cast, with_partitions=PARTITIONS in workshop.archive.leave_out))
        text = write_text(operations, f"From version {parent}")
        return _prove(workshop, database, operations, text, live)
    finally:
        workshop.scratch.drop(database)


def _prove(workshop: Workshop, database: str, operations: tuple[Operation, ...], text: str, live: Description) -> Delta:
    """The delta with what the server says of it."""
    try:
        found = workshop.apply(database, text, "the delta")
    except SlateError as error:
        if error.code != "delta-failed":
            raise
        return Delta(operations, text, failed=_find_failure(workshop, database, operations) or error)
    return Delta(operations, text, tuple(workshop.compare(live, found)))


def write_text(operations: Sequence[Operation], title: str) -> str:
    """The delta as a file: what is to be decided stands before what it is about."""
    pieces = [f"-- {title}.\n{PREAMBLE}"]
    for operation in operations:
        notes = "".join(f"{DECIDE}{' '.join(note.split())}\n" for note in operation.notes)
        pieces.append(f"{notes}{operation.text}\n")
    return "\n".join(pieces)


def _find_failure(workshop: Workshop, database: str, operations: Sequence[Operation]) -> SlateError | None:
    """The step that fails, by taking one after the other."""
    connection = workshop.scratch.connect(database)
    begin_anew(connection)
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(PREAMBLE.encode())
            for operation in operations:
                run_one(connection, operation)
    except SlateError as error:
        return error
    return None


def run_one(connection: Connection, operation: Operation) -> None:
    """Takes one step.

    :raises SlateError: delta-failed, with the step.
    """
    try:
        connection.execute(operation.text.encode())
    except psycopg.Error as error:
        raise SlateError(
            "delta-failed",
            f"The server refuses: {mask(operation.text)}",
            why=f"{error.diag.message_primary or error} (SQLSTATE {error.sqlstate})",
        ) from error


class Casts:
    """Asks the server of a scratch database which types it turns into which."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, before: str, after: str) -> bool:
        """Both types as DDL has them. False where it does not know one of them."""
        try:
            with self._connection.transaction():
                self._connection.execute(f"SELECT NULL::{before}::{after}".encode())
        except psycopg.errors.Error:
            return False
        return True
