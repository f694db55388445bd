"""Pieces of queries for the sessions of clients, in pg_stat_activity AS a."""

from collections.abc import Iterable

NAME = """\
coalesce(a.usename, '?') || coalesce(' at ' || host(a.client_addr), ' on the socket')
       || coalesce(' (' || nullif(a.application_name, '') || ')', '')"""
"""Whose session it is, and where from, for people."""


def is_of(kinds: Iterable[str]) -> str:
    """The condition that a session is of one of these kinds, as backend_type has them.

    Of a session that this role may not look into, the kind is hidden as well; without a role it is PostgreSQL's own.
    """
    named = ", ".join(f"'{kind}'" for kind in kinds)
    return f"(a.backend_type IN ({named}) OR a.backend_type IS NULL AND a.usesysid IS NOT NULL)"
