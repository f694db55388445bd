"""What stops slate-diff is told, with the side where it happened; nothing goes on running on the servers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from init_slate_db.core.addresses import Address, reach
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import ConnectionOptions
from init_slate_db.core.snapshot import Snapshot
from recovery.diff.comparison import compare
from tests.servers import Server, wait_for

SMALL = """
CREATE TABLE public.events (id bigint PRIMARY KEY, ts timestamptz NOT NULL, event jsonb NOT NULL);
INSERT INTO public.events SELECT n, '2026-01-01', '{}' FROM generate_series(1, 100) AS n;
"""
# It says that it is stable, so that nothing but the digest evaluates it.
ENDLESS = """
CREATE FUNCTION endless() RETURNS timestamptz STABLE LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_catalog.pg_sleep(600); RETURN now(); END';
CREATE VIEW public.events AS SELECT 1::bigint AS id, endless() AS ts, '{}'::jsonb AS event;
"""


@pytest.fixture
def database(server: Server, backup_server: Server) -> Iterator[str]:
    """The name of an empty database on both servers."""
    name = "diff_faults"
    for place in (server, backup_server):
        place.drop(name)
        with place.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
    yield name
    for place in (server, backup_server):
        place.drop(name)


def snapshot(server: Server, database: str) -> Snapshot:
    connection = ConnectionOptions(host="127.0.0.1", port=server.port, user="postgres", password=server.password)
    return Snapshot(reach(Address(connection, database), "slate-diff"))


def sessions(server: Server, database: str, waiting: str = "%") -> int:
    with server.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'slate-diff' AND coalesce(wait_event, '') LIKE %s",
            (database, waiting),
        ).fetchone()
    assert row
    return int(row[0])


def test_a_connection_that_is_lost_is_told_with_its_side(server: Server, backup_server: Server, database: str) -> None:
    for place in (server, backup_server):
        with place.connect(database) as connection:
            connection.execute(SMALL)
    with backup_server.connect(database) as connection:
        connection.execute("UPDATE events SET event = '1' WHERE id = 50")

    def terminate(events: int) -> None:
        with backup_server.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = %s AND application_name = 'slate-diff'",
                (database,),
            )

    with (
        snapshot(server, database) as left,
        snapshot(backup_server, database) as right,
        pytest.raises(SlateError) as caught,
    ):
        compare(left, right, Settings(), terminate)
    assert caught.value.code == "connection-lost"
    assert caught.value.what == (
        "The connection to the server was lost when it was to"
        f" read the events of 127.0.0.1:{backup_server.port}/{database}."
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_at_once_and_cancels_on_both_servers(
    server: Server, backup_server: Server, database: str, ending: signal.Signals
) -> None:
    both = (server, backup_server)
    for place in both:
        with place.connect(database) as connection:
            connection.execute(ENDLESS)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "recovery.diff", "--database", database),
            *(f"host=127.0.0.1 port={place.port} user=postgres password={place.password}" for place in both),
        ],
        env=bare,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for place in both:
        wait_for(lambda place=place: sessions(place, database, "PgSleep"), "the comparison to be under way")  # type: ignore[misc]
    process.send_signal(ending)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == ExitStatus.INTERRUPTED
    assert errors == "Interrupted: nothing was changed.\n"
    assert output == ""
    for place in both:
        wait_for(lambda place=place: not sessions(place, database), "the sessions to end")  # type: ignore[misc]
