"""The commands of docs/runbook.md, run for real on servers that stand for its hosts.

``python -m tests.runbook`` runs them and writes their output into the document; a test makes sure that it is so.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from init_slate_db.core.embedded import find_binaries
from manual.pages import DOCS
from tests.documents import rewrite
from tests.recovery import fill_real
from tests.servers import Server, binaries, start
from tests.slate import create_database

DOCUMENT = DOCS / "runbook.md"


class Stage:
    """The hosts of the runbook, each a server of our own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        versions = list(binaries())
        self._source_version, self._backup_version = versions[0], versions[-1]
        self._hosts: dict[str, Server] = {}
        self._number = 0

    def close(self) -> None:
        for server in self._hosts.values():
            server.cluster.stop("immediate")

    def set_scene(self, name: str) -> None:
        """Does what the document tells of, but shows no command for."""
        scenes: dict[str, Callable[[], None]] = {
            "source-lost": self._lose_source,
            "new-server": self._start_new_server,
            "copy-interrupted": self._interrupt_copy,
            "second-backup-behind": self._add_second_backup,
            "second-backup-disagrees": self._falsify_second_backup,
            "backup-changed": self._change_backup,
            "backup-mended": self._mend_backup,
            "backup-fed": self._feed_backup,
            "backup-not-fed": self._stop_feeding,
        }
        scenes[name]()

    def run(self, command: str) -> str:
        """What the command prints, and its exit status where that is not 0."""
        for host, server in self._hosts.items():
            command = re.sub(rf"(?<![\w-]){host}(?![\w-])(:5432)?", f"127.0.0.1:{server.port}", command)
        result = subprocess.run(
            ["bash", "-c", command],
            env=self._environment(),
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        output = result.stdout
        for host, server in self._hosts.items():
            output = output.replace(f"127.0.0.1:{server.port}", f"{host}:5432")
        return _aligned(output) + (f"(exit status {result.returncode})\n" if result.returncode else "")

    def _environment(self) -> dict[str, str]:
        folders = (Path(sys.executable).parent, find_binaries())
        # Wide enough for one digest a line; every server has the same password, as with one .pgpass.
        return self._hosts["db1"].environment(
            PATH=os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
            PGPASSFILE=str(self._directory / "pgpass"),
            COLUMNS="120",
        ) | {"PGPASSWORD": ""}

    def _start(self, host: str, version: int) -> Server:
        self._number += 1
        server = start(self._directory / f"{host}-{self._number}", version)
        self._hosts[host] = server
        passwords = [f"127.0.0.1:{one.port}:*:*:{one.password}\n" for one in self._hosts.values()]
        file = self._directory / "pgpass"
        file.write_text("".join(passwords))
        file.chmod(0o600)
        return server

    def _lose_source(self) -> None:
        self._start("db1", self._source_version).cluster.stop("immediate")
        self._make_backup("backup-host")

    def _make_backup(self, host: str) -> None:
        server = self._start(host, self._backup_version)
        create_database(server, "events", "destination")
        with server.connect("events") as connection:
            fill_real(connection)

    def _start_new_server(self) -> None:
        self._start("db1", self._source_version)

    def _interrupt_copy(self) -> None:
        self._hosts["db1"].drop("events")
        script = (
            "import os, recovery.methods.copy as copy, recovery.cli as cli\n"
            "copy._RANGE_BYTES = 1\n"
            "copy._build_indexes = lambda *a: os._exit(9)\n"
            f"cli.main(['--from', '127.0.0.1:{self._hosts['backup-host'].port}', '--create', '--yes',"
            " '--method', 'copy', '-q'])\n"
        )
        subprocess.run([sys.executable, "-c", script], env=self._environment(), check=False, timeout=60)

    def _add_second_backup(self) -> None:
        self._hosts["db1"].drop("events")
        self._make_backup("backup2")
        self._execute("backup2", "DELETE FROM events WHERE id > 13000")

    def _falsify_second_backup(self) -> None:
        self._execute("backup2", 'UPDATE events SET event = event || \'{"operation": "drop"}\' WHERE id = 4711')

    def _change_backup(self) -> None:
        self._execute("backup-host", "UPDATE events SET ts = ts + interval '1 microsecond' WHERE id = 100")
        self._execute("backup-host", 'UPDATE events SET event = event || \'{"operation": "drop"}\' WHERE id = 8000')

    def _mend_backup(self) -> None:
        self._hosts["backup-host"].cluster.stop("immediate")
        self._make_backup("backup-host")

    def _feed_backup(self) -> None:
        self._execute(
            "backup-host",
            "CREATE SUBSCRIPTION from_db1 CONNECTION 'host=db1' PUBLICATION events"
            " WITH (connect = false, slot_name = NONE)",
        )

    def _stop_feeding(self) -> None:
        self._execute("backup-host", "DROP SUBSCRIPTION from_db1")

    def _execute(self, host: str, statement: str) -> None:
        with self._hosts[host].connect("events") as connection:
            connection.execute(statement.encode())


@contextmanager
def stage() -> Iterator[Stage]:
    """The hosts, gone after the block."""
    directory = Path(tempfile.mkdtemp(prefix="slate-runbook-"))
    directory.chmod(0o755)
    running = Stage(directory)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(directory, ignore_errors=True)


def _aligned(output: str) -> str:
    """The output with its column of seconds straight again, after the hosts got names of other lengths."""
    steps = re.compile(r"^(  \S.*?) +(\d[\d,]*\.\d s)$", re.MULTILINE)
    width = max((len(title) for title, _ in steps.findall(output)), default=0)
    return steps.sub(lambda match: f"{match[1]:<{width}}  {match[2]:>6}", output)


if __name__ == "__main__":
    with stage() as running:
        rewrite(DOCUMENT, running)
