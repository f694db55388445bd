"""What a database keeps of its snapshots: schema pov, asked and told."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from init_slate_db.core.addresses import Address, Reached, reach
from init_slate_db.core.connection import Connection, lift_timeouts, server_errors
from init_slate_db.core.errors import SlateError
from versioning import PROGRAM
from versioning.notices import tell_notices
from versioning.snapshots.patience import lock_errors

# What schema pov, or the server on its behalf, answers: SQLSTATE and our code.
_CODES = {
    "SL070": "no-such-snapshot",
    "SL071": "snapshots-busy",
    "SL072": "rollback-refused",
    "SL073": "lock-held",
    "SL074": "rollback-failed",
    "SL075": "rollback-failed",
    # Another session has changed the same object at the same moment: what passes, like a lock.
    "SL076": "lock-held",
    "SL082": "snapshot-needed",
}
OTHER_VERSION_HINT = f"Use the {PROGRAM} that prepared it; or drop schema pov with all snapshots, then install anew."
# In milliseconds: long enough for what is quick, short enough for those who queue behind whoever waits.
LOCK_TIMEOUT = 2000
# What the role needs beyond USAGE on the schema: privilege and table.
READ = tuple(("SELECT", table) for table in ("object", "revision", "revision_object", "snapshot", "history"))
TAKE = (*READ, *(("INSERT", table) for table in ("object", "revision", "revision_object", "snapshot")))
PRUNE = (*READ, *(("DELETE", table) for table in ("object", "revision", "snapshot")))

# By names in the catalogs: to_regclass and its like raise where the schema is closed to the role.
_FACTS = """
SELECT n.oid IS NOT NULL AND EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'snapshot'),
       EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = n.oid AND p.proname = 'plan_between'),
       current_user::text, current_setting('transaction_read_only')::boolean,
       coalesce(has_schema_privilege(n.oid, 'USAGE'), false)
FROM (SELECT) AS one LEFT JOIN pg_namespace AS n ON n.nspname = 'pov'
"""
_LACKING = """
SELECT format('%%s on pov.%%s', x.privilege, x.name), x.position
FROM unnest(%(privileges)s::text[], %(names)s::text[]) WITH ORDINALITY AS x (privilege, name, position)
JOIN pg_class AS c ON c.relname = x.name
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'pov'
WHERE NOT has_table_privilege(c.oid, x.privilege)
UNION ALL
SELECT 'EXECUTE on all functions in schema pov', NULL
WHERE EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
              WHERE n.nspname = 'pov' AND NOT has_function_privilege(p.oid, 'EXECUTE'))
ORDER BY 2
"""
_SNAPSHOTS = """
SELECT h.snapshotid AS number, h.revisionid AS revision, h.taken AT TIME ZONE 'UTC' AS taken, h.taken_by::text,
       coalesce(h.note, '') AS note, h.objects,
       max(e.snapshotid) AS same_as
FROM pov.history AS h
LEFT JOIN pov.snapshot AS e ON e.revisionid = h.revisionid AND e.snapshotid < h.snapshotid
GROUP BY h.snapshotid, h.revisionid, h.taken, h.taken_by, h.note, h.objects
ORDER BY h.snapshotid
"""
_OBJECTS = "SELECT s.kind, s.identity, s.content FROM pov.state(%s) AS s ORDER BY s.kind, s.identity"
_CHANGES = """
SELECT c.kind, c.identity, c.live AS before, c.stored AS after FROM pov.compare_between(%s, %s) AS c
WHERE c.action <> 'keep' ORDER BY c.kind, c.identity
"""
_PLAN = "SELECT p.action, p.kind, p.identity, p.command FROM pov.plan_between(%s, %s) AS p ORDER BY p.step"
_REFUSALS = "SELECT r.identity, r.reason FROM pov.refusals(%s) AS r ORDER BY r.identity, r.reason"


@dataclass(frozen=True)
class Snapshot:
    """One snapshot. taken: by the server's clock, in UTC. same_as: the number of the last one before it that holds the
    same objects, or None."""

    number: int
    revision: str
    taken: datetime
    taken_by: str
    note: str
    objects: int
    same_as: int | None

    @property
    def short_revision(self) -> str:
        """Enough of it to tell one from another by eye."""
        return self.revision[:12]

    @property
    def title(self) -> str:
        """Number, time, who took it, and the note."""
        note = f": {self.note}" if self.note else ""
        return f"{self.number}, taken {self.taken:%Y-%m-%d %H:%M:%S} UTC by {self.taken_by}{note}"

    def rollback_to(self, snapshots: Mapping[int, "Snapshot"]) -> int | None:
        """The number of the snapshot that a rollback went back to, where this one stands for that.

        :param snapshots: all that there are, by their numbers.
        """
        match = re.fullmatch(r"rollback to ([0-9]{1,9})", self.note)
        went_to = snapshots.get(int(match[1])) if match else None
        # A note is anybody's text: the revision says whether it is true.
        return went_to.number if went_to and went_to.revision == self.revision else None


@dataclass(frozen=True)
class Object:
    """One object of a state. content: what pov.live() keeps of it."""

    kind: str
    identity: str
    content: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One object that differs between two states. before, after: its content there; None where it is not there."""

    kind: str
    identity: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def word(self) -> str:
        """What became of it: added, removed or changed."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


@dataclass(frozen=True)
class Command:
    """One command of a plan, and which object it is for."""

    action: str
    kind: str
    identity: str
    command: str

    @property
    def title(self) -> str:
        return f"{self.action} {self.kind} {self.identity}"


@contextmanager
def pov_errors(doing: str) -> Iterator[None]:
    """Turns what schema pov or the server says against a statement into a SlateError.

    :param doing: what failed, as the end of "The server refuses to …".
    """
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate in _CODES:
            raise SlateError(
                _CODES[error.sqlstate],
                f"{error.diag.message_primary}.",
                why=error.diag.message_detail or "",
                hint=error.diag.message_hint or "",
            ) from error
        with lock_errors(doing):
            raise


@contextmanager
def opened(
    target: Address, privileges: Sequence[tuple[str, str]] = READ, lock_timeout: int = LOCK_TIMEOUT
) -> Iterator[Reached]:
    """Reaches a database that is prepared for snapshots, for as long as the block runs.

    :param privileges: what the role needs there; with READ alone the session can write nothing.
    :param lock_timeout: how long the session waits for a lock, in milliseconds.
    :raises SlateError: not-prepared, no-right, read-only, or one of the connection codes.
    """
    reached = reach(target, PROGRAM)
    with reached.connection as connection:
        lift_timeouts(connection)
        tell_notices(connection)
        # What is told of a table's objects needs its weakest lock, which a waiting ALTER TABLE keeps everybody from.
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (str(lock_timeout),))
        if privileges is READ:
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        _check(reached, privileges)
        yield reached


def _check(reached: Reached, privileges: Sequence[tuple[str, str]]) -> None:
    with server_errors(f"say what {reached.place} has"):
        row = reached.connection.execute(_FACTS).fetchone()
        names = {"privileges": [privilege for privilege, _ in privileges], "names": [name for _, name in privileges]}
        lacking = [text for text, _ in reached.connection.execute(_LACKING, names)]
    assert row
    is_prepared, is_complete, role, is_read_only, may_use = row
    if not is_prepared:
        raise SlateError(
            "not-prepared",
            f"{reached.place} is not prepared for snapshots.",
            why="It has no schema pov.",
            hint=f"Run {PROGRAM} install first, as the owner of the database.",
        )
    if not is_complete:
        raise SlateError(
            "not-prepared",
            f"{reached.place} is prepared for the snapshots of another version.",
            why="Its schema pov has no function plan_between.",
            hint=OTHER_VERSION_HINT,
        )
    if not may_use or lacking:
        raise SlateError(
            "no-right",
            f'Role "{role}" may not do this with the snapshots of {reached.place}.',
            why="It lacks: " + ", ".join(([] if may_use else ["USAGE on schema pov"]) + lacking),
            hint="Have the owner of schema pov grant that, or run the command as the owner.",
        )
    if is_read_only and privileges is not READ:
        raise SlateError(
            "read-only", f"{reached.place} can only be read from.", hint="Name the primary, or make it writable."
        )


def read_snapshots(connection: Connection) -> list[Snapshot]:
    """All snapshots, oldest first. The last one is the active snapshot."""
    with pov_errors("tell the snapshots"):
        return connection.cursor(row_factory=class_row(Snapshot)).execute(_SNAPSHOTS).fetchall()


def read_snapshot(reached: Reached, number: int) -> Snapshot:
    """One snapshot.

    :raises SlateError: no-such-snapshot.
    """
    snapshots = read_snapshots(reached.connection)
    for snapshot in snapshots:
        if snapshot.number == number:
            return snapshot
    raise SlateError(
        "no-such-snapshot",
        f"{reached.place} has no snapshot {number}.",
        why=f"The newest is {snapshots[-1].number}." if snapshots else "It has none at all.",
        hint=f"{PROGRAM} history shows the snapshots." if snapshots else f"{PROGRAM} snapshot takes one.",
    )


def read_objects(connection: Connection, number: int) -> list[Object]:
    """The objects of a snapshot, by kind and name."""
    with pov_errors("tell the objects of a snapshot"):
        return connection.cursor(row_factory=class_row(Object)).execute(_OBJECTS, (number,)).fetchall()


def read_changes(connection: Connection, before: int | None, after: int | None) -> list[Change]:
    """The objects that differ between two snapshots, by kind and name; None is the live state."""
    with pov_errors("compare"):
        return connection.cursor(row_factory=class_row(Change)).execute(_CHANGES, (before, after)).fetchall()


def read_plan(connection: Connection, before: int | None, after: int | None) -> list[Command]:
    """The commands that lead from one snapshot to another, in their order; None is the live state."""
    with pov_errors("make the plan"):
        return connection.cursor(row_factory=class_row(Command)).execute(_PLAN, (before, after)).fetchall()


def read_refusals(connection: Connection, number: int) -> list[tuple[str, str]]:
    """What stands against going back to a snapshot: objects, each with the reason."""
    with pov_errors("say what stands against it"):
        return connection.execute(_REFUSALS, (number,)).fetchall()


def take(connection: Connection, note: str) -> tuple[int, str]:
    """Takes a snapshot in the caller's transaction: its number and its revision.

    :raises SlateError: snapshots-busy.
    """
    with pov_errors("take a snapshot"):
        row = connection.execute("SELECT * FROM pov.take(%s)", (note or None,)).fetchone()
    assert row
    return row


def take_turn(connection: Connection) -> None:
    """Keeps other snapshots and rollbacks out until the caller's transaction has ended.

    :raises SlateError: snapshots-busy.
    """
    with pov_errors("let this snapshot or rollback begin"):
        connection.execute("SELECT pov.take_turn()")
