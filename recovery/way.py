"""The way from the source's server to the backup, which the method restore-events goes."""

import json

import psycopg
from psycopg import errors

from init_slate_db.core.connection import Connection
from init_slate_db.core.conninfo import travelling
from init_slate_db.core.errors import SlateError
from recovery.backup import Backup

# Values go there as rows of COPY, since these alone show neither in a server's log nor in pg_stat_activity.
_PARAMETERS_TABLE = """
CREATE TEMPORARY TABLE slate_backup (
  host text, database text, role text, password text, port integer, options jsonb
) ON COMMIT DROP
"""
_ASK_IDENTITY = """
SELECT b.system_identifier, b.database_oid
FROM pg_temp.slate_backup AS p, public.dblink(
  slate.conninfo(jsonb_build_object('connect_timeout', 15) || p.options || jsonb_strip_nulls(jsonb_build_object(
    'host', p.host, 'port', p.port, 'dbname', p.database, 'user', p.role, 'password', p.password))),
  'SELECT s.system_identifier::text, d.oid::text FROM pg_control_system() AS s, pg_database AS d '
  'WHERE d.datname = current_database()') AS b (system_identifier text, database_oid text)
"""


def hand_over(connection: Connection, backup: Backup) -> None:
    """Puts what leads to the backup into pg_temp.slate_backup, for the transaction that the connection is in."""
    info = backup.reached.connection.info
    connection.execute(_PARAMETERS_TABLE)
    with connection.cursor().copy("COPY pg_temp.slate_backup FROM STDIN") as rows:
        rows.write_row(
            (
                backup.origin.seen_host or info.host,
                info.dbname,
                info.user,
                info.password or None,
                backup.origin.seen_port or info.port,
                json.dumps(travelling(info)),
            )
        )


def check(connection: Connection, backup: Backup) -> None:
    """Makes sure that the source's server reaches the very same backup. Leaves nothing behind.

    :param connection: to the source; not in a transaction.
    :raises SlateError: way-to-backup.
    """
    place = f"{backup.origin.seen_host or backup.reached.connection.info.host}:{_port(backup)}"
    hint = "Name the backup as that server knows it: --from-server-host HOST[:PORT], or use --method copy."
    try:
        with connection.transaction(force_rollback=True):
            hand_over(connection, backup)
            identity = connection.execute(_ASK_IDENTITY).fetchone()
    except psycopg.Error as error:
        if connection.broken:
            raise
        raise SlateError(
            "way-to-backup",
            f"The source's server does not reach the backup at {place}.",
            why=(error.diag.message_detail or error.diag.message_primary or str(error)).partition("\n")[0],
            hint=hint,
        ) from error
    if identity != backup.identity:
        raise SlateError(
            "way-to-backup",
            f"The source's server finds another database at {place} than backup {backup.place}.",
            why="A name such as localhost means another machine there.",
            hint=hint,
        )


def is_closed(error: SlateError) -> bool:
    """Whether it is the way that an error of check speaks of, and not the database that it begins in."""
    unreached = isinstance(error.__cause__, errors.SqlclientUnableToEstablishSqlconnection)
    return error.code == "way-to-backup" and (unreached or error.__cause__ is None)


def _port(backup: Backup) -> int:
    return backup.origin.seen_port or backup.reached.connection.info.port
