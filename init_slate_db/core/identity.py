"""Which database this is, however it is reached."""

from init_slate_db.core.connection import Connection

_IDENTITY = """
SELECT s.system_identifier::text, d.oid::text FROM pg_control_system() AS s, pg_database AS d
WHERE d.datname = current_database()
"""


def read_identity(connection: Connection) -> tuple[str, str]:
    """What tells a database from all others: the system identifier of its cluster, and its oid."""
    row = connection.execute(_IDENTITY).fetchone()
    assert row
    return row[0], row[1]
