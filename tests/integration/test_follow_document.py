"""What docs/following.md gives to be copied is right."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.recovery import ONE_DIRECTION
from tests.replication_follow import Pair, Running, open_pair
from tests.servers import Server

DOCUMENT = (Path(__file__).parents[2] / "docs" / "following.md").read_text(encoding="utf-8")
PROGRAM = "/opt/slate/bin/slate-replicate"


def read_file(name: str) -> str:
    """The file of this name that the document shows."""
    match = re.search(rf"<!-- file: {re.escape(name)} -->\n\n```\w+\n(.*?)```", DOCUMENT, re.DOTALL)
    assert match
    return match[1]


def read_setting(name: str) -> str:
    """The value that a setting has in the unit, which may go on behind a backslash."""
    unit = read_file("slate-follow.service").replace("\\\n", "")
    match = re.search(rf"^{name}=(.*)$", unit, re.MULTILINE)
    assert match
    return match[1]


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    with open_pair(server, backup_server, name) as pair:
        yield pair


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "slate-follow.service"
    # The program is not installed there.
    unit.write_text(read_file("slate-follow.service").replace(PROGRAM, "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_unit_ends_well_when_stopped_and_not_for_good_when_it_fails() -> None:
    assert read_setting("Restart") == "always"
    assert read_setting("SuccessExitStatus") == str(ExitStatus.INTERRUPTED.value)
    assert read_setting("RestartPreventExitStatus") == str(ExitStatus.BAD_OPTIONS.value)


@ONE_DIRECTION
@pytest.mark.parametrize("recipe", ["slate-follow.service", "run-container"])
def test_the_commands_follow_with_a_password_file_alone(pair: Pair, tmp_path: Path, recipe: str) -> None:
    started = shlex.split(read_setting("ExecStart"))
    source, destination = started[-2:]
    command = started[1:-2]
    if recipe == "run-container":
        words = shlex.split(read_file(recipe).replace("\\\n", ""))
        command = words[words.index("slate-replicate") + 1 : -2]
    servers = {source: (pair.server, pair.name), destination: (pair.destination_server, pair.destination)}
    passwords = tmp_path / "pgpass"
    passwords.write_text(
        "".join(f"127.0.0.1:{one.port}:{name}:postgres:{one.password}\n" for one, name in servers.values())
    )
    passwords.chmod(0o400)
    addresses = [f"postgresql://postgres@127.0.0.1:{one.port}/{name}" for one, name in servers.values()]
    process = subprocess.Popen(
        [sys.executable, "-m", "replication", *command, *addresses],
        env={"PGPASSFILE": str(passwords)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Running(process)
    try:
        running.wait_until_it_follows()
        pair.wait_for(pair.append(3))
        os.kill(process.pid, signal.SIGTERM)
        assert running.end() == ExitStatus.INTERRUPTED
    finally:
        process.kill()
    assert all(isinstance(one["message"], str) for one in running.fields())
    assert pair.same_events()
