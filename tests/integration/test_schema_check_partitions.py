"""``slate-schema check`` of a source in partitions: the model is that of any source, on every partition."""

from collections.abc import Iterator

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.integration.test_roles import drop_roles
from tests.integration.test_schema_check import check, checked
from tests.servers import Server


@pytest.fixture
def store(server: Server, name: str) -> Iterator[str]:
    """The name of a source with roles, a thousand ids a partition, and events in three of them."""
    arguments = ["-n", name, "-t", "source", "--partition-size", "1000", "--roles", name]
    try:
        created = commands.run(arguments, server.environment())
        assert created.returncode == ExitStatus.DONE, created.stderr
        with server.connect(name) as connection:
            connection.execute("SELECT append_events((SELECT jsonb_agg(n) FROM generate_series(1, 2500) AS n))")
        yield name
    finally:
        server.drop(name)
        drop_roles(server, name)


def test_as_it_is_made_and_has_grown_there_is_no_difference(server: Server, store: str) -> None:
    assert checked(server, store)["differences"] == []
    assert "its functions are those of init-slate-db" in check(server, store).stdout


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            "ALTER TABLE events_1001 DISABLE TRIGGER check_sql_command",
            "trigger check_sql_command on public.events_1001 is disabled",
        ),
        ("DROP TRIGGER check_sql_command ON events_1", "trigger check_sql_command on public.events_1 is missing"),
        (
            "ALTER TABLE events_2001 DISABLE TRIGGER notify_insert",
            "trigger notify_insert on public.events_2001 is disabled",
        ),
        ("GRANT SELECT ON events_1 TO PUBLIC", "PUBLIC has SELECT on table public.events_1"),
    ],
)
def test_what_was_changed_on_a_partition_is_found_and_mended(
    server: Server, store: str, change: str, difference: str
) -> None:
    with server.connect(store) as connection:
        connection.execute(change.encode())
        (found,) = checked(server, store)["differences"]
        assert found["what"] == difference
        connection.execute(found["mend"].encode())
    assert checked(server, store)["differences"] == []
