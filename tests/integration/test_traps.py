"""What others have put into schema public is not met by what a command asks, be it run by a superuser."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from init_slate_db.core.errors import ExitStatus
from tests import archives, commands, recovery, releases, snapshots
from tests.links import Pair, open_pair
from tests.migrations import Nodes
from tests.recovery import ONE_DIRECTION, Site, open_site
from tests.servers import Server
from tests.slate import create_database

pytestmark = ONE_DIRECTION

TRAPS = (Path(__file__).parents[1] / "traps.sql").read_text(encoding="utf-8")


def set_traps(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        connection.execute(TRAPS.encode())


def done(arguments: Sequence[str], environment: Mapping[str, str], command: Sequence[str]) -> None:
    """Runs a command, which must succeed."""
    ended = commands.run(arguments, environment, command)
    assert ended.returncode == ExitStatus.DONE, ended.stderr


@pytest.fixture
def site(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Site]:
    """A new source and a backup, both with traps."""
    with open_site(server, backup_server, name, tmp_path) as site:
        site.make_source()
        set_traps(server, name)
        set_traps(backup_server, site.backup)
        yield site


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A source and a destination, both with traps."""
    with open_pair(server, backup_server, name) as pair:
        set_traps(server, name)
        set_traps(backup_server, pair.copy)
        yield pair


@pytest.fixture
def trapped(server: Server, name: str) -> str:
    """A source with traps."""
    create_database(server, name, "source")
    set_traps(server, name)
    return name


def test_who_looks_into_public_is_caught(server: Server, trapped: str) -> None:
    with server.connect(trapped) as connection, pytest.raises(psycopg.Error, match="caught by oid = regclass"):
        connection.execute("SELECT FROM pg_class WHERE oid = 'events'::regclass")


@pytest.mark.parametrize("method", ["restore-events", "copy"])
def test_a_recovery_meets_nobody(site: Site, method: str) -> None:
    site.recover("--method", method)
    site.recover("--method", method, "--replace")


def test_a_promotion_meets_nobody(site: Site) -> None:
    done([*site.arguments, "--method", "promote", "--yes"], site.backup_server.environment(), recovery.COMMAND)


def test_a_link_meets_nobody(pair: Pair) -> None:
    pair.add()
    for verb in (["status"], ["verify"], ["remove", "--yes"]):
        ended = pair.run(*verb)
        assert ended.returncode == ExitStatus.DONE, ended.stderr


def test_follow_meets_nobody(pair: Pair) -> None:
    ended = pair.run("follow", "--once")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    assert pair.same_events()


def test_a_database_is_made_from_one_with_traps(server: Server, trapped: str) -> None:
    new = f"{trapped}_new"
    try:
        dsn = make_conninfo(**server.parameters(trapped))
        done(["-n", new, "-t", "source", "--dsn", dsn], server.environment(), commands.COMMAND)
    finally:
        server.drop(new)


def test_snapshots_and_check_meet_nobody(server: Server, trapped: str) -> None:
    def run(*arguments: str) -> None:
        done(arguments, server.environment(PGDATABASE=trapped), snapshots.COMMAND)

    run("install", "--yes")
    run("snapshot")
    with server.connect(trapped) as connection:
        connection.execute("CREATE FUNCTION public.later() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    run("snapshot")
    run("diff", "2")
    run("rollback", "1", "--yes")
    run("history")
    run("check")


def test_releases_meet_nobody(server: Server, name: str, tmp_path: Path) -> None:
    with releases.project(server, name, tmp_path / "50_proj_api") as project:
        set_traps(server, name)
        project.create("1.0.0", files=releases.FILES)
        releases.make_web(server)
        project.done("activate", "1.0.0", "--role", releases.WEB, "--yes")
        project.done("rollback", "--role", releases.WEB, "--yes")
        project.done("list")
        project.done("retire", "1.0.0", "--calls-not-counted", "--yes")
        project.done("restore", "1.0.0", "--yes")


def test_an_archive_meets_nobody(server: Server, name: str, tmp_path: Path) -> None:
    project = archives.make_project(server, name, tmp_path)
    project.push("1.0", "CREATE TABLE one (id integer)")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--yes")
        set_traps(server, live)
        project.archive("verify", project.dsn(live), status=ExitStatus.DIFFERENT)
        project.archive("log", project.dsn(live))


def test_migrate_meets_nobody_and_a_patch_whom_it_likes(server: Server, trapped: str, tmp_path: Path) -> None:
    nodes = Nodes(server, (trapped,), tmp_path)
    nodes.write(p1_0_0_std="SELECT 1", p1_0_1_concurrent="CREATE INDEX CONCURRENTLY later ON events (ts, id)")
    for verb in (["migrate", "--yes", "--all"], ["status"]):
        status, _, told = nodes.run(*verb)
        assert status == ExitStatus.DONE, told
    nodes.write(p1_0_2_std="SELECT FROM pg_class WHERE oid = 'events'::regclass")
    status, _, told = nodes.migrate()
    assert status == ExitStatus.FAILED
    assert "caught by oid = regclass" in told
