"""Real Slony clusters, made for a test from Debian's slony1-2-bin and postgresql-15-slony1-2."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from init_slate_db.core.embedded import SUPERUSER
from tests.servers import DEBIAN_15, Server, wait_for

CLUSTER = "events"
SET = 1


def is_installed() -> bool:
    """Whether this machine has Slony for PostgreSQL 15.

    :raises RuntimeError: in continuous integration, where it must be there.
    """
    library = DEBIAN_15.parent / "lib"
    found = bool(shutil.which("slonik") and shutil.which("slon") and any(library.glob("slony1_funcs*.so")))
    if not found and os.environ.get("CI") == "true":
        raise RuntimeError("slony1-2-bin and postgresql-15-slony1-2 are not installed")
    return found


@dataclass(frozen=True)
class Node:
    """A database of the cluster."""

    number: int
    server: Server
    database: str

    @property
    def conninfo(self) -> str:
        """The way there, as sl_path holds it: with no password."""
        return make_conninfo(host="127.0.0.1", port=self.server.port, user=SUPERUSER, dbname=self.database)

    @property
    def place(self) -> str:
        """The node, as messages have it."""
        return f"node {self.number} (127.0.0.1:{self.server.port}/{self.database})"

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return self.server.connect(self.database)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()


@dataclass
class SlonyCluster:
    """The nodes, the origin first, and the slon daemons that serve them."""

    nodes: Sequence[Node]
    directory: Path
    daemons: "dict[int, subprocess.Popen[bytes]]" = field(default_factory=dict)

    @property
    def origin(self) -> Node:
        return self.nodes[0]

    @property
    def environment(self) -> dict[str, str]:
        """One in which libpq finds the passwords of all nodes in a file, and no server by itself."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return bare | {"PGPASSFILE": str(self.directory / "pgpass")}

    def slonik(self, commands: str) -> str:
        """Runs slonik's commands behind the preamble."""
        preamble = f"cluster name = {CLUSTER};\n" + "".join(
            f"node {node.number} admin conninfo = '{node.conninfo}';\n" for node in self.nodes
        )
        ended = subprocess.run(
            ["slonik"], input=preamble + commands, env=self.environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def start(self, node: Node) -> None:
        """Starts the slon of a node. It looks for new events every tenth of a second."""
        with (self.directory / f"slon-{node.number}.log").open("ab") as log:
            self.daemons[node.number] = subprocess.Popen(
                ["slon", "-s", "100", "-t", "1000", CLUSTER, node.conninfo],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                # slon signals its whole group when it ends, and must not reach ours.
                start_new_session=True,
            )

    def stop(self, node: Node) -> None:
        """Ends the slon of a node, if it runs, and returns when it is gone."""
        daemon = self.daemons.pop(node.number, None)
        if daemon is None:
            return
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            # Its worker is a child in the same session; both are ours alone.
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait(10)

    def log(self, node: Node) -> str:
        """What the slon of a node has said."""
        return (self.directory / f"slon-{node.number}.log").read_text(errors="replace")

    def subscribe(self, node: Node) -> None:
        """Subscribes a node to the set, and waits until it has its copy."""
        self.slonik(f"subscribe set (id = {SET}, provider = {self.origin.number}, receiver = {node.number});\n")
        active = f"SELECT FROM _{CLUSTER}.sl_subscribe WHERE sub_receiver = {node.number} AND sub_active"
        wait_for(lambda: node.rows(active), f"the subscription of node {node.number}", 60)


@contextmanager
def slony_cluster(nodes: Sequence[Node], directory: Path, tables: Sequence[str]) -> Iterator[SlonyCluster]:
    """A cluster of the databases, the origin first, which replicates the tables; its slon daemons run.

    :param tables: qualified names; each has a primary key, and is there on all nodes.
    """
    directory.mkdir()
    cluster = SlonyCluster(nodes, directory)
    lines = [f"127.0.0.1:{node.server.port}:*:{SUPERUSER}:{node.server.password}\n" for node in nodes]
    passfile = directory / "pgpass"
    passfile.touch(0o600)
    passfile.write_text("".join(lines))
    origin, *others = nodes
    add = "".join(
        f"set add table (set id = {SET}, origin = {origin.number}, id = {number}, fully qualified name = '{table}');\n"
        for number, table in enumerate(tables, 1)
    )
    cluster.slonik(
        f"init cluster (id = {origin.number}, comment = 'origin');\n"
        f"create set (id = {SET}, origin = {origin.number}, comment = 'all');\n{add}"
        + "".join(
            f"store node (id = {node.number}, comment = 'backup', event node = {origin.number});\n" for node in others
        )
        + "".join(
            f"store path (server = {server.number}, client = {client.number}, conninfo = '{server.conninfo}');\n"
            for server in nodes
            for client in nodes
            if server is not client
        )
    )
    with ExitStack() as stack:
        for node in nodes:
            cluster.start(node)
            stack.callback(cluster.stop, node)
        for node in others:
            cluster.subscribe(node)
        yield cluster
