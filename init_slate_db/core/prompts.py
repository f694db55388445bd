"""Questions to the person at the terminal. They go to standard error: standard output is for results."""

import sys
from typing import Any

import questionary
from prompt_toolkit.output import create_output


def ask_user() -> str:
    """The database user, "" where the person leaves it to libpq.

    :raises KeyboardInterrupt: the person pressed Ctrl-C.
    """
    return _ask(questionary.text, "Database User:")


def ask_password() -> str:
    """The database password, not shown while it is typed.

    :raises KeyboardInterrupt: the person pressed Ctrl-C.
    """
    return _ask(questionary.password, "Database Password:")


def _ask(kind: Any, question: str) -> str:
    try:
        answer: str = kind(question, qmark="", output=create_output(stdout=sys.stderr)).unsafe_ask()
    except EOFError:
        # Ctrl-D gives up as well.
        raise KeyboardInterrupt from None
    return answer
