"""The two servers of a run: one that is restored and written to, one that holds the backup."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from init_slate_db.core.embedded import Cluster
from tests.servers import Server, binaries

# All else as PostgreSQL comes, fsync and sizes of memory and WAL among it: that is what operators have.
SETTINGS = "log_statement = 'none'\n"


@dataclass(frozen=True)
class Servers:
    """The servers of a run, and the folder of their version's programs."""

    source: Server
    backup: Server
    programs: Path


@contextmanager
def running(version: int, settings: str = "") -> Iterator[Servers]:
    """Starts both servers in a temporary folder; stops and removes them, whatever happens meanwhile.

    :param settings: further lines of their configuration.
    :raises KeyError: this machine does not have PostgreSQL of that version.
    """
    directory = Path(tempfile.mkdtemp(prefix="slate-bench-"))
    # Open to the system user that runs the servers.
    directory.chmod(0o755)
    clusters = {role: Cluster(directory / role, binaries()[version]) for role in ("source", "backup")}
    try:
        for cluster in clusters.values():
            cluster.ensure_running(SETTINGS + settings)
        yield Servers(
            source=Server(version, clusters["source"]),
            backup=Server(version, clusters["backup"]),
            programs=clusters["source"].binaries,
        )
    finally:
        for cluster in clusters.values():
            if cluster.data.exists():
                cluster.stop("immediate")
        shutil.rmtree(directory, ignore_errors=True)


def checkpoint(*servers: Server) -> None:
    """Writes out what earlier measurements left in memory, so that it is not written during the next one."""
    for server in servers:
        with server.connect() as connection:
            connection.execute("CHECKPOINT")
