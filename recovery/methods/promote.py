"""Method promote: the backup itself becomes the source, in one transaction, however many events it holds."""

from typing import Any

from psycopg.rows import dict_row

from init_slate_db.core import guard
from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding, objections
from init_slate_db.core.sql_files import SqlObject, read_objects
from recovery.backup import Backup
from recovery.sessions import NAME, is_of

_FACTS = """
SELECT current_user AS role, pg_is_in_recovery() AS in_recovery,
       to_regclass('public.id') IS NOT NULL OR to_regclass('slate.recovery') IS NOT NULL AS is_source,
       (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c
        WHERE c.oid = 'public.events'::regclass) AS owns_events,
       has_database_privilege(current_database(), 'CREATE') AND has_schema_privilege('public', 'CREATE') AS may_create,
       (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) AS is_superuser,
       (SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'dblink') AS dblink_schema,
       EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'dblink') AS dblink_available,
       ARRAY(SELECT a.attname::text FROM pg_attribute AS a
             WHERE a.attrelid = 'public.events'::regclass AND a.attname IN ('id', 'ts', 'event') AND NOT a.attnotnull
             ORDER BY a.attnum) AS nullable
"""
_SUBSCRIPTIONS = """
SELECT s.subname FROM pg_subscription AS s
WHERE s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
  -- One that was never connected does not know its tables yet.
  AND (NOT EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srsubid = s.oid)
       OR EXISTS (SELECT FROM pg_subscription_rel AS r
                  WHERE r.srsubid = s.oid AND r.srrelid = 'public.events'::regclass))
ORDER BY s.subname
"""
# Who holds a lock that writing takes, whose last command stored something, or who hides what it does.
_WRITERS = f"""
SELECT a.pid, {NAME}
FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.pid <> ALL (%(own)s)
  AND {is_of(("client backend",))}
  AND (a.query ~* '\\m(insert|copy|merge)\\M' OR a.query = '<insufficient privilege>' OR a.query IS NULL
       OR a.application_name ~* 'replicat'
       OR EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.locktype = 'relation'
                  AND l.relation = 'public.events'::regclass AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')))
ORDER BY a.backend_start
"""
_PRESENT = """
SELECT 'extension' FROM pg_extension AS e WHERE e.extname = 'dblink'
UNION ALL SELECT 'schema' FROM pg_namespace AS n WHERE n.nspname = 'slate'
"""
# Without its slot it can be dropped though the source is dead.
_END_SUBSCRIPTION = (
    'ALTER SUBSCRIPTION "{0}" DISABLE; ALTER SUBSCRIPTION "{0}" SET (slot_name = NONE); DROP SUBSCRIPTION "{0}"'
)
# Seconds that a transaction in work on events is given to end.
_PATIENCE = "10s"


def examine(connection: Connection, backup: Backup) -> tuple[list[Finding], tuple[str, ...]]:
    """What speaks for and against promoting the backup, and sentences for the report. Writes nothing."""
    facts: Any = connection.cursor(row_factory=dict_row).execute(_FACTS).fetchone()
    findings = [_feeding(backup, _feeders(connection, ())), *_rights(backup, facts)]
    missing = [
        f"Index {item.name} is missing; a source has it: {item.sql.strip()}"
        for item in read_objects("destination")
        if item.kind == "index" and not _exists(connection, item.name)
    ]
    findings += [Finding(note) for note in missing]
    return findings, tuple(missing)


def promote(connection: Connection, backup: Backup) -> int:
    """Makes the backup a source, wholly or not at all. Returns the id that the next event gets.

    :param connection: to the backup; not in a transaction.
    :raises SlateError: backup-fed; other-backup: it holds other events than the survey found; what the server says.
    """
    own = [one.info.backend_pid for one in backup.snapshot.connections(1)]
    with server_errors("promote the backup"), connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'".encode())
        connection.execute("LOCK TABLE public.events IN SHARE ROW EXCLUSIVE MODE")
        finding = _feeding(backup, _feeders(connection, own))
        if finding.against:
            raise finding.against
        row = connection.execute("SELECT min(id), max(id) FROM public.events").fetchone()
        if row != (1, backup.last_id):
            raise SlateError(
                "other-backup",
                f"Backup {backup.place} has changed since it was looked at.",
                why=f"It had ids 1 to {backup.last_id:,}; now they are {row and row[0]} to {row and row[1]}.",
                hint="Stop what writes to it, then run the command again.",
            )
        # A backup to which patches were applied has the schema already, for their ledger.
        present = {kind for (kind,) in connection.execute(_PRESENT).fetchall()}
        for item in _source_only():
            if item.kind not in present:
                connection.execute(item.sql.encode())
        connection.execute("UPDATE public.id SET id = %s", (backup.last_id + 1,))
        # Nothing feeds it any more, so it is let go like by slate-replicate remove.
        guard.remove(connection)
    return backup.last_id + 1


def _source_only() -> tuple[SqlObject, ...]:
    shared = read_objects("destination")
    return tuple(item for item in read_objects("source") if item not in shared)


def _feeders(connection: Connection, own: "tuple[int, ...] | list[int]") -> list[str]:
    """What writes to the backup, and how to stop it."""
    subscriptions = connection.execute(_SUBSCRIPTIONS).fetchall()
    sessions = connection.execute(_WRITERS, {"own": list(own)}).fetchall()
    return [
        *(f'subscription "{name}": {_END_SUBSCRIPTION.format(name)}' for (name,) in subscriptions),
        *(f"session {pid} of {who}: stop that program" for pid, who in sessions),
    ]


def _feeding(backup: Backup, feeders: list[str]) -> Finding:
    if not feeders:
        return Finding("nothing feeds the backup")
    return Finding(
        f"the backup is being fed, or may be: {len(feeders)} subscriptions and sessions",
        SlateError(
            "backup-fed",
            f"Something still writes to backup {backup.place}, or may do so.",
            why="; ".join(feeders) + ".",
            hint="Stop it there, then run the command again.",
        ),
    )


def _rights(backup: Backup, facts: Any) -> list[Finding]:
    role, place = facts["role"], backup.place
    reasons = [
        (
            facts["in_recovery"],
            "read-only",
            "it is a standby, which follows another server",
            "Promote that server first.",
        ),
        (facts["is_source"], "target-not-new", "it is a source already", "Clients can use it as it is."),
        (not backup.extent.unique_ids, "invalid-backup", "its ids have no unique index", "Make id its primary key."),
        (facts["nullable"], "invalid-backup", f"{', '.join(facts['nullable'])} may be null", "Set NOT NULL there."),
        (not facts["owns_events"], "no-right", f'role "{role}" does not own table events', "Use its owner."),
        (not facts["may_create"], "no-right", f'role "{role}" may not create objects there', "Use the owner."),
        (
            facts["dblink_schema"] not in (None, "public"),
            "invalid-backup",
            f"dblink is in schema {facts['dblink_schema']}",
            "ALTER EXTENSION dblink SET SCHEMA public",
        ),
        (
            facts["dblink_schema"] is None and not facts["dblink_available"],
            "dblink-missing",
            "the extension dblink is not installed on its server",
            "Install PostgreSQL's contrib package there.",
        ),
        (
            facts["dblink_schema"] is None and not facts["is_superuser"],
            "no-right",
            f'role "{role}" may not create the extension dblink',
            "Have a superuser run: CREATE EXTENSION dblink",
        ),
    ]
    return objections(f"Backup {place} cannot be promoted", reasons) or [
        Finding(f'role "{role}" may promote the backup')
    ]


def _exists(connection: Connection, index: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{index}",)).fetchone()
    return bool(row and row[0])
