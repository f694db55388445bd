"""What an archive records, refuses and tells, whatever the server: pushes that are proven, branches, merges, seals."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.archives import EVERYTHING, NAME, Project, make_project, scratch_databases
from tests.servers import Server, wait_for
from versioning.archive.items import compare

_numbers = itertools.count(1)


@pytest.fixture
def project(clusters: dict[tuple[int, str], Server], tmp_path: Path) -> Iterator[Project]:
    """An empty database with an archive that has no versions yet, on the newest server alone: none of this is its."""
    server = clusters[max(clusters)]
    project = make_project(server, f"archived_{next(_numbers)}", tmp_path)
    yield project
    server.drop(project.database)
    assert not scratch_databases(server)


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
    project.do(
        "CREATE INDEX a_id ON a (id)", "ALTER TABLE a ADD at date", "CREATE TABLE b (n int DEFAULT 1, PRIMARY KEY (n))"
    )
    for arguments in (("push", "1.1"), ("push", "--check")):
        ended = project.archive(*arguments, status=ExitStatus.DIFFERENT)
        assert "index public.a_id is not in the archive" in ended.stdout
        assert "+ CREATE INDEX a_id ON public.a USING btree (id);" in ended.stdout
        assert "+ ALTER TABLE public.a ADD COLUMN at date;" in ended.stdout
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
    delta = "CREATE INDEX a_id ON a (id); ALTER TABLE a ADD at date; CREATE TABLE b (n int DEFAULT 1 PRIMARY KEY)"
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


def test_a_dry_run_and_a_run_without_consent_change_nothing(project: Project) -> None:
    project.push("1.0", "CREATE TABLE a (id int)")
    with project.live() as live:
        before = project.description(live)
        told = project.archive("deploy", project.dsn(live), "--dry-run").stdout
        assert "1  make version 1.0 in the empty database" in told
        refused = project.archive("deploy", project.dsn(live), status=ExitStatus.REFUSED)
        assert "--yes" in refused.stderr
        assert not compare(before, project.description(live))


def test_a_delta_that_ends_in_a_deadlock_begins_anew(project: Project) -> None:
    project.push("1", "CREATE SEQUENCE tries; CREATE TABLE a (id int)")
    # A sequence is not rolled back: it is met once.
    meets_one = "current_database() LIKE '%_live' AND nextval('tries') = 1"
    raising = "RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'"
    project.push("2", f"DO $$ BEGIN IF {meets_one} THEN {raising}; END IF; END $$; ALTER TABLE a ADD n int")
    with project.live() as live:
        ended = project.archive("deploy", project.dsn(live), "--yes")
        assert "Attempt 1 of 10: Waited in vain for a lock, to bring the database to version 2." in ended.stderr
        assert ended.stdout.endswith("is version 2.\n")


@pytest.mark.parametrize("verb", ["push", "delta", "verify"])
def test_limits_that_are_meant_for_other_clients_do_not_end_the_look_at_a_database(project: Project, verb: str) -> None:
    project.push("1", "CREATE VIEW v AS SELECT 1 AS a")
    dsn = project.dsn(project.database)
    project.archive("deploy", dsn, "--from", "1", "--yes")
    project.do(f"ALTER DATABASE {project.database} SET statement_timeout = 200")
    waited = """
        SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND clock_timestamp() - query_start > interval '400 ms'"""
    arguments = {"push": ["push", "2"], "delta": ["delta"], "verify": ["verify", dsn]}[verb]
    with project.server.connect(project.database) as other, project.server.connect(project.database) as watch:
        other.execute("BEGIN; LOCK TABLE v")
        process = project.start(*arguments)
        wait_for(lambda: watch.execute(waited).rowcount or process.poll() is not None, "it to wait")
        other.execute("ROLLBACK")
        said, log = process.communicate()
    assert process.returncode == ExitStatus.DONE, said + log


def test_a_second_deployment_says_for_whom_it_waits(project: Project) -> None:
    project.push("1", "CREATE TABLE a (id int)")
    with project.live() as live:
        with project.server.connect(live) as other:
            other.execute("SELECT pg_advisory_lock(hashtextextended('slate-schema archive', 0))")
            process = project.start("deploy", project.dsn(live), "--yes")
            assert process.stderr
            told = next(line for line in process.stderr if "Attempt 1 of 10" in line)
            assert f"at work. In the way: session {other.info.backend_pid} of role postgres" in told
        _, log = process.communicate()
        assert process.returncode == ExitStatus.DONE, log


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


def test_a_statement_in_a_delta_that_fails_is_shown_without_its_password(project: Project) -> None:
    project.push("1", "CREATE TABLE a (id int)")
    project.do("ALTER TABLE a ADD n int")
    making = "CREATE ROLE pg_x PASSWORD ''geheim''"
    project.pending.write_text(f"DO $$ BEGIN EXECUTE '{making}'; END $$; ALTER TABLE a ADD n int;\n")
    told = project.archive("push", "2", status=ExitStatus.FAILED).stderr
    assert "CREATE ROLE pg_x PASSWORD '******'" in told
    assert "geheim" not in told


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
