"""Folders of an API's files, and slate-schema release as a user's shell runs it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.servers import Server

COMMAND = (sys.executable, "-m", "versioning", "release")
BASE = "proj_api"
OWNER, USAGE, EXECUTOR = (f"{BASE}_{what}" for what in ("owner", "usage", "executor"))
WEB = "proj_web"

# As the article has it that describes the method.
CREATE_SCHEMA = """
RESET role;

CREATE SCHEMA proj_api AUTHORIZATION proj_api_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA proj_api REVOKE EXECUTE ON FUNCTIONS FROM public;

GRANT USAGE ON SCHEMA proj_api TO proj_api_usage;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA proj_api GRANT EXECUTE ON FUNCTIONS TO proj_api_executor;
ALTER DEFAULT PRIVILEGES FOR ROLE proj_api_owner IN SCHEMA proj_api GRANT EXECUTE ON FUNCTIONS TO proj_api_executor;
ALTER DEFAULT PRIVILEGES IN SCHEMA proj_api GRANT EXECUTE ON FUNCTIONS TO proj_api_executor;

SET search_path to proj_api, public;

DO $SQL$
BEGIN
  IF CURRENT_DATABASE() ~ '^(prod|staging|integration)_proj_db$' THEN
    -- change default search_path for production, staging and integration databases
    EXECUTE 'ALTER DATABASE ' || CURRENT_DATABASE() || ' SET search_path to proj_api, public;';
  END IF;
END
$SQL$;

SET role TO proj_api_owner;
"""
TYPE = "CREATE TYPE simple_object AS (id integer, name text);\n"
GET = """
CREATE FUNCTION get_object(id integer) RETURNS simple_object LANGUAGE plpgsql AS $$
BEGIN
  RETURN ROW(id, 'one')::proj_api.simple_object;
END
$$;
"""
SET = """
CREATE FUNCTION set_object(object simple_object) RETURNS text LANGUAGE sql AS
  'SELECT (proj_api.get_object((object).id)).name';
"""
FILES = {
    "20_types/20_simple_object_input_type.sql": TYPE,
    "30_stored_procedures/20_get_object.sql": GET,
    "30_stored_procedures/20_set_object.sql": SET,
}
SEED_FILES = {"00_create_schema.sql": CREATE_SCHEMA, **FILES}


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Writes the files, by their paths below the folder, which it returns."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Project:
    """A database, and the folder of an API's files."""

    server: Server
    database: str
    folder: Path

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Runs slate-schema release on the database."""
        words = [*arguments, "-d", self.database]
        return commands.run(words, self.server.environment(**environment), COMMAND)

    def done(self, *arguments: str) -> str:
        """Runs it, without questions where there would be some, and returns what it says as its result."""
        ended = self.run(*arguments)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
        return ended.stdout

    def refused(self, status: ExitStatus, *arguments: str) -> str:
        """Runs it, and returns the error that it ends with, beginning with its first line."""
        ended = self.run(*arguments)
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stderr[ended.stderr.index("error: ") :]

    def create(self, version: str, *more: str, files: Mapping[str, str] | None = None) -> str:
        """Creates a version from the folder, with these files where they are given."""
        write_files(self.folder, files or {})
        return self.done("create", str(self.folder), "--version", version, "--yes", *more)

    @contextmanager
    def session(self, **changes: Any) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        """A client's connection."""
        with self.server.connect(self.database, **changes) as connection:
            yield connection

    def value(self, query: str, **changes: Any) -> Any:
        """The only value of a query."""
        with self.session(**changes) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row
        return row[0]

    def state(self) -> Any:
        """All schemas, functions, types, relations and settings: what a command that fails must leave as it is."""
        return self.value(
            "SELECT jsonb_build_array("
            " (SELECT jsonb_agg(nspname || coalesce(nspacl::text, '') ORDER BY nspname) FROM pg_namespace"
            "   WHERE nspname !~ '^pg_(toast_)?temp'),"
            " (SELECT jsonb_agg(to_jsonb(p) ORDER BY oid) FROM pg_proc AS p WHERE oid >= 16384),"
            " (SELECT jsonb_agg(oid ORDER BY oid) FROM pg_type WHERE oid >= 16384),"
            " (SELECT jsonb_agg(oid ORDER BY oid) FROM pg_class WHERE oid >= 16384),"
            " (SELECT jsonb_agg(to_jsonb(s)) FROM pg_db_role_setting AS s"
            "   WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())))"
        )


def make_roles(server: Server) -> None:
    """The roles that the article's file takes for granted, and a role of a web server that may call the API."""
    with server.connect() as connection:
        for role in (OWNER, USAGE, EXECUTOR):
            connection.execute(f"CREATE ROLE {role}".encode())
    make_web(server)


def make_web(server: Server) -> None:
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {WEB} LOGIN PASSWORD 'web'".encode())


def drop_roles(server: Server, *more: str) -> None:
    with server.connect() as connection:
        for role in (WEB, OWNER, USAGE, EXECUTOR, *more):
            connection.execute(f"DROP ROLE IF EXISTS {role}".encode())


@contextmanager
def project(server: Server, name: str, folder: Path) -> Iterator[Project]:
    """An empty database, gone afterwards with all roles."""
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
    try:
        yield Project(server, name, folder)
    finally:
        server.drop(name)
        drop_roles(server)
