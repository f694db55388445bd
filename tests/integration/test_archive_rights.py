"""Who may what with an archive: roles that may make no scratch databases, and owners that are no superusers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.archives import Project, make_project, scratch_databases
from tests.servers import Server

ROLE = "archive_app"
PASSWORD = "unguessable"


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    """A project, and a role without any right of its own."""
    project = make_project(server, name, tmp_path)
    project.do(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    yield project
    server.drop(name)
    with server.connect() as connection:
        connection.execute(f"DROP ROLE {ROLE}")
    assert not scratch_databases(server)


def test_a_role_that_may_not_make_databases_is_refused_and_told_of_scratch(
    project: Project, clusters: dict[tuple[int, str], Server]
) -> None:
    project.push("1", "CREATE TABLE a (id int)")
    project.change("CREATE TABLE b (id int)")
    for arguments in (("push", "2"), ("push", "--check"), ("verify",)):
        refused = project.archive(*arguments, status=ExitStatus.REFUSED, PGUSER=ROLE, PGPASSWORD=PASSWORD)
        assert "without one nothing can be proven" in refused.stderr
        assert f'Role "{ROLE}" may not create databases.' in refused.stderr
        assert "--scratch DSN" in refused.stderr
    elsewhere = clusters[project.server.version, "backup"]
    scratch = ("--scratch", project.dsn("postgres", elsewhere))
    project.archive("push", "2", *scratch, PGUSER=ROLE, PGPASSWORD=PASSWORD)
    with project.live(ROLE) as live:
        dsn = project.dsn(live, user=ROLE, password=PASSWORD)
        project.archive("deploy", dsn, "--yes", *scratch)
        assert "is version 2, as on record." in project.archive("verify", dsn, *scratch).stdout
        project.do("DROP TABLE b", database=live)
        assert (
            "table public.b is missing" in project.archive("verify", dsn, *scratch, status=ExitStatus.DIFFERENT).stdout
        )
    assert not scratch_databases(elsewhere)


def test_a_role_that_may_not_read_the_record_is_told_what_to_grant(project: Project) -> None:
    project.push("1", "CREATE TABLE a (id int)")
    project.do(f"ALTER ROLE {ROLE} CREATEDB")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--yes")
        dsn = project.dsn(live, user=ROLE, password=PASSWORD)
        refused = project.archive("verify", dsn, status=ExitStatus.FAILED)
        assert f'Role "{ROLE}" may not read the ledger of database "{live}", table slate.archive_version.' in (
            refused.stderr
        )
        assert "GRANT SELECT ON slate.archive_version, slate.archive_delta TO" in refused.stderr


def test_the_owner_of_a_database_and_a_superuser_deploy_in_turns_and_extensions_may_be_there_before(
    project: Project,
) -> None:
    project.push("1", "CREATE EXTENSION dblink; CREATE TABLE a (id int)")
    project.push("2", "CREATE TABLE b (id int)")
    project.push("3", "CREATE TABLE c (id int)")
    project.do(f"ALTER ROLE {ROLE} CREATEDB")
    with project.live(ROLE) as live:
        dsn, by_superuser = project.dsn(live, user=ROLE, password=PASSWORD), project.dsn(live)
        scratch = ("--scratch", project.dsn("postgres"))
        refused = project.archive("deploy", dsn, "--to", "1", "--yes", *scratch, status=ExitStatus.FAILED)
        assert 'permission denied to create extension "dblink"' in refused.stderr
        assert "It runs as the owner of the database." in refused.stderr
        project.do("CREATE EXTENSION dblink", database=live)
        project.archive("deploy", dsn, "--to", "1", "--yes", *scratch)
        project.archive("deploy", by_superuser, "--to", "2", "--yes")
        project.archive("deploy", dsn, "--yes", *scratch)
        with project.server.connect(live) as connection:
            owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'slate')"
            assert connection.execute(owners).fetchall() == [(ROLE,)]
            roles = "SELECT role FROM slate.archive_delta ORDER BY position"
            assert [role for (role,) in connection.execute(roles)] == [ROLE, project.server.parameters()["user"], ROLE]
        assert "is version 3, as on record." in project.archive("verify", by_superuser).stdout
        # The superuser's own function: on record as such, though scratch databases are all the superuser's.
        function = "CREATE FUNCTION helper() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
        project.do(function, database=live)
        project.pending.write_text(function)
        project.archive("push", "4", "-d", live)
        assert "ALTER FUNCTION public.helper() OWNER TO postgres;" in project.file("4.schema.sql").read_text()
        assert "is version 4, as on record." in project.archive("verify", by_superuser).stdout
        assert "is version 4, as on record." in project.archive("verify", dsn, *scratch).stdout
