"""Which rights a recovery needs: to own the source's tables, and to read the backup. No more than that."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from init_slate_db.core.errors import ExitStatus
from tests.recovery import Site, address, append, make_backup, open_site, run
from tests.servers import Server

METHODS = ("restore-events", "copy")
PASSWORD = "ordinary"
TABLES = ("public.events", "public.id", "slate.recovery", "slate.recovery_range", "slate.recovery_command")
OWN = "; ".join(f"ALTER TABLE {table} OWNER TO {{role}}" for table in TABLES)


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A backup, and a new source."""
    with open_site(server, backup_server, name, tmp_path) as site:
        site.make_source()
        yield site


@pytest.fixture
def role(site: Site) -> Iterator[str]:
    """An ordinary role on both servers, with a password and without any right."""
    role = f"{site.name}_role"
    servers = ((site.server, site.name), (site.backup_server, site.backup))
    for server, _ in servers:
        grant(server, "postgres", "CREATE ROLE {role} LOGIN PASSWORD 'ordinary'", role)
    yield role
    for server, database in servers:
        server.drop(database)
        grant(server, "postgres", "DROP ROLE {role}", role)


@pytest.fixture
def owner(site: Site, role: str) -> str:
    """The role, which owns the source's tables, may make indexes there, and may read the backup."""
    grant(site.server, site.name, OWN + "; GRANT CREATE ON SCHEMA public TO {role}", role)
    grant(site.backup_server, site.backup, "GRANT SELECT ON events TO {role}", role)
    return role


def grant(server: Server, database: str, statements: str, role: str) -> None:
    with server.connect(database) as connection:
        for statement in statements.split("; "):
            connection.execute(statement.replace("{role}", sql.Identifier(role).as_string()).encode())


def recover(site: Site, role: str, *more: str) -> tuple[int, str]:
    """Recovers as the role on both sides. Returns the exit status, and what standard error has."""
    origin = address(site.backup_server, site.backup, user=role, password=PASSWORD)
    environment = site.server.environment(PGUSER=role, PGPASSWORD=PASSWORD)
    ended = run(["--from", origin, "-d", site.name, "--yes", *more], environment)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("method", METHODS)
def test_an_owner_who_is_no_superuser_recovers_what_a_reader_may_read(site: Site, owner: str, method: str) -> None:
    status, told = recover(site, owner, "--method", method)
    assert status == ExitStatus.DONE, told
    assert site.same_events()
    assert append(site.server, site.name, user=owner, password=PASSWORD) == 101


def test_who_does_not_own_the_tables_is_refused_and_told_which(site: Site, owner: str) -> None:
    grant(
        site.server,
        site.name,
        "ALTER TABLE slate.recovery OWNER TO postgres; GRANT ALL ON slate.recovery TO {role}",
        owner,
    )
    grant(site.server, site.name, "ALTER TABLE id OWNER TO postgres; GRANT ALL ON id TO {role}", owner)
    status, told = recover(site, owner)
    assert status == ExitStatus.FAILED
    assert f'error: {site.place} cannot be recovered: role "{owner}" does not own public.id, slate.recovery.' in told
    assert "Use the owner, or a superuser." in told
    check_new(site)


def test_who_may_not_make_indexes_is_refused_and_told_the_grant(site: Site, owner: str) -> None:
    grant(
        site.server,
        site.name,
        "REVOKE CREATE ON SCHEMA public FROM {role}; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        owner,
    )
    status, told = recover(site, owner)
    assert status == ExitStatus.FAILED
    assert f'role "{owner}" may not create indexes in schema public.' in told
    assert f'GRANT CREATE ON SCHEMA public TO "{owner}"' in told
    check_new(site)


def test_who_may_not_read_the_source_is_refused(site: Site, role: str) -> None:
    grant(site.backup_server, site.backup, "GRANT SELECT ON events TO {role}", role)
    status, told = recover(site, role)
    assert status == ExitStatus.FAILED
    assert told.startswith("error: The server refuses to say what it has.\n  permission denied for table ")
    check_new(site)


def test_a_wrong_password_for_the_source_is_told_as_such(site: Site) -> None:
    for more in ([], ["--replace"]):
        ended = run([*site.arguments, "--yes", *more], site.server.environment(PGPASSWORD="wrong"))
        assert ended.returncode == ExitStatus.FAILED
        place = f"127.0.0.1:{site.server.port}"
        said = f'error: The server at {place} does not accept the password of user "postgres".'
        assert ended.stderr.splitlines()[0] == said
    check_new(site)


def test_who_may_not_connect_to_the_source_is_refused(site: Site, owner: str) -> None:
    grant(site.server, site.name, f'REVOKE CONNECT ON DATABASE "{site.name}" FROM PUBLIC', owner)
    status, told = recover(site, owner)
    assert status == ExitStatus.FAILED
    assert told.startswith(f"error: The server at 127.0.0.1:{site.server.port} refuses the connection.\n  ")
    assert f'permission denied for database "{site.name}"' in told
    check_new(site)


def test_who_may_not_read_the_backup_is_refused_and_told_the_grant(site: Site, owner: str) -> None:
    grant(site.backup_server, site.backup, "REVOKE SELECT ON events FROM {role}", owner)
    status, told = recover(site, owner)
    assert status == ExitStatus.FAILED
    assert f'error: The user "{owner}" may not read the events of {site.backup_place}.' in told
    assert f'Let its owner run: GRANT SELECT ON public.events TO "{owner}"' in told
    check_new(site)


@pytest.mark.parametrize("method", METHODS)
def test_a_backup_that_shows_a_part_of_its_events_is_refused(site: Site, owner: str, method: str) -> None:
    grant(
        site.backup_server,
        site.backup,
        "ALTER TABLE events ENABLE ROW LEVEL SECURITY; CREATE POLICY part ON events USING (id < 90)",
        owner,
    )
    status, told = recover(site, owner, "--method", method, "--no-diff")
    assert status == ExitStatus.FAILED
    assert 'query would be affected by row-level security policy for table "events"' in told
    check_new(site)


def test_who_may_not_create_databases_is_refused_before_anything_is_made(site: Site, owner: str) -> None:
    site.server.drop(site.name)
    status, told = recover(site, owner, "--create")
    assert status == ExitStatus.FAILED
    assert f'error: Role "{owner}" may not create databases.' in told
    assert site.name not in site.server.databases()


def test_who_does_not_own_the_backup_may_not_promote_it(site: Site, owner: str) -> None:
    status, told = recover(site, owner, "--method", "promote")
    assert status == ExitStatus.FAILED
    assert f'Backup {site.backup_place} cannot be promoted: role "{owner}" does not own table events.' in told
    with site.connect_backup() as connection:
        assert connection.execute("SELECT to_regclass('id'), to_regnamespace('slate')").fetchone() == (None, None)


def test_an_owner_who_is_no_superuser_promotes_where_dblink_is_there(site: Site, role: str) -> None:
    make_backup(site.backup_server, site.backup, script="CREATE EXTENSION dblink")
    statements = "ALTER TABLE events OWNER TO {role}; GRANT CREATE ON SCHEMA public TO {role}"
    grant(site.backup_server, site.backup, statements, role)
    grant(site.backup_server, "postgres", f"GRANT CREATE ON DATABASE {site.backup} TO {{role}}", role)
    status, told = recover(site, role, "--method", "promote")
    assert status == ExitStatus.DONE, told
    assert append(site.backup_server, site.backup, user=role, password=PASSWORD) == 101


def check_new(site: Site) -> None:
    """The source is as init-slate-db left it, and takes events."""
    with site.connect() as connection:
        state = connection.execute(
            "SELECT id, (SELECT count(*) FROM events), (SELECT count(*) FROM slate.recovery) FROM id"
        )
        assert state.fetchall() == [(1, 0, 0)]
    assert append(site.server, site.name) == 1
