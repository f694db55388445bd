"""Every version of a schema is on record, and live databases are brought from one to the next."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.archives import EVERYTHING, NAME, Project, make_project, scratch_databases
from tests.servers import Server
from versioning.archive.items import compare
from versioning.archive.writing import write_schema


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    """An empty database with an archive that has no versions yet."""
    yield make_project(server, name, tmp_path)
    assert not scratch_databases(server)


def test_ddl_of_a_schema_makes_the_same_schema_and_prints_as_the_same_text(project: Project) -> None:
    project.do(EVERYTHING)
    wanted = project.description()
    text = write_schema(wanted)
    with project.live() as live:
        project.do(text, database=live)
        assert [one.title for one in compare(wanted, project.description(live))] == []
        assert write_schema(project.description(live)) == text
        # As somebody else sees it, who knows of more; what a child of INHERITS has of its own is no part of a schema.
        for database in (project.database, live):
            project.do("DROP TABLE derived", database=database)
        assert project.dump(live) == project.dump()


def test_deploy_brings_an_empty_database_and_an_older_one_to_the_newest_version(project: Project) -> None:
    project.push("1.0", EVERYTHING)
    project.push("1.1", "ALTER TABLE base ADD z text; INSERT INTO base VALUES (1)")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "1.0", "--yes")
        ended = project.archive("deploy", project.dsn(live), "--yes")
        assert ended.stdout.endswith(f"/{live} is version 1.1.\n")
        assert project.has_same_schema(live)
        assert f"/{live} is version 1.1, as on record." in project.archive("verify", project.dsn(live)).stdout
        told = project.archive("log").stdout
        assert "└─ 1.1  " in told
        assert f"/{live} since " in told
        assert project.archive("deploy", project.dsn(live), "--yes").stdout.endswith("is version 1.1 already.\n")
        with project.server.connect(live) as connection:
            rows = connection.execute("SELECT version, parent FROM slate.archive_delta ORDER BY position").fetchall()
            assert rows == [("1.0", None), ("1.1", "1.0")]


def test_a_database_without_a_record_is_taken_for_the_version_that_is_named_if_it_is_that(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    with project.live() as live:
        project.do("CREATE TABLE a (id int)", database=live)
        assert "--from" in project.archive("deploy", project.dsn(live), "--yes", status=ExitStatus.REFUSED).stderr
        project.do("CREATE TABLE b (id int)", database=live)
        drifted = project.archive("deploy", project.dsn(live), "--from", "1.0", "--yes", status=ExitStatus.DIFFERENT)
        assert "table public.b is not in the archive" in drifted.stdout
        project.do("DROP TABLE b", database=live)
        project.archive("deploy", project.dsn(live), "--from", "1.0", "--yes")
        project.archive("verify", project.dsn(live))


DRIFT = {
    "a dropped index": ("DROP INDEX lower_name", "index public.lower_name is missing"),
    "a changed function": (
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog"
        " AS 'BEGIN RETURN NEW; END'",
        "function public.refuse() differs",
    ),
    "a new grant": (
        "GRANT UPDATE ON person TO PUBLIC",
        "grants on table public.person to PUBLIC is not in the archive",
    ),
    "a trigger that is on": (
        "ALTER TABLE person ENABLE TRIGGER no_update",
        "trigger no_update on public.person differs",
    ),
    "a partition's trigger that is off": (
        "ALTER TABLE orders_new DISABLE TRIGGER no_order",
        "trigger state no_order on public.orders_new is not in the archive",
    ),
    "a column's type": ("ALTER TABLE scratchpad ALTER b TYPE bigint", "column public.scratchpad.b differs"),
    "a comment": ("COMMENT ON TABLE base IS 'mine'", "comment on table public.base is not in the archive"),
    "an owner": ("ALTER TABLE scratchpad OWNER TO archive_owner", "owner of table public.scratchpad is not in the"),
    "row security": ("ALTER TABLE person NO FORCE ROW LEVEL SECURITY", "row security public.person differs"),
    "default privileges": (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "default privileges of CURRENT_ROLE on tables to PUBLIC is not in the archive",
    ),
}


def test_a_change_by_hand_is_found_by_verify_and_named_and_stops_deploy(project: Project) -> None:
    project.push("1.0", EVERYTHING)
    project.push("1.1", "CREATE TABLE more (id int)")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "1.0", "--yes")
        project.do(*(statement for statement, _ in DRIFT.values()), database=live)
        found = project.archive("verify", project.dsn(live), status=ExitStatus.DIFFERENT).stdout
        titles = [line.strip() for line in found.splitlines() if line.startswith("  ") and not line.startswith("   ")]
        assert len(titles) == len(DRIFT)
        for _, sentence in DRIFT.values():
            assert sentence in found
        before = project.description(live)
        stopped = project.archive("deploy", project.dsn(live), "--yes", status=ExitStatus.DIFFERENT)
        assert "is not what the archive says of version 1.0" in stopped.stderr
        assert not compare(before, project.description(live))


def test_a_delta_that_fails_on_the_data_leaves_the_version_before_it(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    project.push("1.1", "CREATE TABLE b (id int)")
    project.push("1.2", "ALTER TABLE a ALTER id SET NOT NULL")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "1.0", "--yes")
        project.do("INSERT INTO a VALUES (NULL)", database=live)
        failed = project.archive("deploy", project.dsn(live), "--yes", status=ExitStatus.FAILED)
        assert 'column "id" of relation "a" contains null values' in failed.stderr
        assert "is version 1.1, as on record." in project.archive("verify", project.dsn(live)).stdout
        project.do("UPDATE a SET id = 1", database=live)
        project.archive("deploy", project.dsn(live), "--yes")
        assert project.has_same_schema(live)


def test_what_deploy_makes_belongs_to_the_owner_of_the_database(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    with project.live("archive_owner") as live:
        project.archive("deploy", project.dsn(live), "--yes")
        with project.server.connect(live) as connection:
            query = "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'a'::regclass"
            assert connection.execute(query).fetchone() == ("archive_owner",)
        project.archive("verify", project.dsn(live))


def test_partitions_that_come_with_the_data_can_be_left_out(project: Project) -> None:
    (project.folder / f"{NAME}.json").unlink()
    project.archive("init", "--name", NAME, "--leave-out", "partitions")
    project.push("1.0", "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--yes")
        project.do("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (9)", database=live)
        project.archive("verify", project.dsn(live))
        project.push("1.1", "ALTER TABLE p ADD name text; CREATE INDEX ON p (name)")
        project.archive("deploy", project.dsn(live), "--yes")
        project.archive("verify", project.dsn(live))


def test_what_an_archive_cannot_hold_is_told_by_name(project: Project) -> None:
    project.do("CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)")
    ended = project.archive("push", "1.0")
    assert "the archive does not hold: operator public.===(integer,integer)" in ended.stderr
