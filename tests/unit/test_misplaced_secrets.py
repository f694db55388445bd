"""A password in a wrong place on the command line is not repeated."""

import os

import pytest

from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import MISSING, Faults
from recovery.cli import build_parser, read_options
from tests.commands import run

SECRET = "s3cr3t-Wor%d"
MISPLACED = {
    "quotes forgotten": ["--dsn", "user=postgres", f"password={SECRET}"],
    "a stray URI": ["--host", "127.0.0.1", f"postgresql://postgres:{SECRET}@127.0.0.1"],
    "two words": ["--password", "two", SECRET],
    "a mistyped option": ["--pasword", SECRET],
    "a mistyped option with =": [f"--pasword={SECRET}"],
    "a bad URI": ["--dsn", f"postgresql://user:{SECRET}%zz@127.0.0.1"],
    "an open quote": ["--dsn", f"user=a password='{SECRET}"],
    "the password alone": ["--dsn", SECRET],
}


@pytest.mark.parametrize("password", [f"-{SECRET}", f"--{SECRET}", "-n", "-x=y", "@a=b:c/d"])
@pytest.mark.parametrize("option", ["--password", "--from-password"])
def test_a_password_may_begin_with_a_dash(option: str, password: str) -> None:
    faults = Faults()
    values = build_parser().parse(["--from", "b1", option, password, "--no-diff"], faults)
    faults.raise_any("slate-recover")
    assert getattr(values, option.strip("-").replace("-", "_")) == password
    assert values.no_diff


def test_an_option_behind_a_password_option_is_no_password() -> None:
    values = build_parser().parse(["--password", "--from-password", "--from=b1"], Faults())
    assert (values.password, values.from_password, getattr(values, "from")) == (MISSING, MISSING, ["b1"])


@pytest.mark.parametrize("address", ["postgres:{}@db1", "postgres:{}@db1:5432", "me:{}@[::1]:5432", "[me:{}@::1]"])
def test_a_password_in_an_address_without_its_scheme_is_not_shown(address: str) -> None:
    faults = Faults()
    read_options(build_parser().parse(["--from", address.format(SECRET), "-vv"], faults), faults)
    with pytest.raises(SlateError) as refused:
        faults.raise_any("slate-recover")
    assert "--from: is no address; a user goes into a URI: postgresql://USER@HOST" in refused.value.what
    assert SECRET not in str(refused.value) + refused.value.hint


@pytest.mark.parametrize("options", MISPLACED.values(), ids=MISPLACED.keys())
def test_a_password_in_the_wrong_place_is_not_shown(options: list[str]) -> None:
    refused = run(["-n", "events", "-t", "destination", "-vv", *options], {"PATH": os.environ["PATH"]})
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    assert SECRET not in refused.stdout + refused.stderr
