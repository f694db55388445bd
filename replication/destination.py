"""Read-only facts about a destination, and whether it can follow a source."""

from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.digests.survey import HAS_UNIQUE_IDS
from init_slate_db.core.findings import Finding, objections
from init_slate_db.core.identity import read_identity
from replication import guard
from replication.link import link_name
from replication.shape import no_events

_FIRST_WITH_SUBSCRIBERS = 16
_FIRST_WITH_FAILOVER = 17
_FACTS = f"""
SELECT current_user AS role, pg_is_in_recovery() AS in_recovery,
       to_regclass('public.id') IS NOT NULL AS is_source,
       (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c
        WHERE c.oid = to_regclass('public.events')) AS owns_events,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       has_database_privilege(current_database(), 'TEMPORARY') AS may_use_temporary,
       (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) AS is_superuser,
       (SELECT pg_has_role(r.oid, 'USAGE') FROM pg_roles AS r
        WHERE r.rolname = 'pg_create_subscription') AS may_subscribe,
       current_setting('max_logical_replication_workers')::integer AS workers,
       {HAS_UNIQUE_IDS} AS unique_ids
"""
# Columns that every role may read; the connection string is a superuser's.
_SUBSCRIPTIONS = """
SELECT s.subname AS name, s.subenabled AS enabled, s.subslotname AS slot, s.subpublications AS publications,
       pg_get_userbyid(s.subowner) AS owner,
       (SELECT max(t.pid) FROM pg_stat_subscription AS t WHERE t.subid = s.oid AND t.relid IS NULL) AS pid,
       (SELECT max(t.last_msg_receipt_time) FROM pg_stat_subscription AS t
        WHERE t.subid = s.oid) > now() - interval '1 minute' AS hears,
       (SELECT string_agg(r.srsubstate::text, '') FROM pg_subscription_rel AS r
        WHERE r.srsubid = s.oid AND r.srrelid = to_regclass('public.events')) AS state
FROM pg_subscription AS s
WHERE s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
  AND (NOT EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srsubid = s.oid)
       OR EXISTS (SELECT FROM pg_subscription_rel AS r
                  WHERE r.srsubid = s.oid AND r.srrelid = to_regclass('public.events')))
ORDER BY s.subname
"""


@dataclass(frozen=True)
class Subscription:
    """A subscription that may fill events. pid: of its worker; None where none runs. hears: has heard of its source
    within a minute. state: what the server calls the table's: r, it follows; None: it does not know the table."""

    name: str
    enabled: bool
    slot: str | None
    publications: tuple[str, ...]
    owner: str
    pid: int | None
    hears: bool
    state: str | None


@dataclass(frozen=True)
class Destination:
    """A destination. name: of its link. subscription: the link's own; None where there is none.
    filled: whether another session fills it. guarded: whether it refuses other writes."""

    reached: Reached
    version: int
    identity: tuple[str, str]
    name: str
    findings: tuple[Finding, ...]
    subscription: Subscription | None
    is_superuser: bool
    filled: bool
    guarded: bool

    @property
    def place(self) -> str:
        return self.reached.place


def look(reached: Reached, *, failover: bool) -> Destination:
    """Reads the facts. Writes nothing.

    :param failover: whether the slot of its subscription is to survive a failover.
    """
    connection = reached.connection
    with server_errors(f"say what {reached.place} is"):
        identity = read_identity(connection)
        facts: Any = connection.cursor(row_factory=dict_row).execute(_FACTS).fetchone()
        subscriptions = read_subscriptions(connection)
        facts["filled"] = guard.is_held(connection)
        guarded = guard.refuses_writes(connection)
    version = connection.info.server_version // 10000
    name = link_name(connection.info.dbname, identity)
    others = [one for one in subscriptions if one.name != name]
    own = next((one for one in subscriptions if one.name == name), None)
    findings = _judge(reached.place, facts, version, others, failover)
    return Destination(
        reached, version, identity, name, tuple(findings), own, facts["is_superuser"], facts["filled"], guarded
    )


def read_subscriptions(connection: Connection) -> list[Subscription]:
    """The subscriptions that may fill events, now or once they have connected."""
    rows = connection.cursor(row_factory=dict_row).execute(_SUBSCRIPTIONS).fetchall()
    return [
        Subscription(
            row["name"],
            row["enabled"],
            row["slot"],
            tuple(row["publications"]),
            row["owner"],
            row["pid"],
            bool(row["hears"]),
            row["state"],
        )
        for row in rows
    ]


def count_errors(connection: Connection, name: str) -> int | None:
    """How often applying failed since statistics began; None before PostgreSQL 15."""
    if connection.info.server_version < 150000:
        return None
    row = connection.execute(
        "SELECT t.apply_error_count FROM pg_stat_subscription_stats AS t WHERE t.subname = %s", (name,)
    ).fetchone()
    return row[0] if row else None


def _judge(place: str, facts: Any, version: int, others: list[Subscription], failover: bool) -> list[Finding]:
    role = facts["role"]
    subscribes = facts["is_superuser"] or (facts["may_subscribe"] and facts["may_create"])
    reasons = [
        no_events(facts["owns_events"]),
        (facts["in_recovery"], "read-only", "it is a standby", "Name its primary."),
        (
            facts["is_source"],
            "not-a-destination",
            "it is a source itself",
            "Name a destination: init-slate-db -t destination makes one.",
        ),
        (
            facts["owns_events"] is False,
            "no-right",
            f'role "{role}" does not own table events',
            "Use its owner.",
        ),
        (
            facts["owns_events"] is not None and not facts["unique_ids"],
            "not-a-destination",
            "its ids have no unique index",
            "Make id its primary key.",
        ),
        (
            not subscribes and version < _FIRST_WITH_SUBSCRIBERS,
            "no-right",
            f'role "{role}" is no superuser, and PostgreSQL {version} lets nobody else subscribe',
            "Use a superuser there, or slate-replicate follow.",
        ),
        (
            not subscribes and version >= _FIRST_WITH_SUBSCRIBERS,
            "no-right",
            f'role "{role}" may not create subscriptions',
            f'Have a superuser run there: GRANT pg_create_subscription TO "{role}", and GRANT CREATE ON DATABASE',
        ),
        (
            not facts["may_use_temporary"],
            "no-right",
            f'role "{role}" may not use temporary tables',
            f'Have its owner run there: GRANT TEMPORARY ON DATABASE … TO "{role}"',
        ),
        (
            facts["workers"] < 1,
            "not-replicating",
            "its max_logical_replication_workers is 0",
            "Raise it there, and restart that server.",
        ),
        (
            facts["filled"],
            "destination-busy",
            "another program fills it, slate-replicate add or follow",
            "Wait for it, or stop it. When its process was killed, its server notices within seconds.",
        ),
        (
            bool(others),
            "destination-busy",
            f'subscription "{others[0].name if others else ""}" fills it',
            "Drop that one there, or leave it to fill this destination alone.",
        ),
        (
            failover and version < _FIRST_WITH_FAILOVER,
            "not-replicating",
            f"its server is PostgreSQL {version}, and --failover needs {_FIRST_WITH_FAILOVER}",
            "Leave --failover out; after a failover run slate-replicate add again.",
        ),
    ]
    return objections(f"{place} cannot follow", reasons) or [
        Finding(f'destination {place}: no other subscription, role "{role}" may subscribe')
    ]
