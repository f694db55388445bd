"""Every version of a schema is on record, and live databases are brought from one to the next."""

import json
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


def test_push_records_a_root_and_log_tells_it(project: Project) -> None:
    project.push("1.0", EVERYTHING)
    record = json.loads((project.folder / f"{NAME}.json").read_text())
    assert record["versions"]["1.0"]["parents"] == {}
    assert "CREATE TABLE public.person (\n    id bigint" in project.file("1.0.schema.sql").read_text()
    assert "1.0  " in project.archive("log").stdout


def test_push_of_the_same_schema_records_a_version_without_a_delta(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    project.push("1.1")
    record = json.loads((project.folder / f"{NAME}.json").read_text())["versions"]
    assert record["1.1"]["parents"] == {"1.0": None}
    assert record["1.1"]["schema"] == record["1.0"]["schema"]


def test_push_of_a_changed_schema_without_a_delta_is_blocked_and_tells_the_difference(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    project.do("CREATE INDEX a_id ON a (id)", "CREATE TABLE b (n int DEFAULT 1, PRIMARY KEY (n))")
    for arguments in (("push", "1.1"), ("push", "--check")):
        ended = project.archive(*arguments, status=ExitStatus.DIFFERENT)
        assert "index public.a_id is not in the archive" in ended.stdout
        assert "+ CREATE INDEX a_id ON public.a USING btree (id);" in ended.stdout
        assert (
            """\
  table public.b is not in the archive
      + CREATE TABLE public.b (
      +     n integer DEFAULT 1 NOT NULL
      + );
      + ALTER TABLE ONLY public.b ADD CONSTRAINT b_pkey PRIMARY KEY (n);
"""
            in ended.stdout
        )
        assert "The schema is not that of version 1.0, and there is no " in ended.stderr
    delta = "CREATE INDEX a_id ON a (id); CREATE TABLE b (n int DEFAULT 1 PRIMARY KEY)"
    project.pending.write_text(delta)
    assert "would not be blocked" in project.archive("push", "--check").stdout
    assert "1.1" not in project.archive("log").stdout
    project.push("1.1")
    assert not project.pending.exists()
    assert project.file("1.1.deltas.sql").read_text() == delta


@pytest.mark.parametrize(
    ("delta", "status", "sentence"),
    [
        ("CREATE TABLE b (id bigint)", ExitStatus.DIFFERENT, "does not lead from version 1.0 to the schema"),
        (
            "CREATE TABLE b (id nonsense)",
            ExitStatus.FAILED,
            'type "nonsense" does not exist (SQLSTATE 42704) at line 1',
        ),
        ("CREATE TABLE b (id int); COMMIT", ExitStatus.REFUSED, "ends its transaction"),
        ("-- DECIDE: really?\nCREATE TABLE b (id int)", ExitStatus.REFUSED, "-- DECIDE: really?"),
    ],
    ids=["wrong", "broken", "commits", "undecided"],
)
def test_push_is_blocked_by_a_delta_that_is_not_proven(
    project: Project, delta: str, status: ExitStatus, sentence: str
) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    project.do("CREATE TABLE b (id int)")
    project.pending.write_text(delta)
    assert sentence in project.archive("push", "1.1", status=status).stderr
    assert project.pending.read_text() == delta
    assert "1.1" not in project.archive("log").stdout


def test_a_delta_that_changes_data_alone_is_kept(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    project.push("1.1", "INSERT INTO a VALUES (7)")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--yes")
        with project.server.connect(live) as connection:
            assert connection.execute("SELECT id FROM a").fetchall() == [(7,)]


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


def test_a_dry_run_and_a_run_without_consent_change_nothing(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    with project.live() as live:
        before = project.description(live)
        told = project.archive("deploy", project.dsn(live), "--dry-run").stdout
        assert "1  make version 1.0 in the empty database" in told
        refused = project.archive("deploy", project.dsn(live), status=ExitStatus.REFUSED)
        assert "--yes" in refused.stderr
        assert not compare(before, project.description(live))


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
    "a trigger that is off": (
        "ALTER TABLE orders DISABLE TRIGGER no_order",
        "trigger no_order on public.orders differs",
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


def test_deploy_goes_along_branches_and_merges_and_to_descendants_alone(project: Project) -> None:
    project.push("1", "CREATE TABLE a (id int)")
    project.push("2a", "CREATE TABLE b (id int)", "--parent", "1")
    project.do("DROP TABLE b", "CREATE TABLE c (id int)")
    project.pending.write_text("CREATE TABLE c (id int);")
    project.archive("push", "2b", "--parent", "1")
    project.do("CREATE TABLE b (id int)")
    project.pending.write_text("CREATE TABLE c (id int);")
    (project.folder / f"{NAME}.deltas-from-2b").write_text("CREATE TABLE b (id int);")
    project.archive("push", "3", "--parent", "2a", "--parent", "2b")
    assert "delta, merges 2b" in project.archive("log").stdout
    project.archive("verify")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "2b", "--yes")
        refused = project.archive("deploy", project.dsn(live), "--to", "2a", "--yes", status=ExitStatus.REFUSED)
        assert "Version 2a does not descend from version 2b" in refused.stderr
        unknown = project.archive("deploy", project.dsn(live), "--to", "9", "--yes", status=ExitStatus.REFUSED)
        assert 'has no version "9"' in unknown.stderr
        project.archive("deploy", project.dsn(live), "--yes")
        assert project.has_same_schema(live)
    project.do("CREATE TABLE d (id int)")
    project.archive("push", "4", "--parent", "2b", status=ExitStatus.DIFFERENT)


def test_a_file_of_the_archive_that_was_changed_is_refused_by_name(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    project.push("1.1", "CREATE TABLE b (id int)")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "1.0", "--yes")
        for file in ("1.1.deltas.sql", "1.0.schema.sql"):
            path = project.file(file)
            text = path.read_bytes()
            path.write_bytes(text + b"\n")
            for arguments in (("deploy", project.dsn(live), "--yes"), ("verify",)):
                refused = project.archive(*arguments, status=ExitStatus.REFUSED)
                assert f"{path} is not what is on record." in refused.stderr
            path.write_bytes(text)
        project.archive("deploy", project.dsn(live), "--yes")


def test_an_archive_whose_history_is_another_one_is_refused(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    project.push("1.1", "CREATE TABLE b (id int)")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--yes")
        project.do("UPDATE slate.archive_delta SET digest = repeat('0', 64) WHERE version = '1.1'", database=live)
        refused = project.archive("deploy", project.dsn(live), "--yes", status=ExitStatus.REFUSED)
        assert "is not the one that" in refused.stderr
        assert "000000" in refused.stderr


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


def test_passwords_and_data_are_nowhere_in_the_archive(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (secret text)")
    project.do("INSERT INTO a VALUES ('very private')")
    project.push("1.1", "CREATE TABLE b (id int)")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--yes", "-v")
    texts = [path.read_text() for path in project.folder.rglob("*") if path.is_file()]
    assert len(texts) >= 5
    for text in texts:
        assert "very private" not in text
        assert project.server.password not in text
