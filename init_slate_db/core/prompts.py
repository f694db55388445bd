"""Questions to the person at the terminal. They go to standard error: standard output is for results."""

import sys
from functools import partial
from typing import Any

import questionary
from prompt_toolkit.output import create_output


def ask_user(server: str = "") -> str:
    """The database user, "" where the person leaves it to libpq.

    :param server: which one, in words, where a command reaches several.
    :raises KeyboardInterrupt: the person pressed Ctrl-C.
    """
    return str(_ask(questionary.text, f"Database User{_of(server)}:"))


def ask_password(server: str = "") -> str:
    """The database password, not shown while it is typed.

    :param server: which one, in words, where a command reaches several.
    :raises KeyboardInterrupt: the person pressed Ctrl-C.
    """
    return str(_ask(questionary.password, f"Database Password{_of(server)}:"))


def confirm(question: str) -> bool:
    """Whether the person says yes; Enter alone says no.

    :raises KeyboardInterrupt: the person pressed Ctrl-C.
    """
    return bool(_ask(partial(questionary.confirm, default=False), question))


def _of(server: str) -> str:
    return f" of {server}" if server else ""


def _ask(kind: Any, question: str) -> Any:
    try:
        answer = kind(question, qmark="", output=create_output(stdout=sys.stderr)).unsafe_ask()
    except EOFError:
        # Ctrl-D gives up as well.
        raise KeyboardInterrupt from None
    return answer
