"""``slate-schema archive`` is interrupted or killed, or its server is, at any moment: nothing is left half done.

A deployment at 3 moments a version; SLATE_ALL_MOMENTS: at 50, which takes some ten minutes.
"""

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import servers
from tests.archives import Project, make_project, scratch_databases
from tests.effort import moments
from tests.servers import Server, wait_for
from versioning.archive.items import Description, compare

MOMENTS = moments(3, 50)
VERSIONS = 8
# Of each version a table, an index on what was there before, and a row for each run of the delta.
DELTA = """
INSERT INTO ran VALUES ({n});
CREATE TABLE t{n} AS SELECT g AS n FROM generate_series(1, 5000) AS g;
CREATE INDEX i{n} ON t{before} (n);
ALTER TABLE kept ADD c{n} integer NOT NULL DEFAULT {n}
"""
# A delta that goes on when nobody holds the gate: locks of all databases can be seen from each.
GATE = 20261121
AT_GATE = f"""
CREATE TABLE gated (id int);
DO $$ BEGIN
  WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE} AND granted) LOOP
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$
"""


@dataclass
class Field:
    """A server of its own, which may be killed, and an archive. schemas: by version; seconds: how long a run takes."""

    project: Project
    schemas: dict[str, Description] = field(default_factory=dict)
    seconds: float = 0

    @property
    def server(self) -> Server:
        return self.project.server

    def deploy(self, live: str) -> "subprocess.Popen[str]":
        return self.project.start("deploy", self.project.dsn(live), "--yes")

    def version(self, live: str) -> str | None:
        """What the database has on record."""
        with self.server.connect(live) as connection:
            if not connection.execute("SELECT FROM pg_tables WHERE tablename = 'archive_version'").rowcount:
                return None
            row = connection.execute("SELECT version FROM slate.archive_version").fetchone()
            return str(row[0]) if row else None

    def assert_agrees(self, live: str) -> None:
        """The schema is that of the version on record, and each delta on record ran once."""
        version = self.version(live)
        if version is None:
            assert {item.kind for item in self.project.description(live).values()} <= {"schema"}
            return
        assert compare(self.schemas[version], self.project.description(live)) == []
        with self.server.connect(live) as connection:
            ran = [n for (n,) in connection.execute("SELECT n FROM ran ORDER BY n")]
            assert ran == list(range(2, int(version) + 1))
            rows = [n for (n,) in connection.execute("SELECT version FROM slate.archive_delta ORDER BY position")]
            assert rows == [str(n) for n in range(1, int(version) + 1)]
            kept = connection.execute("SELECT count(*), sum(id) FROM kept").fetchone()
            assert kept in ((0, None), (1000, 500500))


@pytest.fixture(scope="module", params=list(servers.binaries()), ids=lambda version: f"pg{version}")
def ground(
    request: pytest.FixtureRequest, server_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    version = request.param
    server = servers.start(server_directory / f"archive-{version}", version)
    try:
        ground = Field(make_project(server, "project", tmp_path_factory.mktemp("archive")))
        ground.project.push("1", "CREATE TABLE ran (n int); CREATE TABLE kept (id int); CREATE TABLE t1 (n int)")
        ground.schemas["1"] = ground.project.description()
        for n in range(2, VERSIONS + 1):
            ground.project.push(str(n), DELTA.format(n=n, before=n - 1))
            ground.schemas[str(n)] = ground.project.description()
        begin = time.monotonic()
        with ground.project.live() as live, ground.deploy(live) as run:
            _, log = run.communicate()
            assert run.returncode == ExitStatus.DONE, log
            ground.seconds = time.monotonic() - begin
            ground.assert_agrees(live)
        yield ground
    finally:
        server.cluster.stop("immediate")


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_whatever_ends_a_deployment_the_record_and_the_schema_agree_and_a_rerun_goes_on(
    ground: Field, seed: int
) -> None:
    chance = random.Random(seed)
    with ground.project.live() as live:
        ground.project.archive("deploy", ground.project.dsn(live), "--to", "1", "--yes")
        ground.project.do("INSERT INTO kept SELECT generate_series(1, 1000)", database=live)
        for victim in chance.sample(("command", "server", "Ctrl-C"), chance.choice((1, 1, 2))):
            with ground.deploy(live) as run:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(chance.uniform(0.2, 1) * ground.seconds)
                if victim == "server":
                    ground.server.kill()
                    run.communicate()
                    ground.server.restart()
                else:
                    run.send_signal(signal.SIGINT if victim == "Ctrl-C" else signal.SIGKILL)
                    run.communicate()
            wait_for(lambda: not busy(ground.server, live), "the server to see that the command has gone")
            ground.assert_agrees(live)
        with ground.deploy(live) as run:
            _, log = run.communicate()
        assert run.returncode == ExitStatus.DONE, f"seed {seed}: {log}"
        assert ground.version(live) == str(VERSIONS)
        ground.assert_agrees(live)
    assert not scratch_databases(ground.server)


def busy(server: Server, database: str) -> int:
    with server.connect() as connection:
        return connection.execute("SELECT FROM pg_stat_activity WHERE datname = %s", (database,)).rowcount


@contextmanager
def gate(server: Server) -> Iterator[None]:
    """Keeps deltas at the gate while the block runs."""
    with server.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (GATE,))
        yield


def waits_at_gate(server: Server) -> int:
    with server.connect() as connection:
        return connection.execute("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'").rowcount


@pytest.fixture
def gated(server: Server, name: str, tmp_path: Path) -> Project:
    """A project whose pending delta waits at the gate."""
    project = make_project(server, name, tmp_path)
    project.push("1", "CREATE TABLE a (id int)")
    project.do("CREATE TABLE gated (id int)")
    project.pending.write_text(AT_GATE)
    return project


def test_scratch_databases_are_dropped_after_ctrl_c_and_those_of_a_killed_run_by_the_next_one_alone(
    gated: Project,
) -> None:
    server = gated.server
    with gate(server):
        for number in (signal.SIGINT, signal.SIGTERM):
            with gated.start("push", "2") as run:
                wait_for(lambda: waits_at_gate(server), "the proof")
                assert scratch_databases(server)
                run.send_signal(number)
                _, log = run.communicate()
            assert (run.returncode, log) == (ExitStatus.INTERRUPTED, "")
            assert not scratch_databases(server)
        with gated.start("push", "2") as run:
            wait_for(lambda: waits_at_gate(server), "the proof")
            run.kill()
        left = scratch_databases(server)
        assert left
        with gated.start("push", "2") as run:
            wait_for(lambda: not left & scratch_databases(server), "the end of what was left")
            wait_for(lambda: waits_at_gate(server), "the proof")
            living = scratch_databases(server)
            gated.archive("verify")
            assert scratch_databases(server) == living
            open_gate(server)
            _, log = run.communicate()
    assert run.returncode == ExitStatus.DONE, log
    assert not scratch_databases(server)
    assert gated.file("2.deltas.sql").read_text() == AT_GATE


def open_gate(server: Server) -> None:
    """Opens the gate."""
    holder = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"
    with server.connect() as connection:
        connection.execute(holder, (GATE,))


def test_ctrl_c_while_a_delta_waits_for_a_lock_leaves_the_version_before_it(gated: Project) -> None:
    gated.pending.unlink()
    gated.do("DROP TABLE gated")
    gated.push("2", "CREATE TABLE b (id int); ALTER TABLE a ADD n int")
    with gated.live() as live, gated.server.connect(live) as connection:
        gated.archive("deploy", gated.dsn(live), "--to", "1", "--yes")
        connection.execute("BEGIN; LOCK TABLE a")
        with gated.start("deploy", gated.dsn(live), "--yes", "--lock-timeout", "60000") as run:
            waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'a'::regclass"
            wait_for(lambda: connection.execute(waiting).rowcount, "the delta to wait")
            run.send_signal(signal.SIGINT)
            _, log = run.communicate()
        assert run.returncode == ExitStatus.INTERRUPTED
        assert "is what its record says" in log
        connection.execute("ROLLBACK")
        assert "is version 1, as on record." in gated.archive("verify", gated.dsn(live)).stdout
        gated.archive("deploy", gated.dsn(live), "--yes")
        assert gated.has_same_schema(live)
    assert not scratch_databases(gated.server)


def test_a_push_that_was_cut_short_behind_the_archive_is_completed_by_the_same_command(gated: Project) -> None:
    dsn = gated.dsn(gated.database)
    gated.pending.unlink()
    gated.do("DROP TABLE gated")
    gated.archive("deploy", dsn, "--from", "1", "--yes")
    gated.push("2", "CREATE TABLE b (id int)")
    gated.do("UPDATE slate.archive_version SET version = '1'")
    gated.archive("verify", dsn, status=ExitStatus.DIFFERENT)
    assert "2 was on record; now " in gated.archive("push", "2").stdout
    gated.archive("verify", dsn)
    assert "is on record already" in gated.archive("push", "2", status=ExitStatus.REFUSED).stderr
