"""Read-only facts about the server, and whether a database can be created there."""

import re
from dataclasses import dataclass

from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.creation.plan import WORKING_NAME, WORKING_NAME_PATTERN
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding
from init_slate_db.core.sql_files import TableType

OLDEST_SERVER = 14

_FACTS = """
SELECT current_user AS user_name, r.rolsuper, r.rolcreatedb, pg_is_in_recovery() AS in_recovery,
       current_setting('transaction_read_only')::boolean AS read_only,
       EXISTS (SELECT FROM pg_database WHERE datname = %(name)s) AS name_taken,
       pg_encoding_to_char(t.encoding) AS encoding, t.datctype AS ctype,
       (SELECT v.superuser AND NOT v.trusted FROM pg_available_extensions AS e
          JOIN pg_available_extension_versions AS v ON v.name = e.name AND v.version = e.default_version
        WHERE e.name = 'dblink') AS dblink_needs_superuser
FROM pg_roles AS r, pg_database AS t
WHERE r.rolname = current_user AND t.datname = 'template0'
"""

_LEFTOVERS = """
SELECT d.datname FROM pg_database AS d
WHERE d.datname ~ %(pattern)s AND pg_has_role(d.datdba, 'USAGE') ORDER BY d.datname
"""

_HELD_KEYS = """
SELECT l.classid::bigint << 32 | l.objid::bigint FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.objsubid = 1
"""


@dataclass(frozen=True)
class Survey:
    """What was found. locale: the clause of CREATE DATABASE that UTF8 needs here, or "".

    leftovers: databases that interrupted runs left behind and no run holds.
    """

    findings: tuple[Finding, ...]
    locale: str
    leftovers: tuple[str, ...]


def look(server: Connection, name: str, table_type: TableType) -> Survey:
    """Reads the facts from the server. Writes nothing."""
    version = server.info.server_version // 10000
    if version < OLDEST_SERVER:
        return Survey((_version(server, version),), "", ())
    with server_errors("say what it has"):
        cursor = server.execute(_FACTS, {"name": name})
        row = cursor.fetchone()
        assert row and cursor.description
        facts = dict(zip((column.name for column in cursor.description), row, strict=True))
        leftovers = find_leftovers(server)
    findings = [
        _version(server, version),
        _writable(facts["in_recovery"], facts["read_only"]),
        _right(facts["user_name"], may_create=facts["rolsuper"] or facts["rolcreatedb"]),
        _free(name, taken=facts["name_taken"]),
    ]
    if re.search(WORKING_NAME_PATTERN, name):
        findings.append(_reserved(name))
    if table_type == "source":
        findings.append(_dblink(version, facts["dblink_needs_superuser"]))
        if facts["dblink_needs_superuser"] and not facts["rolsuper"]:
            findings.append(Finding(*_superuser(facts["user_name"])))
    locale = _locale(facts["encoding"], facts["ctype"], version)
    findings.append(Finding(f"encoding UTF8{', ' + locale if locale else ', locale of the cluster'}"))
    findings += [Finding(f"{leftover} was left by an interrupted run, and will be dropped") for leftover in leftovers]
    return Survey(tuple(findings), locale, leftovers)


def find_leftovers(server: Connection) -> tuple[str, ...]:
    """Databases under a working name that are ours to drop and that no living run holds."""
    # In this order: a run takes its lock before it creates its database.
    names = [name for (name,) in server.execute(_LEFTOVERS, {"pattern": WORKING_NAME_PATTERN})]
    held = {key % 2**64 for (key,) in server.execute(_HELD_KEYS)}
    return tuple(name for name in names if lock_key(name) % 2**64 not in held)


def lock_key(working_name: str) -> int:
    """The advisory lock that a run holds while a database of this name is its own: a signed 64-bit number."""
    key = int(working_name.removeprefix(WORKING_NAME), 16)
    return key - 2**64 if key >= 2**63 else key


def _version(server: Connection, version: int) -> Finding:
    text = f"PostgreSQL {server.info.parameter_status('server_version')}"
    if version >= OLDEST_SERVER:
        return Finding(text)
    return Finding(
        text,
        SlateError(
            "server-too-old",
            f"The server is {text}; {OLDEST_SERVER} is the oldest that will do.",
            hint="Upgrade it, or name another server.",
        ),
    )


def _writable(in_recovery: bool, read_only: bool) -> Finding:
    if in_recovery:
        why = "It is a standby, which follows another server."
    elif read_only:
        why = "default_transaction_read_only is on."
    else:
        return Finding("the server can be written to")
    return Finding(
        "the server is read-only",
        SlateError("read-only", "The server is read-only.", why=why, hint="Name the primary, or make it writable."),
    )


def _right(user: str, *, may_create: bool) -> Finding:
    if may_create:
        return Finding(f'role "{user}" may create databases')
    return Finding(
        f'role "{user}" may not create databases',
        SlateError(
            "no-right",
            f'Role "{user}" may not create databases.',
            hint=f'Use another role, or have a superuser run: ALTER ROLE "{user}" CREATEDB',
        ),
    )


def _free(name: str, *, taken: bool) -> Finding:
    return Finding(f'a database "{name}" exists already', name_taken(name)) if taken else Finding(f'"{name}" is free')


def name_taken(name: str) -> SlateError:
    return SlateError(
        "database-exists",
        f'Database "{name}" exists already.',
        why="An existing database is never touched.",
        hint="Choose another name, or rename or drop that one yourself.",
    )


def _reserved(name: str) -> Finding:
    error = SlateError(
        "name-taken",
        f'The name "{name}" is reserved.',
        why="Databases that are not complete yet are called so, and the next run drops them.",
        hint="Choose another name.",
    )
    return Finding(f'"{name}" is reserved for databases that are not complete yet', error)


def _dblink(version: int, needs_superuser: bool | None) -> Finding:
    if needs_superuser is not None:
        return Finding("dblink can be had")
    return Finding(
        "dblink is not installed",
        SlateError(
            "dblink-missing",
            "The extension dblink, which restore_events needs, is not installed on the server.",
            hint=f"Install PostgreSQL's contrib package there. On Debian: apt install postgresql-contrib"
            f" (for {version}: postgresql-{version})",
        ),
    )


def _superuser(user: str) -> tuple[str, SlateError]:
    return (
        f'role "{user}" is no superuser, and dblink needs one',
        SlateError(
            "no-right",
            f'Role "{user}" may not create the extension dblink, which restore_events needs.',
            why="PostgreSQL lets a superuser alone create it.",
            hint="Use a superuser for a source database. A destination needs none.",
        ),
    )


def _locale(encoding: str, ctype: str, version: int) -> str:
    if encoding == "UTF8" or ctype in ("C", "POSIX"):
        return ""
    # This cluster's locale has an encoding of its own, and PostgreSQL refuses to mix them.
    return "LOCALE 'C' LOCALE_PROVIDER libc" if version >= 15 else "LOCALE 'C'"
