"""Has a server read patches without running any: what it cannot read is known before the first one is applied."""

import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg

from init_slate_db.core.connection import Connection, server_errors
from versioning.migrations.patches import Patch
from versioning.migrations.running import PatchError, as_slate_error

# The server reads a whole query before it runs the first statement of it, and runs none behind one that fails.
_STOPPED = "SL085"
_STOP = """DO $stop$ BEGIN
  RAISE EXCEPTION 'slate-schema reads patches here, and runs none of them'
    USING ERRCODE = 'SL085', HINT = 'This is no fault: so it looks at the syntax alone.';
END $stop$;
"""
_BETWEEN = "\n;\n"
# So much, in characters, goes into one query: enough for a round trip to cost little, and little enough for memory.
_BATCH = 1_000_000


def check_syntax(connection: Connection, patches: Sequence[Patch], place: str) -> None:
    """Has the server read the patches.

    :param place: of the server, for messages.
    :raises SlateError: patch-failed: the first fault, with file, line and position.
    """
    batch: list[Patch] = []
    size = 0
    for patch in [*patches, None]:
        if batch and (patch is None or size + len(patch.text) > _BATCH):
            _check(connection, batch, place)
            batch, size = [], 0
        if patch:
            batch.append(patch)
            size += len(patch.text)


def _check(connection: Connection, patches: Sequence[Patch], place: str) -> None:
    text = _STOP
    starts: list[int] = []
    for patch in patches:
        starts.append(len(text))
        text += patch.text + _BETWEEN
    with server_errors("read the patches"), _unlogged(connection):
        try:
            connection.execute(text.encode())
        except psycopg.Error as error:
            if error.sqlstate == _STOPPED:
                return
            position = int(error.diag.statement_position or 0) - 1
            if position < len(_STOP):
                raise
            number = bisect.bisect_right(starts, position) - 1
            patch = patches[number]
            # What is missing at the end is told of what comes behind it, which is not the patch's.
            offset = min(position - starts[number], len(patch.text.rstrip()))
            failure = PatchError(patch, error, offset, True)
            raise as_slate_error(failure, place, "Nothing of its group was applied.") from None


@contextmanager
def _unlogged(connection: Connection) -> Iterator[None]:
    """Keeps what fails out of the server's log, where the role may: a patch may hold a password."""
    with suppress(psycopg.errors.InsufficientPrivilege):
        connection.execute("SET log_min_error_statement = panic")
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            connection.execute("RESET log_min_error_statement")
