"""A password in a wrong place on the command line is not repeated."""

import os

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.commands import run

SECRET = "s3cr3t-Wor%d"
MISPLACED = {
    "quotes forgotten": ["--dsn", "user=postgres", f"password={SECRET}"],
    "a stray URI": ["--host", "127.0.0.1", f"postgresql://postgres:{SECRET}@127.0.0.1"],
    "two words": ["--password", "two", SECRET],
    "a leading dash": ["--password", f"-{SECRET}"],
    "a mistyped option": ["--pasword", SECRET],
    "a mistyped option with =": [f"--pasword={SECRET}"],
    "a bad URI": ["--dsn", f"postgresql://user:{SECRET}%zz@127.0.0.1"],
    "an open quote": ["--dsn", f"user=a password='{SECRET}"],
    "the password alone": ["--dsn", SECRET],
}


@pytest.mark.parametrize("options", MISPLACED.values(), ids=MISPLACED.keys())
def test_a_password_in_the_wrong_place_is_not_shown(options: list[str]) -> None:
    refused = run(["-n", "events", "-t", "destination", "-vv", *options], {"PATH": os.environ["PATH"]})
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    assert SECRET not in refused.stdout + refused.stderr
