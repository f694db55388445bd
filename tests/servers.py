"""The PostgreSQL servers that the tests start, and end, themselves."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo

from init_slate_db.core.embedded import SUPERUSER, Cluster, find_binaries, free_port

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
# No fsync: the tests kill processes, never machines. What a killed server leaves is in its own folder. Small caches
# make starts quick, and may have to live in memory.
SETTINGS = """
fsync = off
max_connections = 120
shared_buffers = 64MB
dynamic_shared_memory_type = mmap
max_wal_size = 512MB
wal_level = logical
log_line_prefix = '%m [%p] %d '
log_statement = 'all'
log_connections = on
"""

Value = TypeVar("Value")


def binaries() -> dict[int, Path]:
    """The PostgreSQL versions to test, with the folder of each one's programs: those that this machine has, or what
    SLATE_TEST_POSTGRES names, such as 14=/opt/14/bin,17=/opt/17/bin.

    :raises RuntimeError: in continuous integration, where all must be there.
    """
    if named := os.environ.get("SLATE_TEST_POSTGRES"):
        pairs = (pair.split("=", 1) for pair in named.split(","))
        return {int(version): Path(folder) for version, folder in pairs}
    found = {18: find_binaries()}
    if (DEBIAN_15 / "postgres").exists() and (
        DEBIAN_15.parents[3] / "share/postgresql/15/extension/dblink.control"
    ).exists():
        found[15] = DEBIAN_15
    elif os.environ.get("CI") == "true":
        raise RuntimeError("PostgreSQL 15 with contrib is not installed")
    return dict(sorted(found.items()))


def wait_for(condition: Callable[[], Value], what: str, seconds: float = 30) -> Value:
    """Polls until the condition gives something true, and returns that.

    :raises TimeoutError: it did not within the seconds; what: names it.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise TimeoutError(f"waited {seconds} s for {what}")


@dataclass(frozen=True)
class Server:
    """A running server: its major version and its cluster."""

    version: int
    cluster: Cluster

    @property
    def port(self) -> int:
        return self.cluster.port

    @property
    def password(self) -> str:
        return self.cluster.password

    def parameters(self, database: str = "postgres", **changes: Any) -> dict[str, Any]:
        """Connection parameters over TCP with a SCRAM password, of the superuser unless changed."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": SUPERUSER,
            "password": self.password,
            "dbname": database,
        } | changes

    def connect(self, database: str = "postgres", **changes: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """An autocommit connection."""
        return psycopg.connect(**self.parameters(database, **changes), autocommit=True)

    @contextmanager
    def transaction(self, database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A transaction, rolled back in the end; transaction() of this connection is a savepoint in it."""
        with psycopg.connect(**self.parameters(database)) as connection:
            connection.execute("SELECT 'begins the transaction'")
            yield connection
            connection.rollback()

    @contextmanager
    def role(self, name: str, options: str, database: str) -> Iterator[str]:
        """A role, gone in the end, and before it the database that it may have things in. name: as SQL has it."""
        with self.connect() as connection:
            connection.execute(f"CREATE ROLE {name} {options}".encode())
            yield name
            self.drop(database)
            connection.execute(f"DROP ROLE IF EXISTS {name}".encode())

    def environment(self, **changes: str) -> dict[str, str]:
        """An environment in which libpq reaches this server."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        connection = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self.password,
        }
        return bare | connection | changes

    def databases(self) -> set[str]:
        with self.connect() as connection:
            return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}

    def drop(self, database: str) -> None:
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def wait_until_alone(self, database: str, *own: psycopg.Connection[Any]) -> None:
        """Waits until nobody else is in the database: sessions go on for a moment after their clients closed them."""
        sessions = "SELECT FROM pg_stat_activity WHERE datname = %s AND NOT pid = ANY (%s)"
        values = [database, [one.info.backend_pid for one in own]]
        with self.connect() as elsewhere:
            wait_for(lambda: not elsewhere.execute(sessions, values).rowcount, "the sessions of others to end")

    def kill(self) -> None:
        """``kill -9`` for the postmaster; returns when it and all of its children are gone."""
        pid = self.cluster.pid
        os.kill(pid, signal.SIGKILL)
        # Gone, and reaped too: a new postmaster takes a zombie of its number for a living one.
        wait_for(
            lambda: not Path(f"/proc/{pid}").exists() and not _has_processes(self.cluster.data), "the server's end"
        )

    def restart(self) -> None:
        """Starts the server again, after ``kill`` or a stop, on the same port."""
        self.cluster.start()

    def set(self, **settings: str) -> None:
        """Changes settings that take no restart."""
        with self.connect() as connection:
            for name, value in settings.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")

    @contextmanager
    def without_autovacuum(self) -> Iterator[None]:
        """Keeps the server from taking transaction ids by itself while the block runs."""
        self.set(autovacuum="off")
        try:
            workers = "SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
            with self.connect() as connection:
                wait_for(lambda: not connection.execute(workers).rowcount, "the end of autovacuum's workers")
            yield
        finally:
            self.set(autovacuum="on")

    def promote(self) -> None:
        """Makes a standby a primary; returns when it can be written to."""
        with self.connect() as connection:
            connection.execute("SELECT pg_promote()")


def _has_processes(data: Path) -> bool:
    """Whether any process still works in the data folder, as every server process does."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").readlink() == data:
                    return True
            except OSError:
                continue
    return False


def _is_gone(process: Path) -> bool:
    return not process.exists()


def remove(folder: Path) -> None:
    """Ends the servers that were started anywhere below the folder, and removes it."""
    for pid_file in folder.rglob("postmaster.pid"):
        process = Path("/proc", pid_file.read_text().partition("\n")[0])
        with suppress(ProcessLookupError):
            os.kill(int(process.name), signal.SIGQUIT)
        wait_for(partial(_is_gone, process), f"the end of server {process.name}")
    shutil.rmtree(folder, ignore_errors=True)


def start(directory: Path, version: int, settings: str = "") -> Server:
    """Makes and starts a cluster in the folder."""
    cluster = Cluster(directory, binaries()[version])
    cluster.ensure_running(SETTINGS + settings)
    configuration = (cluster.data / "postgresql.conf").read_text()
    assert settings in configuration, f"{directory} is that of another test, with other settings"
    return Server(version, cluster)


def start_standby(directory: Path, primary: Server, settings: str = "") -> Server:
    """Makes and starts a standby of the primary; it streams when this returns.

    Its name is that of the folder: its slot on the primary is called so, and synchronous_standby_names may name it.
    """
    cluster = Cluster(directory, binaries()[primary.version])
    cluster._make_directory()
    # Two files: the standby's own user reads the one, and the tests the other.
    secret = f"*:*:*:{SUPERUSER}:{primary.password}\n"
    passfile = directory / "primary.pgpass"
    cluster._write(passfile, secret)
    cluster._write(cluster.pgpass, secret, shared=False)
    name = directory.name.replace("-", "_")
    conninfo = make_conninfo(
        host="127.0.0.1",
        port=primary.port,
        user=SUPERUSER,
        dbname="postgres",
        application_name=name,
        passfile=str(passfile),
    )
    copied = cluster._run(
        cluster.binaries / "pg_basebackup",
        *("-D", str(cluster.data), "-d", conninfo, "-R", "-C", "-S", name, "-X", "stream", "-c", "fast"),
    )
    assert copied.returncode == 0, copied.stderr
    with (cluster.data / "postgresql.auto.conf").open("a") as file:
        # -R leaves the database out before version 17, and the name of the application.
        file.write(f"primary_conninfo = '{conninfo}'\n{settings}\n")
    cluster._set_port(free_port())
    cluster.start()
    streams = "SELECT FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"
    with primary.connect() as connection:
        wait_for(lambda: connection.execute(streams, (name,)).rowcount, "the standby to stream")
    return Server(primary.version, cluster)
