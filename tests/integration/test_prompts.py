"""What connecting needs and nothing names is asked for, on a terminal and nowhere else."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from init_slate_db.core.embedded import SUPERUSER
from init_slate_db.core.errors import ExitStatus
from tests.commands import COMMAND, run
from tests.servers import Server
from tests.terminal import terminal

USER_PROMPT = "Database User:"
PASSWORD_PROMPT = "Database Password:"
CTRL_C = b"\x03"
CTRL_D = b"\x04"
ENTER = b"\r"


@pytest.fixture
def nameless(server: Server, tmp_path: Path) -> dict[str, str]:
    """An environment that leads to the server, and names neither user nor password."""
    environment = server.environment(HOME=str(tmp_path))
    del environment["PGUSER"], environment["PGPASSWORD"]
    return environment


def create(name: str, *more: str) -> list[str]:
    return ["-n", name, "-t", "destination", *more]


def without_prompts(screen: str) -> str:
    """What stands on the screen besides prompts and blanks."""
    for prompt in (USER_PROMPT, PASSWORD_PROMPT):
        screen = screen.replace(prompt, "")
    return "".join(screen.split())


def test_what_nothing_names_is_asked_for(server: Server, name: str, nameless: dict[str, str]) -> None:
    with terminal(create(name), nameless) as running:
        running.answer(USER_PROMPT, SUPERUSER.encode() + ENTER)
        running.answer(PASSWORD_PROMPT, server.password.encode() + ENTER)
        assert running.end() == ExitStatus.DONE, running.screen()
        assert running.output() == f"postgresql://{SUPERUSER}@127.0.0.1:{server.port}/{name}\n"
    assert name in server.databases()


def test_the_user_is_shown_and_the_password_is_not(server: Server, name: str, nameless: dict[str, str]) -> None:
    with terminal(create(name), nameless) as running:
        running.answer(USER_PROMPT, SUPERUSER.encode() + ENTER)
        running.answer(PASSWORD_PROMPT, server.password.encode() + ENTER)
        assert running.end() == ExitStatus.DONE, running.screen()
        asked, _, _ = running.screen().partition("Creating destination database")
        assert SUPERUSER in asked
        assert set(without_prompts(asked.replace(SUPERUSER, ""))) == {"*"}
        assert server.password not in running.screen() + running.output()


@pytest.mark.parametrize("way", ["--user", "--dsn", "PGUSER"])
def test_a_named_user_is_not_asked_for(server: Server, name: str, nameless: dict[str, str], way: str) -> None:
    values = {"--user": SUPERUSER, "--dsn": f"user={SUPERUSER}"}
    options = [way, values[way]] if way in values else []
    with terminal(create(name, *options), nameless if options else nameless | {"PGUSER": SUPERUSER}) as running:
        running.answer(PASSWORD_PROMPT, server.password.encode() + ENTER)
        assert running.end() == ExitStatus.DONE, running.screen()
        assert USER_PROMPT not in running.screen()


def test_a_known_password_is_not_asked_for(server: Server, name: str) -> None:
    with terminal(create(name), server.environment()) as running:
        assert running.end() == ExitStatus.DONE, running.screen()
        assert PASSWORD_PROMPT not in running.screen()


def test_a_wrong_answer_fails_and_is_not_asked_for_again(server: Server, name: str, nameless: dict[str, str]) -> None:
    with terminal(create(name, "--user", SUPERUSER), nameless) as running:
        running.answer(PASSWORD_PROMPT, b"wrong" + ENTER)
        assert running.end() == ExitStatus.FAILED
        _, _, told = running.screen().partition("error: ")
        assert told.startswith(
            f'The server at 127.0.0.1:{server.port} does not accept the password of user "postgres".'
        )
        assert PASSWORD_PROMPT not in told
    assert name not in server.databases()


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
def test_a_key_that_gives_up_at_the_user_ends_quietly(
    server: Server, name: str, nameless: dict[str, str], key: bytes
) -> None:
    with terminal(create(name), nameless) as running:
        running.answer(USER_PROMPT, key)
        assert running.end() == ExitStatus.INTERRUPTED
        assert without_prompts(running.screen()) == ""
        assert running.output() == ""
    assert name not in server.databases()


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
def test_a_key_that_gives_up_at_the_password_ends_quietly(
    server: Server, name: str, nameless: dict[str, str], key: bytes
) -> None:
    with terminal(create(name, "--user", SUPERUSER), nameless) as running:
        running.answer(PASSWORD_PROMPT, key)
        assert running.end() == ExitStatus.INTERRUPTED
        assert without_prompts(running.screen()) == ""
        assert running.output() == ""
    assert name not in server.databases()


def test_no_input_never_asks(server: Server, name: str, nameless: dict[str, str]) -> None:
    with terminal(create(name, "--no-input"), nameless) as running:
        assert running.end() == ExitStatus.FAILED
        assert "asks for a password of libpq's default user, and none is given." in running.screen()
        assert "Database " not in running.screen()


@pytest.mark.parametrize("option", ["--dry-run", "--sql"])
def test_what_connects_to_nothing_asks_for_nothing(name: str, nameless: dict[str, str], option: str) -> None:
    with terminal(create(name, option), nameless) as running:
        assert running.end() == ExitStatus.DONE
        assert running.screen() == ""


def test_without_a_terminal_nothing_is_asked(name: str, nameless: dict[str, str]) -> None:
    ended = run(create(name), nameless)
    assert ended.returncode == ExitStatus.FAILED
    assert "asks for a password of libpq's default user, and none is given." in ended.stderr
    assert "Database " not in ended.stderr + ended.stdout


def test_a_silent_pipe_for_standard_input_does_not_hang_the_command(name: str, nameless: dict[str, str]) -> None:
    # Nothing is ever written to the pipe, and it stays open: whoever reads from it waits for good.
    reading, writing = os.pipe()
    try:
        ended = subprocess.run(
            [*COMMAND, *create(name)],
            env=nameless,
            stdin=reading,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(reading)
        os.close(writing)
    assert ended.returncode == ExitStatus.FAILED
    assert "and none is given." in ended.stderr
    assert "Database " not in ended.stderr + ended.stdout


def test_where_nobody_would_see_the_question_it_is_not_asked(name: str, nameless: dict[str, str]) -> None:
    # A terminal to type on, but standard error goes elsewhere.
    end, command_end = pty.openpty()
    try:
        ended = subprocess.run(
            [*COMMAND, *create(name)],
            env=nameless,
            stdin=command_end,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(end)
        os.close(command_end)
    assert ended.returncode == ExitStatus.FAILED
    assert "and none is given." in ended.stderr
    assert "Database " not in ended.stderr + ended.stdout
