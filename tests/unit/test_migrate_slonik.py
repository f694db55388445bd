"""The script that slonik gets for patches, and what it says when it fails."""

import subprocess
from pathlib import Path

import pytest

from versioning.migrations.cluster import Origin
from versioning.migrations.patches import Patch
from versioning.migrations.slonik import make_script, read_message

ORIGIN = Origin("o'brien\\", "user@machine")


def make(text: str, number: int = 0) -> Patch:
    return Patch((1, number, 0), "std", Path(f"patch-1-{number}-0-std.sql"), text, "0" * 64)


@pytest.mark.parametrize("token", ["@NAMESPACE@", "@CLUSTERNAME@", "@MODULEVERSION@"])
def test_a_text_that_slonik_would_replace_is_not_in_the_script(token: str) -> None:
    assert token not in make_script([make(f"SELECT '{token}'")], ORIGIN)


@pytest.mark.parametrize("text", ["SELECT $slate$x$slate$", "SELECT $patch$x$patch$", "SELECT $slate1$ $patch1$"])
def test_a_dollar_quote_of_the_patch_does_not_end_that_of_the_script(text: str) -> None:
    script = make_script([make(text)], ORIGIN)
    opening = script.removeprefix("DO ").partition("\n")[0]
    assert script.endswith(f"\n{opening};\n")
    assert script.count(opening) == 2


def test_a_thousand_patches_are_fewer_statements_than_slonik_takes() -> None:
    script = make_script([make("SELECT 1;", number) for number in range(1999)], ORIGIN)
    assert script.count("\nEND\n$slate$;\n") == 500
    assert script.count("SELECT 1;") == 1999


def test_of_what_slonik_says_the_words_of_the_server_are_told() -> None:
    said = 'PGRES_FATAL_ERROR [DO $slate$\n ERROR: no\n$slate$;] - ERROR:  relation "x" does not exist\nLINE 1: x\n'
    assert read_message(subprocess.CompletedProcess([], 1, "", said)) == 'relation "x" does not exist'
    assert read_message(subprocess.CompletedProcess([], 7, "", "")) == "exit status 7, no word"
