"""The example of docs/releases.md: an API of an event store, released on a source."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from init_slate_db.core.creation.plan import make_plan
from tests import releases
from tests.releases import Project
from tests.servers import Server
from tests.slate import create_database

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
ROUTINES = {"append", "read_entity", "read_since"}
APPEND = """SELECT first_id, last_id FROM append('[{"entityName": "Person", "entityId": "7"}]')"""


@pytest.fixture
def project(server: Server, name: str) -> Iterator[Project]:
    create_database(server, name, "source")
    yield Project(server, name, EXAMPLES / "slate_api")
    server.drop(name)
    releases.drop_roles(server, "slate_api_owner", "slate_api_usage", "slate_api_executor")


def test_clients_of_the_api_and_the_originals_clients_work_on_one_source(project: Project) -> None:
    project.create("1.0.0")
    releases.make_web(project.server)
    with project.session() as session:
        session.execute(f"GRANT slate_api_executor TO {releases.WEB}".encode())
    project.done("activate", "1.0.0", "--role", releases.WEB, "--yes")
    with project.session(user=releases.WEB, password="web") as client, project.session() as original:
        assert client.execute(APPEND).fetchone() == (1, 1)
        inserted = 'SELECT insert_events(\'($1[1], $2, \'\'{"entityName": "Person", "entityId": "7"}\'\')\')'
        assert original.execute(inserted.encode()).fetchone() == (1,)
        assert client.execute(APPEND).fetchone() == (3, 3)
        read = "SELECT id, event ->> 'entityId' FROM read_entity('Person', '7')"
        assert client.execute(read).fetchall() == [(1, "7"), (2, "7"), (3, "7")]
        assert client.execute("SELECT id FROM read_since(1, 1)").fetchall() == [(2,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            client.execute("SELECT FROM public.events")


def test_no_routine_of_it_bears_the_name_of_one_of_the_sources_own(project: Project) -> None:
    query = (
        "SELECT array_agg(DISTINCT proname::text) FROM pg_proc"
        " WHERE pronamespace::regnamespace::text {} '^(pg_catalog|information_schema|slate_api.*)$'"
    )
    assert make_plan("events", "source").steps
    own = set(project.value(query.format("!~")))
    project.create("1.0.0")
    made = set(project.value("SELECT array_agg(proname::text) FROM pg_proc"
                             " WHERE pronamespace = 'slate_api_v1_0_0'::regnamespace"))  # fmt: skip
    assert made == ROUTINES
    assert {"insert_events", "append_events", "restore_events", "notify_event_insert"} <= own
    assert not made & own
    assert set(project.value(query.format("!~"))) == own


def test_the_examples_tests_pass_and_leave_no_event(project: Project) -> None:
    project.create("1.0.0")
    told = project.done("test", "1.0.0", str(EXAMPLES / "slate_api_tests"))
    assert told.splitlines() == [
        "ok  10_append_and_read.sql (4 checks)",
        "slate_api_v1_0_0: 1 files, 4 checks, all good",
    ]
    assert project.value("SELECT count(*) FROM events") == 0
    assert project.value("SELECT id FROM id") == 1
