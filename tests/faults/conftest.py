"""A disk that is full."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import sql

from init_slate_db.core.embedded import system_user
from tests.servers import Server

# Too small for the events of a test, and large enough.
_SIZE, _LARGER = "14m", "400m"


@dataclass(frozen=True)
class SmallDisk:
    """A disk of its own in memory, which belongs to the server's user."""

    folder: Path

    def move(self, server: Server, database: str) -> None:
        """Puts a database onto the disk; the tablespace is called as the database."""
        space, name = sql.Identifier(f"{database}_space"), sql.Identifier(database)
        with server.connect() as connection:
            connection.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(space, str(self.folder)))
            connection.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE {}").format(name, space))

    def leave(self, server: Server, database: str) -> None:
        """Drops the database and its tablespace."""
        server.drop(database)
        with server.connect() as connection:
            connection.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(f"{database}_space")))

    def enlarge(self) -> None:
        """What an administrator does."""
        subprocess.run(["mount", "-o", f"remount,size={_LARGER}", self.folder], check=True)


@pytest.fixture
def small_disk(server_directory: Path, name: str) -> Iterator[SmallDisk]:
    """A disk of 14 MB."""
    user = system_user()
    if user is None:
        pytest.skip("only root may mount a small disk")
    folder = server_directory / f"{name}-disk"
    folder.mkdir()
    options = f"size={_SIZE},uid={user.pw_uid},gid={user.pw_gid},mode=0700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.decode().strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
