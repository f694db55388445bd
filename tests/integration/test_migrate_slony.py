"""slate-schema migrate under Slony: a real cluster of two nodes, its nodes read from its own tables."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.conftest import VERSIONS
from tests.migrations import COMMAND, LEDGER
from tests.servers import Server, wait_for
from tests.slate import create_database
from tests.slony import CLUSTER, Node, SlonyCluster, is_installed, slony_cluster
from versioning.migrations.cluster import Origin
from versioning.migrations.patches import read_patches
from versioning.migrations.slonik import make_script

pytestmark = pytest.mark.skipif(not is_installed() or 15 not in VERSIONS, reason="Slony for PostgreSQL 15 is missing")

APPEND = """SELECT append_events('[{"entityName": "Person"}, {"entityName": "Person"}]')"""


@dataclass(frozen=True)
class Place:
    """A Slony cluster of a source and a destination, and a folder of patches."""

    slony: SlonyCluster
    folder: Path

    def write(self, **patches: str) -> None:
        """Writes patches: p1_0_0_std="SELECT 1"."""
        for name, text in patches.items():
            (self.folder / f"patch-{name[1:].replace('_', '-')}.sql").write_text(text, encoding="utf-8")

    def run(self, verb: str, *more: str, path: str | None = None, node: int = 0) -> "tuple[int, str, str]":
        """Exit status, standard output, standard error. Only the source is named."""
        environment = self.slony.environment | ({"PATH": path} if path else {})
        arguments = [verb, str(self.folder), "--node", self.slony.nodes[node].conninfo, *more]
        ended = commands.run(arguments, environment, COMMAND)
        return ended.returncode, ended.stdout, ended.stderr

    def start(self, *more: str) -> "subprocess.Popen[str]":
        """A run that goes on beside the test."""
        arguments = ["migrate", str(self.folder), "--yes", "--node", self.slony.origin.conninfo, *more]
        return commands.start(arguments, self.slony.environment, COMMAND)

    def migrate(self, *more: str) -> None:
        status, _, told = self.run("migrate", "--yes", *more)
        assert status == ExitStatus.DONE, told + self.slony.log(self.slony.nodes[1])[-4000:]

    def ledgers(self) -> list[list[str]]:
        """The complete patches of each node."""
        return [[row[0] for row in node.rows(LEDGER) if row[2]] for node in self.slony.nodes]

    def append(self) -> None:
        """Stores two events in the source, and waits until the destination has as many as it."""
        source, destination = self.slony.nodes
        source.rows(APPEND)
        count = "SELECT count(*) FROM events"
        wait_for(lambda: source.rows(count) == destination.rows(count), "the events to come")


@pytest.fixture(scope="module")
def slony(clusters: dict[tuple[int, str], Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlonyCluster]:
    """A source that a destination on another server subscribes to, made by Slony's own programs."""
    source, destination = clusters[15, "source"], clusters[15, "backup"]
    nodes = (Node(1, source, "slony_source"), Node(2, destination, "slony_destination"))
    try:
        create_database(source, nodes[0].database, "source")
        create_database(destination, nodes[1].database, "destination")
        with slony_cluster(nodes, tmp_path_factory.mktemp("slony") / "cluster", ["public.events"]) as cluster:
            yield cluster
    finally:
        for node in nodes:
            node.server.drop(node.database)


@pytest.fixture
def place(slony: SlonyCluster, tmp_path: Path) -> Iterator[Place]:
    """The cluster with a slon for each node, ledgers without a row, and an empty folder of patches."""
    for node in slony.nodes:
        if node.number not in slony.daemons:
            slony.start(node)
        if node.rows("SELECT FROM pg_class WHERE oid = to_regclass('slate.patch')"):
            with node.connect() as connection:
                connection.execute("TRUNCATE slate.patch")
    yield Place(slony, tmp_path)


def test_patches_of_all_types_reach_both_nodes_and_events_go_on_coming(place: Place) -> None:
    place.append()
    place.write(
        p1_0_0_std="ALTER TABLE events ADD COLUMN origin text DEFAULT 'here'",
        p1_1_0_direct="CREATE TABLE notes (id integer PRIMARY KEY); INSERT INTO notes VALUES (1);",
        p1_2_0_concurrent="CREATE INDEX CONCURRENTLY events_origin ON events (origin)",
    )
    place.migrate("--all")
    assert place.ledgers() == [["1-0-0", "1-1-0", "1-2-0"]] * 2
    place.append()
    source, destination = place.slony.nodes
    rows = "SELECT id, ts, event, origin FROM events ORDER BY id"
    assert len(source.rows(rows)) >= 4
    assert {row[3] for row in source.rows(rows)} == {"here"}
    assert destination.rows(rows) == source.rows(rows)
    index = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('events_origin')"
    assert source.rows(index) == destination.rows(index) == [(True,)]
    assert source.rows("TABLE notes") == destination.rows("TABLE notes") == [(1,)]


def test_the_ledger_of_each_node_says_who_applied_a_patch_and_when_it_came_there(place: Place) -> None:
    place.write(p2_0_0_std="CREATE TABLE ledger_told ()")
    place.migrate()
    query = "SELECT digest, role, came_from, tool_version, ended_at >= started_at FROM slate.patch"
    source, destination = place.slony.nodes
    assert source.rows(query) == destination.rows(query)
    ((*_, has_ended),) = source.rows(query)
    assert has_ended


def test_a_patch_arrives_between_the_events_before_and_behind_it(place: Place) -> None:
    source, destination = place.slony.nodes
    place.slony.stop(destination)
    source.rows(APPEND)
    place.write(p3_0_0_std="CREATE TABLE seen AS SELECT max(id) AS last, count(*) AS events FROM events")
    status, _, _ = place.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    source.rows(APPEND)
    place.slony.start(destination)
    place.migrate()
    assert destination.rows("TABLE seen") == source.rows("TABLE seen")


def test_statements_that_slonik_would_take_apart_wrongly_arrive_whole(place: Place) -> None:
    """slonik's own reading goes wrong at each of these."""
    place.write(
        p4_0_0_std=r"""
        CREATE TABLE tricky (a integer, b text);
        INSERT INTO tricky VALUES (6/2, '\'); INSERT INTO tricky VALUES (1, 'it''s; @NAMESPACE@');
        CREATE FUNCTION twice(x integer) RETURNS integer LANGUAGE sql
          BEGIN ATOMIC SELECT x; SELECT CASE WHEN x > 0 THEN 2 * x ELSE x END; END;
        CREATE FUNCTION quoted() RETURNS text LANGUAGE sql AS $patch$ SELECT $slate$a;$1 b$slate$ $patch$;
        INSERT INTO tricky /* a /* nested; */ comment */ VALUES ("twice"(4), quoted()) -- no semicolon;
        """,
    )
    place.migrate()
    expected = [(1, "it's; @NAMESPACE@"), (3, "\\"), (8, "a;$1 b")]
    for node in place.slony.nodes:
        assert node.rows("SELECT a, b FROM tricky ORDER BY a") == expected


def test_many_patches_go_as_one_script(place: Place) -> None:
    place.write(**{f"p5_{number}_0_std": f"CREATE TABLE many_{number} ();" for number in range(30)})
    place.migrate()
    source, destination = place.slony.nodes
    assert len(place.ledgers()[1]) == 30
    assert place.ledgers()[0] == place.ledgers()[1]
    same = "SELECT count(DISTINCT log_txid) FROM _events.sl_log_script WHERE log_cmdargs[1] LIKE '%many_%'"
    assert source.rows(same) == [(1,)]
    assert destination.rows("SELECT count(*) FROM pg_class WHERE relname LIKE 'many\\_%'") == [(30,)]


def test_a_search_path_of_one_patch_is_not_that_of_the_next(place: Place) -> None:
    place.write(
        p6_0_0_std="CREATE SCHEMA aside; SET LOCAL search_path = aside; CREATE TABLE in_aside ();",
        p6_1_0_std="CREATE TABLE in_public ();",
    )
    place.migrate()
    for node in place.slony.nodes:
        assert node.rows("SELECT to_regclass('aside.in_aside') IS NOT NULL") == [(True,)]
        assert node.rows("SELECT to_regclass('public.in_public') IS NOT NULL") == [(True,)]


@pytest.mark.parametrize("setting", ["SET search_path = nowhere", "SET LOCAL ROLE pg_monitor", "RESET ALL"])
def test_a_setting_that_does_not_do_on_the_subscribers_is_refused(place: Place, setting: str) -> None:
    place.write(p7_0_0_std=f"CREATE TABLE never ();\n{setting};")
    status, _, told = place.run("migrate", "--yes")
    assert status == ExitStatus.REFUSED
    assert f"patch-7-0-0-std.sql: line 2: {' '.join(setting.split()[:2])}\n" in told
    assert place.ledgers() == [[], []]


def test_a_patch_that_fails_is_told_with_line_and_position_and_nothing_is_left_of_its_group(place: Place) -> None:
    place.write(
        p8_0_0_std="CREATE TABLE first_of_group ();",
        p8_1_0_std="CREATE TABLE second_of_group ();\nSELECT nowhere FROM events;",
    )
    status, _, told = place.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert "patch-8-1-0-std.sql, line 2, column 8 (SQLSTATE 42703)" in told
    assert "LINE 2: SELECT nowhere FROM events;" in told
    for node in place.slony.nodes:
        assert node.rows("SELECT to_regclass('first_of_group')") == [(None,)]
    assert place.ledgers() == [[], []]


def test_a_patch_that_fails_on_the_subscriber_alone_is_applied_nowhere(place: Place) -> None:
    """Slony would try it there for ever, and nothing behind it would come."""
    source, destination = place.slony.nodes
    with destination.connect() as connection:
        connection.execute("CREATE TABLE in_the_way ()")
    place.write(p9_0_0_std="CREATE TABLE in_the_way ();")
    status, _, told = place.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert f'Patch 9-0-0 failed on {destination.place}: relation "in_the_way" already exists' in told
    assert source.rows("SELECT to_regclass('in_the_way')") == [(None,)]
    place.append()


def test_what_fails_in_slonik_alone_is_told_in_the_words_of_the_server(place: Place) -> None:
    source, destination = place.slony.nodes
    for node in (source, destination):
        with node.connect() as connection:
            connection.execute("CREATE SEQUENCE tries")
    # Trying it takes the first number, which no rollback gives back.
    fails = "DO $$ BEGIN IF nextval('tries') = 2 THEN RAISE 'the second time'; END IF; END $$"
    place.write(p17_0_0_std=f"CREATE TABLE left_over (); {fails};")
    status, _, told = place.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert f"slonik has not applied patch 17-0-0 on {source.place}." in told
    assert "  the second time" in told
    assert place.ledgers() == [[], []]
    assert source.rows("SELECT to_regclass('left_over')") == [(None,)]


def test_a_node_that_no_slon_serves_is_told_and_the_next_run_waits_for_it(place: Place) -> None:
    destination = place.slony.nodes[1]
    place.slony.stop(destination)
    place.write(p10_0_0_std="CREATE TABLE late ();")
    status, _, told = place.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert f"{destination.place} lacks patch 10-0-0: no slon serves it" in told
    assert place.ledgers() == [["10-0-0"], []]
    place.slony.start(destination)
    place.migrate()
    assert place.ledgers() == [["10-0-0"]] * 2


def test_a_node_that_has_all_events_and_not_the_patch_is_told(place: Place) -> None:
    destination = place.slony.nodes[1]
    place.write(p11_0_0_std="CREATE TABLE forgotten ();")
    place.migrate()
    with destination.connect() as connection:
        connection.execute("TRUNCATE slate.patch")
    status, _, told = place.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert "it has confirmed all events, so they will not come any more" in told


def test_locks_are_waited_for_and_who_holds_one_is_told(place: Place) -> None:
    place.write(p12_0_0_std="ALTER TABLE events ADD COLUMN locked integer")
    source = place.slony.origin
    with source.connect() as holder, holder.transaction():
        holder.execute("SELECT FROM events")
        status, _, told = place.run("migrate", "--yes", "--lock-timeout", "300", "--lock-tries", "2")
        assert status == ExitStatus.FAILED
        assert f"pid {holder.info.backend_pid}, role postgres" in told
    assert place.ledgers() == [[], []]


def test_without_slonik_a_std_patch_is_refused_and_a_direct_one_applied(place: Place, tmp_path: Path) -> None:
    place.write(p13_0_0_direct="CREATE TABLE without_slonik ();", p13_1_0_std="CREATE TABLE with_slonik ();")
    bare = str(tmp_path / "bin")
    status, _, told = place.run("migrate", "--yes", "--all", path=bare)
    assert status == ExitStatus.REFUSED
    assert "The program slonik is not on this machine, or not on the PATH." in told
    assert place.ledgers() == [["13-0-0"]] * 2
    assert shutil.which("slonik", path=bare) is None


def test_the_subscriber_is_no_source_of_patches(place: Place) -> None:
    place.write(p14_0_0_std="SELECT 1")
    status, _, told = place.run("migrate", "--yes", node=1)
    source, destination = place.slony.nodes
    assert status == ExitStatus.REFUSED
    assert f"is node 2 of Slony cluster {CLUSTER}, and set 1 originates on node 1" in told
    assert f"127.0.0.1:{source.server.port}/{source.database}" in told
    assert destination.rows("SELECT to_regclass('slate.patch') IS NULL OR NOT EXISTS (TABLE slate.patch)") == [(True,)]


def test_status_names_the_nodes_that_the_cluster_knows(place: Place) -> None:
    place.write(p15_0_0_std="CREATE TABLE known ();")
    place.migrate()
    status, told, _ = place.run("status", "--format", "json")
    assert status == ExitStatus.DONE
    assert [node["name"] for node in json.loads(told)["nodes"]] == [node.place for node in place.slony.nodes]


def test_a_node_that_is_down_is_named_and_nothing_is_applied(place: Place) -> None:
    destination = place.slony.nodes[1]
    place.write(p16_0_0_std="CREATE TABLE not_yet ();")
    moved = destination.conninfo.replace(str(destination.server.port), "1")
    path = "UPDATE _events.sl_path SET pa_conninfo = '{}' WHERE pa_server = 2"
    with place.slony.origin.connect() as connection:
        connection.execute(path.format(moved).encode())
        try:
            status, _, told = place.run("migrate", "--yes", "--connect-timeout", "500")
            assert status == ExitStatus.FAILED
            assert "127.0.0.1:1" in told
            # The operator may know another way there.
            given = ("--node", destination.conninfo)
            status, _, told = place.run("migrate", "--yes", *given)
            assert status == ExitStatus.DONE, told
        finally:
            connection.execute(path.format(destination.conninfo).encode())
    assert place.ledgers() == [["16-0-0"]] * 2


def test_a_slonik_that_outlives_its_command_is_waited_for_and_its_patch_applied_once(place: Place) -> None:
    source, destination = place.slony.nodes
    for node in (source, destination):
        with node.connect() as connection:
            connection.execute("CREATE SEQUENCE waits")
    # Trying it takes the first number, which no rollback gives back.
    waits = "DO $$ BEGIN IF nextval('public.waits') = 2 THEN PERFORM pg_advisory_xact_lock(1); END IF; END $$"
    place.write(p18_0_0_std=f"CREATE TABLE outlived (); {waits};")
    with source.connect() as blocker:
        blocker.execute("SELECT pg_advisory_lock(1)")
        with place.start("--lock-timeout", "60000") as run:
            at_work = "SELECT a.pid FROM pg_locks JOIN pg_stat_activity AS a USING (pid) WHERE locktype = 'advisory'"
            ((pid,),) = wait_for(lambda: source.rows(f"{at_work} AND NOT granted"), "slonik")
            run.kill()
        status, _, told = place.run("migrate", "--yes", "--wait", "1")
        assert status == ExitStatus.FAILED
        assert f"Patches that an interrupted run began are still being applied on {source.place}." in told
        assert f"Process {pid}, slonik, at work since " in told
        assert f"SELECT pg_cancel_backend({pid})" in told
        with place.start() as run:
            assert run.stderr
            assert "Still at work: process" in run.stderr.readline()
            blocker.execute("SELECT pg_advisory_unlock(1)")
            told, log = run.communicate()
            assert run.returncode == ExitStatus.DONE, told + log
    assert place.ledgers() == [["18-0-0"]] * 2
    assert destination.rows("SELECT to_regclass('outlived')") == [("outlived",)]


def test_what_was_not_sent_when_a_run_was_killed_is_sent_by_the_next(place: Place) -> None:
    """Also where the origin's slon, which else would send it, does not run."""
    source, _ = place.slony.nodes
    place.write(p19_0_0_std="CREATE TABLE sent_later ();")
    place.slony.stop(source)
    (patch,) = read_patches(place.folder).patches
    script = place.folder / "script"
    script.write_text(make_script([patch], Origin("postgres", "a run that is killed")))
    place.slony.slonik(f"execute script (filename = '{script}', event node = {source.number});\n")
    assert place.ledgers() == [["19-0-0"], []]
    place.migrate()
    assert place.ledgers() == [["19-0-0"]] * 2
