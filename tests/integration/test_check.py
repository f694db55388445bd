"""``--check`` tells whether the database could be created, and writes nothing."""

import psycopg
from psycopg import sql

from init_slate_db.core.errors import ExitStatus
from tests.commands import run
from tests.servers import Server


def test_each_fact_is_a_line_with_its_verdict(server: Server, name: str) -> None:
    checked = run(["-n", name, "-t", "source", "--check"], server.environment())
    assert checked.returncode == ExitStatus.DONE, checked.stderr
    lines = checked.stdout.splitlines()
    assert all(line.startswith("ok  ") for line in lines)
    assert f"ok  PostgreSQL {server.version}" in lines[0]
    assert f'ok  "{name}" is free' in lines
    assert "ok  dblink can be had" in lines
    assert 'ok  role "postgres" may create databases' in lines


def test_nothing_is_written(server: Server, name: str) -> None:
    with server.without_autovacuum(), server.connect() as connection:
        transaction = _next_transaction(connection)
        databases = server.databases()
        checked = run(["-n", name, "-t", "source", "--check"], server.environment(PGAPPNAME="the-check"))
        assert checked.returncode == ExitStatus.DONE
        assert server.databases() == databases
        # Whoever writes anything takes a transaction id.
        assert _next_transaction(connection) == transaction


def test_every_statement_only_reads(server: Server, name: str) -> None:
    before = len(server.cluster.log.read_text(encoding="utf-8"))
    run(["-n", name, "-t", "source", "--check"], server.environment())
    log = server.cluster.log.read_text(encoding="utf-8")[before:]
    assert "pg_available_extensions" in log
    assert not any(word in log for word in ("CREATE ", "DROP ", "ALTER ", "INSERT ", "pg_advisory_lock"))


def test_a_taken_name_is_told_and_fails(server: Server, name: str) -> None:
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    checked = run(["-n", name, "-t", "destination", "--check"], server.environment())
    assert checked.returncode == ExitStatus.FAILED
    assert f'no  a database "{name}" exists already' in checked.stdout


def test_all_that_speaks_against_it_is_told_at_once(server: Server, name: str) -> None:
    role = f"{name}_role"
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'pw'").format(sql.Identifier(role)))
        try:
            environment = server.environment(PGUSER=role, PGPASSWORD="pw")
            checked = run(["-n", name, "-t", "source", "--check"], environment)
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    assert checked.returncode == ExitStatus.FAILED
    assert f'no  role "{role}" may not create databases' in checked.stdout
    assert f'no  role "{role}" is no superuser, and dblink needs one' in checked.stdout
    assert f'ALTER ROLE "{role}" CREATEDB' in checked.stdout


def test_joined_with_a_dry_run_the_plan_follows(server: Server, name: str) -> None:
    checked = run(["-n", name, "-t", "destination", "--check", "--dry-run"], server.environment())
    assert checked.returncode == ExitStatus.DONE
    assert checked.stdout.index("ok  ") < checked.stdout.index("Plan")
    assert name not in server.databases()


def _next_transaction(connection: psycopg.Connection[tuple[object, ...]]) -> object:
    row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())").fetchone()
    return row and row[0]
