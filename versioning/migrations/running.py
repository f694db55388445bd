"""Runs the text of a patch on a server, and tells where in the file it failed."""

import psycopg
from psycopg import errors, generators, pq

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from versioning.masking import mask
from versioning.migrations.patches import Patch
from versioning.migrations.statements import Statement, line_of, split

_FAILED = {pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE, pq.ExecStatus.NONFATAL_ERROR}
# A line that is longer is cut down to what is around the position.
_WIDTH = 100


class PatchError(Exception):
    """What the server says against a patch. offset: of the fault in the text of the file, or of its statement.

    exact: whether it is the fault's own.
    """

    def __init__(self, patch: Patch, error: psycopg.Error, offset: int, exact: bool) -> None:
        super().__init__(str(error))
        self.patch = patch
        self.error = error
        self.offset = offset
        self.exact = exact


def run_patch(connection: Connection, patch: Patch) -> None:
    """Runs the whole text, which the server takes apart itself, in the caller's transaction.

    :raises PatchError: the server refuses one of its statements.
    """
    done, error = _send(connection, patch.text)
    if error is None:
        return
    position = error.diag.statement_position
    if position:
        raise PatchError(patch, error, int(position) - 1, True) from error
    statements = split(patch.text)
    offset = statements[min(done, len(statements) - 1)].start if statements else 0
    raise PatchError(patch, error, offset, False) from error


def run_statement(connection: Connection, patch: Patch, statement: Statement) -> None:
    """Runs one statement alone.

    :raises PatchError: the server refuses it.
    """
    _, error = _send(connection, statement.text)
    if error is not None:
        position = error.diag.statement_position
        raise PatchError(
            patch, error, statement.start + (int(position) - 1 if position else 0), position is not None
        ) from error


def as_slate_error(failure: PatchError, place: str, outcome: str) -> SlateError:
    """What the operator reads: file, line, the line's text and the server's own words.

    :param place: where it happened.
    :param outcome: what became of the rest.
    """
    patch, diag = failure.patch, failure.error.diag
    message = diag.message_primary or str(failure.error).strip()
    line = line_of(patch.text, failure.offset)
    column = failure.offset - patch.text.rfind("\n", 0, failure.offset)
    where = f"line {line}, column {column}" if failure.exact else f"line {line}"
    told = [f"{patch.path.name}, {where} (SQLSTATE {failure.error.sqlstate}):", *_show(failure, line)]
    told += [
        f"{title}: {mask(text)}" for title, text in (("Detail", diag.message_detail), ("Where", diag.context)) if text
    ]
    hints = [text for text in (diag.message_hint, outcome) if text]
    return SlateError(
        "patch-failed",
        f"Patch {patch.label} failed on {place}: {message}",
        why="\n  ".join(part for entry in told for part in entry.split("\n")),
        hint=" ".join(hints),
    )


def _show(failure: PatchError, line: int) -> list[str]:
    """The line, and below it a caret where the position is known."""
    text = mask(failure.patch.text)
    start = text.rfind("\n", 0, failure.offset) + 1
    shown = text[start:].split("\n", 1)[0].rstrip("\r").replace("\t", " ")
    column = failure.offset - start
    begin = max(0, column - _WIDTH // 2) if len(shown) > _WIDTH else 0
    label = f"LINE {line}: "
    told = [label + shown[begin : begin + _WIDTH]]
    return [*told, " " * (len(label) + column - begin) + "^"] if failure.exact else told


def _send(connection: Connection, text: str) -> tuple[int, psycopg.Error | None]:
    """Sends the text as one query. How many of its statements were done, and what the server says against the next."""
    # psycopg's cursors forget the results before an error, and the statement that failed is known by their number.
    with connection.lock:
        connection.pgconn.send_query(text.encode())
        results = connection.wait(generators.execute(connection.pgconn))
    for number, result in enumerate(results):
        if result.status in _FAILED:
            return number, errors.error_from_result(result, "utf-8")
    return len(results), None
