"""Runs a release's statements, and tells where in which file one failed."""

import re
from collections.abc import Sequence

import psycopg

from init_slate_db.core.connection import PIN_SEARCH_PATH, Connection
from init_slate_db.core.errors import SlateError
from versioning.masking import mask
from versioning.notices import tell_notices
from versioning.releases.script import Script, Step
from versioning.sql_text import Token, read_tokens

# Statements that are sent at once. Measured with 300 functions: one by one takes twice as long, and more gain nothing.
_AT_ONCE = 50
_IN_BLOCK = re.compile(r"inline_code_block line ([0-9]+)")
_AS_HERE = f"SET client_encoding TO 'UTF8'; SET standard_conforming_strings TO on; {PIN_SEARCH_PATH}"
# The transaction gets its number first: age() counts from it then.
_TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('slate.release', 0)), pg_current_xact_id()"
# What begins a session's own work anew, whatever ran in it.
_RESET = "RESET SESSION AUTHORIZATION; RESET ROLE; SET LOCAL search_path = pg_catalog, pg_temp"


def prepare_session(connection: Connection) -> None:
    """Makes the session one that reads files of UTF-8 as they were read here, and tells what the server remarks."""
    read_as_here(connection)
    tell_notices(connection)


def read_as_here(connection: Connection) -> None:
    """Has the server read SQL as it was read here, and give every name outside of pg_catalog with its schema."""
    connection.execute(_AS_HERE.encode())


def take_turn(connection: Connection) -> None:
    """Keeps others out until the transaction ends.

    :raises SlateError: releases-busy: another run is at work.
    """
    row = connection.execute(_TURN).fetchone()
    if not row or not row[0]:
        raise SlateError(
            "releases-busy",
            "Another run works on the releases of this database.",
            hint="Wait until it has ended, then run the command again.",
        )


def run_script(connection: Connection, script: Script) -> None:
    """Runs all statements in the caller's transaction, then makes the session what it was.

    :raises SlateError: sources-failed, with file and line.
    """
    for first in range(0, len(script.steps), _AT_ONCE):
        _run_steps(connection, script.steps[first : first + _AT_ONCE])
    try:
        # What is checked at the end of the transaction is checked here, where the error can still be told.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        raise _failure("At the end of all files", "", error) from error
    reset(connection)


def _run_steps(connection: Connection, steps: Sequence[Step]) -> None:
    """Runs statements in one go; where one of them fails, again one by one, to see which it is."""
    try:
        with connection.transaction():
            connection.execute("\n;\n".join(step.text for step in steps).encode())
    except psycopg.Error as error:
        if connection.closed or error.sqlstate is None or error.sqlstate.startswith(("57", "08")):
            raise
        cursor = connection.cursor()
        for step in steps:
            run_step(cursor, step)


def reset(connection: Connection) -> None:
    """Takes back the roles and the search_path that a script has set."""
    connection.execute(_RESET)


def run_step(cursor: "psycopg.Cursor[tuple[object, ...]]", step: Step) -> None:
    """Runs one statement.

    :raises SlateError: sources-failed, with file and line.
    """
    try:
        cursor.execute(step.text.encode())
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(("57", "08")):
            raise
        line = line_of(step, error)
        raise _failure(f"{step.source.path}, line {line}", step.source.line(line), error) from error


def line_of(step: Step, error: psycopg.Error) -> int:
    """The line of the step's file that the server complains of: that of the statement where it does not say more."""
    if error.diag.statement_position:
        return step.first_line + step.text.count("\n", 0, int(error.diag.statement_position) - 1)
    in_block = _IN_BLOCK.findall(error.diag.context or "")
    block = _block(step) if in_block else None
    return block.line + int(in_block[-1]) - 1 if block else step.line


def _block(step: Step) -> Token | None:
    """The body of a DO."""
    tokens = read_tokens(step.text, step.first_line)
    return next((token for token in tokens if token.kind in ("string", "dollar string")), None)


def _failure(place: str, text: str, error: psycopg.Error) -> SlateError:
    """:param text: of the line that failed."""
    message = error.diag.message_primary or str(error)
    return SlateError(
        "sources-failed",
        f"{place}: {message} (SQLSTATE {error.sqlstate}).",
        why=mask("\n  ".join(filter(None, [text, error.diag.message_detail]))),
        hint=error.diag.message_hint or "Nothing was changed. Mend the file, then run the command again.",
    )
