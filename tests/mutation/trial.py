"""A copy of the tree to break, and the servers on which its tests run, one mutant after another."""

import fcntl
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests import servers
from tests.mutation.mutants import Mutant
from tests.servers import Server

ROOT = Path(__file__).parents[2]
# One test may take so many seconds, and all tests of a mutant; a mutant that waits for ever is noticed as well.
_TEST_SECONDS = 60
_SECONDS = 900
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
# One version is enough to notice a mutant, and quicker; these cannot run there.
_FOR_TWO_VERSIONS = ("tests/integration/test_roles.py::test_from_16_on_a_subscription_may_be_the_replicators_own",)
_COPIED = ("init_slate_db", "recovery", "replication", "versioning", "sql", "tests", "demo", "manual", "benchmarks")


@dataclass(frozen=True)
class Outcome:
    """What the tests said. verdict: killed, timeout or survived; by: the test that failed first."""

    verdict: str
    by: str
    seconds: float


class Trial:
    """The copy, its servers, and the process that runs its tests."""

    def __init__(self, folder: Path, prefix: Sequence[str], lock: Path) -> None:
        self._folder = folder
        self._lock = lock
        self._root = folder / "project"
        self._version, binaries = next(iter(servers.binaries().items()))
        self._edits = 0
        _copy_tree(self._root)
        # Short: a socket's whole path has 107 characters.
        for name in ("servers", "t"):
            (folder / name).mkdir()
            (folder / name).chmod(0o755)
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
            "PYTHONPATH": str(self._root),
            "SLATE_TEST_POSTGRES": f"{self._version}={binaries}",
            "SLATE_TEST_SERVERS": str(folder / "servers"),
            "TMPDIR": str(folder / "t"),
        }
        self._servers = [
            servers.start(folder / "servers" / f"{self._version}-{role}", self._version)
            for role in ("source", "backup")
        ]
        self._zygote = subprocess.Popen(
            [*prefix, sys.executable, str(self._root / "tests/mutation/zygote.py")],
            cwd=self._root,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """Ends what runs."""
        self._zygote.terminate()
        self._zygote.wait()
        for server in self._servers:
            server.cluster.stop("immediate")

    def try_out(self, mutant: Mutant, tests: Sequence[str]) -> Outcome:
        """Whether the tests notice the mutant."""
        path = self._root / mutant.path
        text = path.read_text(encoding="utf-8")
        self._write(path, mutant.apply(text))
        try:
            outcome = self._test(tests, "-x")
        finally:
            self._write(path, text)
            self._remove_servers()
        if outcome.verdict != "survived":
            self._clean()
        return outcome

    def failing(self, tests: Iterable[str]) -> set[str]:
        """Which of the tests fail where nothing is broken, and so say nothing about mutants."""
        failed: set[str] = set()
        # Whether a test is where another one has left something is not asked; so file by file.
        for _, names in itertools.groupby(sorted(tests), key=lambda name: name.partition("::")[0]):
            self._test(list(names), "--maxfail=1000")
            failed |= {name.partition("[")[0] for name in _FAILED.findall(self._output.read_text())}
            self._remove_servers()
            self._clean()
        return failed

    @property
    def _output(self) -> Path:
        return self._folder / "output"

    def _test(self, tests: Sequence[str], option: str) -> Outcome:
        started = time.monotonic()
        # Tests of units need no server, so they come first.
        units = [path for path in tests if path.startswith("tests/unit/")]
        others = [path for path in tests if path not in units]
        for paths in filter(None, (units, others)):
            status = self._pytest([option, *paths])
            taken = time.monotonic() - started
            if status == "timeout":
                return Outcome("timeout", "", taken)
            # Two: interrupted, as by a module that cannot be imported. Else pytest itself went wrong.
            if status not in ("0", "1", "2", "3", "4"):
                raise RuntimeError(f"pytest ended with {status}: {self._output.read_text()[-3000:]}")
            if status != "0":
                failed = _FAILED.search(self._output.read_text())
                return Outcome("killed", failed[1] if failed else f"exit status {status}", taken)
        return Outcome("survived", "", time.monotonic() - started)

    def _pytest(self, words: Sequence[str]) -> str:
        arguments = ["-q", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist", f"--timeout={_TEST_SECONDS}"]
        arguments += [f"--deselect={name}" for name in _FOR_TWO_VERSIONS]
        assert self._zygote.stdin and self._zygote.stdout
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            self._zygote.stdin.write(json.dumps([[*arguments, *words], str(self._output), _SECONDS]) + "\n")
            self._zygote.stdin.flush()
            return self._zygote.stdout.readline().strip()

    def _write(self, path: Path, text: str) -> None:
        """Writes the file with a time of its own, by whole seconds, as compiled modules know their sources."""
        path.write_text(text, encoding="utf-8")
        self._edits += 1
        at = 1_000_000_000 + self._edits
        os.utime(path, (at, at))

    def _remove_servers(self) -> None:
        """Ends and removes the servers that tests started for themselves, and did not end as they were stopped."""
        own = {server.cluster.directory for server in self._servers}
        for folder in (self._folder / "servers").iterdir():
            if folder not in own:
                servers.remove(folder)

    def _clean(self) -> None:
        """Removes what a test that ended early left on the servers."""
        for server in self._servers:
            server.cluster.ensure_running()
            _clean(server)


@contextmanager
def open_trial(prefix: Sequence[str], lock: str) -> Iterator[Trial]:
    """A trial in a temporary folder, which is gone afterwards.

    :param prefix: the command that runs the tests' command, such as nice.
    :param lock: a file that is locked, shared, during each run of tests, so that whoever locks it can measure in peace.
    """
    folder = Path(tempfile.mkdtemp(prefix="mutation-"))
    folder.chmod(0o755)
    try:
        trial = Trial(folder, prefix, Path(lock) if lock else folder / "lock")
        try:
            yield trial
        finally:
            trial.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_tree(target: Path) -> None:
    target.mkdir()
    for name in _COPIED:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".")):
        shutil.copy(file, target / file.name)
    shutil.copytree(ROOT / "docs", target / "docs")
    # Installed it is a package of the product; without this it would be that of the tree that is not broken.
    (target / "init_slate_db/sql").symlink_to("../sql")
    if (ROOT.parent / "shared").exists():
        (target.parent / "shared").symlink_to(ROOT.parent / "shared")


def _clean(server: Server) -> None:
    with server.connect() as connection:
        connection.execute("ALTER SYSTEM RESET ALL")
        connection.execute("SELECT pg_reload_conf()")
        for (name,) in connection.execute(
            "SELECT datname FROM pg_database WHERE datname <> 'postgres' AND NOT datistemplate"
            " OR datname NOT IN ('postgres', 'template0', 'template1')"
        ).fetchall():
            _drop(server, name)
        for (slot,) in connection.execute("SELECT slot_name FROM pg_replication_slots WHERE NOT active").fetchall():
            connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
        for (role,) in connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname <> current_user AND oid >= 16384"
        ).fetchall():
            for command in ("DROP OWNED BY {}", "DROP ROLE {}"):
                with suppress(psycopg.Error):
                    connection.execute(sql.SQL(command).format(sql.Identifier(role)))


def _drop(server: Server, name: str) -> None:
    """Drops a database, with the subscriptions that are in it."""
    with server.connect() as connection:
        connection.execute(
            "UPDATE pg_database SET datallowconn = true, datistemplate = false WHERE datname = %s", (name,)
        )
    with suppress(psycopg.Error), server.connect(name) as connection:
        own = "SELECT s.subname FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid AND d.datname = %s"
        for (subscription,) in connection.execute(own, (name,)).fetchall():
            for command in ("DISABLE", "SET (slot_name = NONE)"):
                connection.execute(f'ALTER SUBSCRIPTION "{subscription}" {command}'.encode())
            connection.execute(f'DROP SUBSCRIPTION "{subscription}"'.encode())
    with suppress(psycopg.Error):
        server.drop(name)
