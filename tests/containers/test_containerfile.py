"""The image that Containerfile makes has all commands, run as an ordinary user, and reaches servers elsewhere."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db import __version__
from init_slate_db.core.errors import ExitStatus
from tests.containers.hosts import NEED_AN_ENGINE, PASSWORD, two_hosts

TREE = Path(__file__).parents[2]
COMMANDS = ("init-slate-db", "slate-diff", "slate-recover", "slate-replicate", "slate-schema")
# One with Python: .ci/python-image makes such an image.
BASE = os.environ.get("SLATE_TEST_PYTHON_IMAGE")
# The engine that DOCKER_HOST names. Of podman docker does not always learn how a container ended.
HOST = os.environ.get("DOCKER_HOST", "")
ENGINE = ["podman", "--url", HOST] if "podman" in HOST else ["docker"]
IMAGE = "localhost/slate-test"

pytestmark = [
    *NEED_AN_ENGINE,
    pytest.mark.skipif(
        BASE is None and os.environ.get("CI") != "true", reason="no image with Python: SLATE_TEST_PYTHON_IMAGE"
    ),
]


def engine(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*ENGINE, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image, built of the files that git knows and of wheels that were fetched before: builds have no network."""
    context = tmp_path_factory.mktemp("image")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TREE, capture_output=True, text=True, check=True)
    for path in filter(None, listed.stdout.split("\0")):
        if (TREE / path).exists():
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TREE / path, context / path)
    python = engine("run", "--rm", str(BASE), "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    assert python.returncode == 0, python.stderr
    wheels = ["--only-binary=:all:", "--python-version", python.stdout.strip(), "--dest", str(context / "wheels")]
    needed = subprocess.run(
        [sys.executable, "-c", _NEEDED, str(context / "pyproject.toml")], capture_output=True, text=True, check=True
    )
    fetching = [sys.executable, "-m", "pip", "download", "-q", *wheels, *needed.stdout.splitlines()]
    fetched = subprocess.run(fetching, capture_output=True, text=True, timeout=280, check=False)
    assert fetched.returncode == 0, fetched.stderr
    told = (
        "--build-arg",
        f"BASE={BASE}",
        "--build-arg",
        "PIP_NO_INDEX=1",
        "--build-arg",
        "PIP_FIND_LINKS=/source/wheels",
    )
    built = engine(
        "build", "-q", "--network=none", *told, "-t", IMAGE, "-f", str(context / "Containerfile"), str(context)
    )
    assert built.returncode == 0, built.stderr
    yield IMAGE
    engine("rmi", "-f", IMAGE)


_NEEDED = """
import sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))
print(*project["project"]["dependencies"], *project["build-system"]["requires"], sep="\\n")
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(image: str, command: str) -> None:
    told = engine("run", "--rm", "--read-only", "--cap-drop=ALL", image, command, "--version")
    assert told.returncode == ExitStatus.DONE, told.stderr
    assert told.stdout == f"{command} {__version__}\n"


def test_nothing_else_runs_and_it_is_said_what_does(image: str) -> None:
    refused = engine("run", "--rm", image, "sh")
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    assert all(command in refused.stderr for command in COMMANDS)


def test_it_runs_as_an_ordinary_user(image: str) -> None:
    asked = engine("run", "--rm", "--entrypoint", "/usr/bin/id", image, "-u")
    assert asked.stdout.strip() == "10001"


def test_it_creates_a_database_on_another_host_with_the_mounted_password(image: str, tmp_path: Path) -> None:
    with two_hosts() as hosts:
        passwords = tmp_path / "pgpass"
        quoted = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        passwords.write_text(f"*:*:*:postgres:{quoted}\n", encoding="utf-8")
        passwords.chmod(0o400)
        os.chown(passwords, 10001, 10001)
        options = ["run", "--rm", "--read-only", "--network=host", "-v", f"{passwords}:/run/secrets/pgpass:ro"]
        where = ["--host", "127.0.0.1", "--port", str(hosts.source), "--user", "postgres", "--no-input"]
        created = engine(*options, image, "init-slate-db", "-n", "contained", "-t", "source", *where)
        assert created.returncode == ExitStatus.DONE, created.stderr
        with hosts.connect(hosts.source, "contained") as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
