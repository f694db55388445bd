"""Databases that tests of a module share, and what is there for one test: a role, its database, a tablespace."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pov import Connection, Project, install, prepared
from tests.servers import Server


@pytest.fixture(scope="module")
def database_for_sessions(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a database that is prepared for snapshots, one for a module, for tests that roll back."""
    name = request.module.__name__.rpartition(".")[2]
    with prepared(server, name):
        yield name
    server.drop(name)


@pytest.fixture
def session(server: Server, database_for_sessions: str) -> Iterator[Connection]:
    """A transaction in that database, rolled back in the end; transaction() of it is a savepoint."""
    with server.transaction(database_for_sessions) as connection:
        yield connection


@pytest.fixture
def role(server: Server, name: str) -> Iterator[str]:
    """A role that may do nothing in particular, with the password "role"; its name needs quotes."""
    with server.role(f'"Role of {name}"', "LOGIN PASSWORD 'role'", name) as role:
        yield role


@pytest.fixture
def other_role(server: Server, name: str, role: str) -> Iterator[str]:
    """Another role, which cannot log in."""
    with server.role(f"other_of_{name}", "", name) as other:
        yield other


@pytest.fixture
def project(server: Server, name: str, role: str) -> Iterator[Project]:
    """A database of the role, prepared for snapshots."""
    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER {role}'.encode())
    login = role.strip('"')
    with server.connect(name) as superuser, server.connect(name, user=login, password="role") as own:
        superuser.execute(f"GRANT ALL ON SCHEMA public TO {role}".encode())
        install(own)
        yield Project(superuser, own, role, login)


@pytest.fixture
def space(server: Server, server_directory: Path, name: str) -> Iterator[str]:
    """A tablespace, dropped after the database of the test."""
    folder = server_directory / f"space-{name}"
    folder.mkdir()
    shutil.chown(folder, server.cluster.data.owner(), server.cluster.data.group())
    space = f"{name}_space"
    with server.connect() as connection:
        connection.execute(f"CREATE TABLESPACE {space} LOCATION '{folder}'".encode())
        yield space
        server.drop(name)
        connection.execute(f"DROP TABLESPACE {space}".encode())
