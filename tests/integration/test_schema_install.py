"""``slate-schema install``: a database is prepared for snapshots, wholly or not at all."""

import sys
from collections.abc import Iterator

import psycopg
import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.servers import Server
from tests.slate import create_database

COMMAND = (sys.executable, "-m", "versioning")


@pytest.fixture
def source(server: Server, name: str) -> Iterator[str]:
    create_database(server, name, "source")
    yield name


def run(server: Server, name: str, *more: str) -> "tuple[int, str]":
    ended = commands.run(["install", "-d", name, *more], server.environment(), COMMAND)
    return ended.returncode, ended.stdout + ended.stderr


def is_prepared(server: Server, name: str) -> bool:
    with server.connect(name) as connection:
        return connection.execute("SELECT to_regnamespace('pov') IS NOT NULL").fetchone() == (True,)


def test_a_source_is_prepared_once_and_takes_snapshots(server: Server, source: str) -> None:
    code, said = run(server, source, "--yes")
    assert code == ExitStatus.DONE, said
    assert "slate-schema snapshot takes one." in said
    with server.connect(source) as connection:
        first = connection.execute("SELECT _snapshotid, _revisionid FROM pov()").fetchone()
        connection.execute("DROP FUNCTION append_events(jsonb)")
        assert first
        connection.execute("SELECT pov(%s)", (first[0],))
        assert connection.execute("SELECT first_id FROM append_events('[{}]')").fetchone() == (1,)
        again = connection.execute("SELECT _revisionid FROM pov()").fetchone()
        assert again == (first[1],)
    assert run(server, source) == (ExitStatus.DONE, said_already(server, source))


def said_already(server: Server, name: str) -> str:
    return (
        f"127.0.0.1:{server.port}/{name} is prepared for snapshots already.\n"
        "Survey\n  ok  schema pov and the functions pov() are there\n"
    )


def test_a_dry_run_and_a_missing_consent_change_nothing(server: Server, source: str) -> None:
    code, said = run(server, source, "--dry-run")
    assert code == ExitStatus.DONE
    assert said.endswith("Nothing was done: --dry-run.\n")
    assert run(server, source)[0] == ExitStatus.REFUSED
    assert not is_prepared(server, source)


def test_what_bears_the_name_already_is_refused(server: Server, source: str) -> None:
    with server.connect(source) as connection:
        connection.execute("CREATE FUNCTION pov() RETURNS integer RETURN 1")
    code, said = run(server, source, "--yes")
    assert code == ExitStatus.REFUSED
    assert "it has a function pov of another make" in said
    assert not is_prepared(server, source)


def test_snapshots_of_another_version_are_refused_as_by_every_other_verb(server: Server, source: str) -> None:
    run(server, source, "--yes")
    with server.connect(source) as connection:
        connection.execute("DROP FUNCTION pov.plan_between")
    code, said = run(server, source, "--yes")
    assert code == ExitStatus.REFUSED
    assert "it is prepared for the snapshots of another version" in said
    assert "Use the slate-schema that prepared it; or drop schema pov with all snapshots" in said


def test_who_may_not_create_is_told(server: Server, source: str) -> None:
    role = f"{source}_role"
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
    try:
        ended = commands.run(
            ["install", "-d", source, "--yes", "--user", role, "--password", "x"], server.environment(), COMMAND
        )
        assert ended.returncode == ExitStatus.FAILED
        assert f'role "{role}" may not create a schema' in ended.stderr
    finally:
        with server.connect() as connection:
            connection.execute(f"DROP ROLE {role}".encode())


def test_a_failure_in_the_middle_leaves_nothing(server: Server, source: str) -> None:
    with server.connect(source) as connection:
        connection.execute("CREATE SCHEMA late")
        connection.execute("""
            CREATE FUNCTION late.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF (SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace('pov')) > 20 THEN
                RAISE EXCEPTION 'enough';
              END IF;
            END $$
        """)
        connection.execute(
            f"CREATE EVENT TRIGGER {source}_late ON ddl_command_end EXECUTE FUNCTION late.refuse()".encode()
        )
    code, said = run(server, source, "--yes")
    assert code == ExitStatus.FAILED
    assert "enough" in said
    assert not is_prepared(server, source)
    with server.connect(source) as connection, pytest.raises(psycopg.errors.UndefinedFunction):
        connection.execute("SELECT pov()")
