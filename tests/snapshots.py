"""slate-schema's verbs of snapshots, run as a user's shell does on a database that is prepared for them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.pov import Connection, prepared
from tests.servers import Server, wait_for

COMMAND = (sys.executable, "-m", "versioning")

F = "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'"
CHANGED_F = F.replace("CREATE", "CREATE OR REPLACE").replace("$1", "$1 + 1")

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'slate-schema' AND wait_event_type = 'Lock'
"""


@dataclass(frozen=True)
class Database:
    """A prepared database, and a connection of its owner."""

    server: Server
    name: str
    connection: Connection

    def do(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement.encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode()).fetchall()

    def state(self) -> list[tuple[Any, ...]]:
        """Everything that a rollback may change, schema pov included."""
        return self.rows(
            "SELECT 'live', objectid FROM pov.live() UNION SELECT 'snapshot', snapshotid::text FROM pov.snapshot"
        )

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Runs slate-schema on the database."""
        return commands.run(arguments, self.environment(**environment), COMMAND)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return commands.start(arguments, self.environment(), COMMAND)

    def environment(self, **changes: str) -> dict[str, str]:
        return self.server.environment(**({"PGDATABASE": self.name} | changes))

    def said(self, *arguments: str, status: ExitStatus = ExitStatus.DONE) -> str:
        """Standard output of a run that ends with the status."""
        ended = self.run(*arguments)
        assert ended.returncode == status, ended.stderr
        return ended.stdout

    def told(self, *arguments: str, status: ExitStatus = ExitStatus.DONE) -> Any:
        """The JSON result of a run that ends with the status."""
        return json.loads(self.said(*arguments, "--format", "json", status=status))

    def refused(self, *arguments: str, status: ExitStatus = ExitStatus.REFUSED) -> str:
        """Standard error of a run that ends with the status and changes nothing."""
        before = self.state()
        ended = self.run(*arguments)
        assert ended.returncode == status, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        assert self.state() == before
        return ended.stderr

    def wait_until_one_waits(self) -> None:
        """Returns when slate-schema waits for a lock."""
        wait_for(lambda: self.rows(_WAITING) != [(0,)], "slate-schema to wait for a lock")

    @contextmanager
    def held(self, statement: str) -> Iterator[Connection]:
        """A session that keeps the locks of a statement in an open transaction."""
        with self.server.connect(self.name) as other, other.transaction():
            other.execute(statement.encode())
            yield other


@contextmanager
def database(server: Server, name: str) -> Iterator[Database]:
    with prepared(server, name) as connection:
        yield Database(server, name, connection)
