"""An event store's own schema in an archive: a change of it goes to a live source, and no event is touched."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.sql_files import read_object
from tests import commands, recovery
from tests.archives import NAME, Project
from tests.servers import Server
from tests.slate import create_database

EVENTS = 13050
# The files of the events: one that was rewritten has another node.
STORAGE = "SELECT count(*), min(id), max(id), pg_relation_filenode('events') FROM events"


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    """A developer's database with the objects of our own sql/, and the archive that has them as release 1."""
    create_database(server, name, "source")
    project = Project(server, name, tmp_path / "db")
    project.archive("init", "--name", NAME)
    project.push("1")
    yield project


@pytest.fixture
def live(project: Project) -> Iterator[str]:
    """A source that init-slate-db has made, with the events that the original system's own loader wrote."""
    name = f"{project.database}_live"
    made = commands.run(["-n", name, "-t", "source"], project.server.environment())
    assert made.returncode == ExitStatus.DONE, made.stderr
    with project.server.connect(name) as connection:
        recovery.fill_real(connection)
        connection.execute("UPDATE id SET id = %s", (EVENTS + 1,))
    yield name
    project.server.drop(name)


def change() -> str:
    """Release 2: a function of release 1 otherwise, a new one, an index, and a grant."""
    filter_sql_command = read_object("function", "filter_sql_command").sql
    assert "CREATE FUNCTION" in filter_sql_command
    changed = filter_sql_command.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace("BEGIN", "BEGIN -- 2")
    return f"""{changed}
CREATE FUNCTION entity_events(entity text) RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog
  BEGIN ATOMIC SELECT count(*) FROM public.events AS e WHERE e.event ->> 'entityId' = entity; END;
CREATE INDEX events_by_time ON events (ts DESC, id);
REVOKE EXECUTE ON FUNCTION entity_events(text) FROM PUBLIC"""


def test_a_change_of_our_own_sql_reaches_a_live_source_and_no_event_is_touched(project: Project, live: str) -> None:
    dsn = project.dsn(live)
    with project.server.connect(live) as connection:
        before = recovery.digest(connection), connection.execute(STORAGE).fetchone()
        assert before[1] is not None
        assert before[1][:3] == (EVENTS, 1, EVENTS)
        project.archive("deploy", dsn, "--from", "1", "--yes")
        checked = commands.run(["check", "--dsn", dsn], project.environment(), (sys.executable, "-m", "versioning"))
        assert checked.returncode == ExitStatus.DONE, checked.stdout + checked.stderr
        project.push("2", change())
        project.archive("deploy", dsn, "--yes")
        assert "is version 2, as on record." in project.archive("verify", dsn).stdout
        assert (recovery.digest(connection), connection.execute(STORAGE).fetchone()) == before
        assert recovery.append(project.server, live) == EVENTS + 1
        project.archive("verify", dsn)
