"""The wheel holds all that the command needs, and nothing else: it works away from this source tree."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from init_slate_db import __version__
from init_slate_db.core.creation.plan import make_plan
from init_slate_db.core.errors import ExitStatus
from tests.servers import Server

TREE = Path(__file__).parents[2]
TITLES = [step.title for step in make_plan("events", "source").steps]


@dataclass(frozen=True)
class Installed:
    """The wheel, and the folder that it is installed in."""

    wheel: Path
    folder: Path

    def python(self, arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """Runs Python in another folder than the source tree, with our package from the wheel alone."""
        # -S: an editable install, which .pth files bring in, would lend the wheel what it lacks.
        libraries = [str(self.folder), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        return subprocess.run(
            [sys.executable, "-S", *arguments],
            env={**environment, "PYTHONPATH": ":".join(libraries)},
            cwd=self.folder.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """Runs the installed command."""
        return self.python([str(self.folder / "bin" / "init-slate-db"), *arguments], environment)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of the files that git knows, where it is here, installed without network."""
    place = tmp_path_factory.mktemp("wheel")
    if shutil.which("git") and (TREE / ".git").exists():
        _copy_known_files(place / "tree")
    else:
        shutil.copytree(
            TREE, place / "tree", ignore=shutil.ignore_patterns(".*", "build", "dist", "site", "*.egg-info")
        )
    pip("wheel", "--no-build-isolation", "--wheel-dir", place / "dist", place / "tree")
    (wheel,) = (place / "dist").iterdir()
    pip("install", "--target", place / "site", wheel)
    return Installed(wheel, place / "site")


def _copy_known_files(target: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TREE, capture_output=True, text=True, check=True)
    for path in filter(None, listed.stdout.split("\0")):
        # What is deleted, but not committed, is listed too.
        if (TREE / path).exists():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TREE / path, target / path)


def pip(command: str, *arguments: str | Path) -> None:
    quiet = ("--no-deps", "--no-index", "--disable-pip-version-check", "--no-cache-dir")
    ended = subprocess.run(
        [sys.executable, "-m", "pip", command, *quiet, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("package", ["init_slate_db", "init_slate_db.core", "init_slate_db.sql"])
def test_the_package_that_runs_is_the_wheels(installed: Installed, package: str) -> None:
    asked = installed.python(["-c", f"import {package}; print({package}.__file__)"], os.environ)
    assert asked.returncode == 0, asked.stderr
    assert Path(asked.stdout.strip()) == installed.folder.joinpath(*package.split("."), "__init__.py")


def test_the_version_is_told(installed: Installed) -> None:
    asked = installed.run(["--version"], os.environ)
    assert asked.returncode == ExitStatus.DONE, asked.stderr
    assert asked.stdout == f"init-slate-db {__version__}\n"


def test_a_dry_run_lists_every_sql_object(installed: Installed) -> None:
    planned = installed.run(["-n", "events", "-t", "source", "--dry-run"], os.environ)
    assert planned.returncode == ExitStatus.DONE, planned.stderr
    assert re.findall(r"^ +\d+  (.*)$", planned.stdout, re.MULTILINE) == TITLES


def test_a_database_is_created(installed: Installed, server: Server, name: str) -> None:
    created = installed.run(["-n", name, "-t", "source"], server.environment())
    assert created.returncode == ExitStatus.DONE, created.stderr
    assert created.stdout == f"postgresql://postgres@127.0.0.1:{server.port}/{name}\n"
    with server.connect(name) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_proc WHERE proname = 'restore_events'").fetchone() == (1,)


def test_every_sql_file_is_in_the_wheel_and_no_test_is(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    in_tree = {f"init_slate_db/{path.relative_to(TREE)}" for path in TREE.glob("sql/*/*.sql")}
    assert {name for name in names if name.endswith(".sql")} == in_tree
    assert {name.partition("/")[0] for name in names} == {
        "init_slate_db",
        "recovery",
        "replication",
        "versioning",
        f"init_slate_db-{__version__}.data",
        f"init_slate_db-{__version__}.dist-info",
    }


def test_every_man_page_is_where_man_looks(installed: Installed) -> None:
    pages = {path.name for path in (TREE / "man").glob("*.1")}
    assert {path.name for path in (installed.folder / "share" / "man" / "man1").iterdir()} == pages
    data = f"init_slate_db-{__version__}.data/data/"
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert {name.removeprefix(data) for name in names if name.startswith(data)} == {
        f"share/man/man1/{page}" for page in pages
    }


def test_type_checkers_find_the_types(installed: Installed) -> None:
    assert (installed.folder / "init_slate_db" / "py.typed").exists()
