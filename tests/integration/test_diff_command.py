"""What slate-diff prints, and what it tells the shell."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.servers import Server

COMMAND = (sys.executable, "-m", "recovery.diff")
SECRET = "s3cr3t-Wor%d"
EVENTS = """
CREATE TABLE public.events (id bigint PRIMARY KEY, ts timestamptz NOT NULL, event jsonb NOT NULL);
INSERT INTO public.events
SELECT n, '2026-01-01 00:00:00.000001+00', jsonb_build_object('name', n) FROM generate_series(1, 2000) AS n;
"""


@pytest.fixture(scope="module")
def addresses(server: Server, backup_server: Server) -> Iterator[tuple[str, str]]:
    """Two databases called events_here, as key=value strings."""
    both = []
    for place in (server, backup_server):
        place.drop("events_here")
        with place.connect() as connection:
            connection.execute("CREATE DATABASE events_here TEMPLATE template0 ENCODING 'UTF8'")
        with place.connect("events_here") as connection:
            connection.execute(EVENTS)
        both.append(f"host=127.0.0.1 port={place.port} password={place.password}")
    yield both[0], both[1]
    for place in (server, backup_server):
        place.drop("events_here")


@pytest.fixture
def changed(backup_server: Server, addresses: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """The same, with differences on the right: two events changed, one missing."""
    with backup_server.connect("events_here") as connection:
        connection.execute('UPDATE events SET event = \'{"name": "\\u0085"}\' WHERE id = 3')
        connection.execute("UPDATE events SET ts = ts + interval '1 day' WHERE id = 1999")
        connection.execute("DELETE FROM events WHERE id = 2000")
    yield addresses
    with backup_server.connect("events_here") as connection:
        connection.execute("DROP TABLE events")
        connection.execute(EVENTS)


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        [*COMMAND, *arguments],
        env=bare | {"PGUSER": "postgres", "PGDATABASE": "events_here"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_identical_databases_give_status_0_and_say_so(
    server: Server, backup_server: Server, addresses: tuple[str, str]
) -> None:
    same = run(*addresses)
    assert same.returncode == ExitStatus.DONE, same.stderr
    digest = "[0-9a-f]{64}"
    assert re.fullmatch(
        f"left   127.0.0.1:{server.port}/events_here   2,000 events, ids 1 to 2,000\n       digest ({digest})\n"
        f"right  127.0.0.1:{backup_server.port}/events_here   2,000 events, ids 1 to 2,000\n       digest \\1\n"
        "identical\n",
        same.stdout,
    )
    assert same.stderr == ""


def test_differences_give_status_3_and_are_told(changed: tuple[str, str]) -> None:
    different = run(*changed)
    assert different.returncode == ExitStatus.DIFFERENT
    assert different.stdout.splitlines()[4:] == [
        "id 3  changed",
        "  event.name",
        "    left   3",
        '    right  "\\x85"',
        "id 1999  changed",
        "  ts",
        "    left   2026-01-01 00:00:00.000001+00",
        "    right  2026-01-02 00:00:00.000001+00",
        "id 2000  only on the left",
        "different: 3 events",
    ]
    assert different.stderr == ""


def test_json_has_the_documented_keys(changed: tuple[str, str]) -> None:
    different = run(*changed, "--format", "json", "--max-differences", "2")
    assert different.returncode == ExitStatus.DIFFERENT
    result = json.loads(different.stdout)
    left, right = result.pop("left"), result.pop("right")
    assert result == {
        "identical": False,
        "events_compared": 2000,
        "difference_count": 2,
        "differences": [
            {
                "id": 3,
                "kind": "changed",
                "columns": ["event"],
                "paths": [{"path": "event.name", "left": "3", "right": '"\x85"'}],
            },
            {
                "id": 1999,
                "kind": "changed",
                "columns": ["ts"],
                "paths": [
                    {
                        "path": "ts",
                        "left": "2026-01-01 00:00:00.000001+00",
                        "right": "2026-01-02 00:00:00.000001+00",
                    }
                ],
            },
        ],
        "complete": False,
        "below_milliseconds": False,
    }
    assert list(left) == ["events", "lowest_id", "highest_id", "digest", "place"]
    assert (right["events"], right["lowest_id"], right["highest_id"]) == (1999, 1, 1999)


def test_options_reach_the_comparison(changed: tuple[str, str]) -> None:
    few = run(*changed, "--until-id", "2", "--jobs", "1", "--timestamp-precision", "milliseconds")
    assert few.returncode == ExitStatus.DONE, few.stderr
    assert "2 events, ids 1 to 2" in few.stdout


def test_the_database_option_names_what_the_addresses_do_not(addresses: tuple[str, str]) -> None:
    named = run(*addresses, "--database", "events_here", PGDATABASE="no_such_database")
    assert named.returncode == ExitStatus.DONE, named.stderr
    missing = run(addresses[0], addresses[1] + " dbname=nothing_here")
    assert missing.returncode == ExitStatus.FAILED
    assert "has no such database" in missing.stderr


def pipe(server: Server, reader: str, *addresses: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command with a reader behind it; the exit status is the command's."""
    return subprocess.run(
        ["bash", "-c", f'"$@" | {reader}; exit ${{PIPESTATUS[0]}}', "bash", *COMMAND, *addresses],
        env=server.environment(PGDATABASE="events_here"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_reader_that_leaves_early_causes_no_traceback(changed: tuple[str, str], server: Server) -> None:
    piped = pipe(server, "head -n 1", *changed)
    assert piped.stdout.startswith("left ")
    assert piped.stderr == ""


def test_a_reader_that_is_gone_takes_no_difference_away(changed: tuple[str, str], server: Server) -> None:
    piped = pipe(server, "true", *changed)
    assert (piped.returncode, piped.stderr) == (ExitStatus.DIFFERENT, "")


def test_a_wrong_password_is_told_with_the_server_that_refuses_it(
    backup_server: Server, addresses: tuple[str, str]
) -> None:
    refused = run(
        addresses[0], f"postgresql://postgres:wrong-{SECRET.replace('%', '%25')}@127.0.0.1:{backup_server.port}"
    )
    assert refused.returncode == ExitStatus.FAILED
    assert refused.stderr.splitlines()[0] == (
        f'error: The server at 127.0.0.1:{backup_server.port} does not accept the password of user "postgres".'
    )
    assert SECRET not in refused.stdout + refused.stderr


def test_a_database_that_is_no_event_store_is_refused(addresses: tuple[str, str]) -> None:
    refused = run(addresses[0], addresses[1] + " dbname=postgres")
    assert refused.returncode == ExitStatus.REFUSED
    assert "/postgres is no event store.\n  It has no table public.events.\n" in refused.stderr
    assert refused.stdout == ""
