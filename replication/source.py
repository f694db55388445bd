"""Read-only facts about a source, and whether destinations can follow it."""

from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import server_errors
from init_slate_db.core.findings import Finding, objections
from init_slate_db.core.identity import read_identity
from replication.link import Link, read_link
from replication.shape import no_events

# The walsender of add keeps a temporary slot beside the lasting one for a moment.
_SLOTS_NEEDED = 2
_FIRST_WITH_FAILOVER = 17
_FACTS = """
SELECT current_user AS role, pg_is_in_recovery() AS in_recovery, current_setting('wal_level') AS wal_level,
       current_setting('max_replication_slots')::integer
       - (SELECT count(*) FROM pg_replication_slots)::integer AS free_slots,
       current_setting('max_wal_senders')::integer
       - (SELECT count(*) FROM pg_stat_replication)::integer AS free_senders,
       (SELECT r.rolsuper OR r.rolreplication FROM pg_roles AS r WHERE r.rolname = current_user) AS may_replicate,
       (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c
        WHERE c.oid = to_regclass('public.events')) AS owns_events,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       coalesce(current_setting('synchronized_standby_slots', true), '') AS waits_for
"""


@dataclass(frozen=True)
class Source:
    """A source. version: the server's, major. link: what it has of the link in question; None where nothing."""

    reached: Reached
    version: int
    identity: tuple[str, str]
    findings: tuple[Finding, ...]
    link: Link | None

    @property
    def place(self) -> str:
        return self.reached.place


def look(reached: Reached, name: str, *, failover: bool) -> Source:
    """Reads the facts. Writes nothing.

    :param name: of the link that is to be made.
    :param failover: whether its slot is to survive a failover.
    """
    connection = reached.connection
    with server_errors(f"say what {reached.place} is"):
        identity = read_identity(connection)
        facts: Any = connection.cursor(row_factory=dict_row).execute(_FACTS).fetchone()
        link = read_link(connection, name)
    version = connection.info.server_version // 10000
    return Source(reached, version, identity, tuple(_judge(reached.place, facts, version, link, failover)), link)


def _judge(place: str, facts: Any, version: int, link: Link | None, failover: bool) -> list[Finding]:
    role = facts["role"]
    slots = _SLOTS_NEEDED - (1 if link and link.has_slot else 0)
    reasons = [
        no_events(facts["owns_events"]),
        (
            facts["in_recovery"],
            "read-only",
            "it is a standby",
            "Name the primary, or all hosts of the cluster: postgresql://one,two/events",
        ),
        (
            facts["wal_level"] != "logical",
            "not-replicating",
            f"its wal_level is {facts['wal_level']}, not logical",
            "Set wal_level = logical there and restart that server. Without: slate-replicate follow.",
        ),
        (
            facts["free_slots"] < slots,
            "not-replicating",
            f"it has {facts['free_slots']} replication slots free, and {slots} are needed for a moment",
            "Raise max_replication_slots there, or drop slots that nobody uses: slate-replicate status names orphans.",
        ),
        (
            facts["free_senders"] < 1,
            "not-replicating",
            "it has no walsender free",
            "Raise max_wal_senders there.",
        ),
        (
            not facts["may_replicate"],
            "no-right",
            f'role "{role}" may not replicate',
            f'Have a superuser run there: ALTER ROLE "{role}" REPLICATION',
        ),
        (facts["owns_events"] is False, "no-right", f'role "{role}" does not own table events', "Use its owner."),
        (
            not facts["may_create"],
            "no-right",
            f'role "{role}" may not create publications',
            f'Have the owner of the database run there: GRANT CREATE ON DATABASE … TO "{role}"',
        ),
        (
            failover and version < _FIRST_WITH_FAILOVER,
            "not-replicating",
            f"its server is PostgreSQL {version}, and slots survive a failover from {_FIRST_WITH_FAILOVER} on",
            "Leave --failover out; after a failover run slate-replicate add again.",
        ),
    ]
    against = objections(f"{place} cannot be followed", reasons)
    if against:
        return against
    found = [Finding(f'source {place}: wal_level logical, slots and senders free, role "{role}" may replicate')]
    if failover:
        waits_for = f"wait for {facts['waits_for']}" if facts["waits_for"] else "may get ahead of every standby"
        found.append(Finding(f"destinations with --failover {waits_for} (synchronized_standby_slots there)"))
    return found
