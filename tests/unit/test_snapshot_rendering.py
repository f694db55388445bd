"""How the commands of snapshots look."""

import pytest

from versioning.snapshots.rendering import command_lines, one_line
from versioning.snapshots.store import Command


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("DROP VIEW v", ["DROP VIEW v;"]),
        ("CREATE VIEW v AS\n SELECT 1;\n", ["CREATE VIEW v AS", " SELECT 1;"]),
        ("DROP VIEW v -- why", ["DROP VIEW v -- why", ";"]),
    ],
    ids=["without a semicolon", "with one", "with a comment at its end"],
)
def test_a_command_ends_with_one_semicolon_that_psql_sees(command: str, shown: list[str]) -> None:
    lines = [text for _, text in command_lines([Command("drop", "view", "public.v", command)])]
    assert lines == ["-- 1  drop view public.v", *shown]


def test_a_name_stays_on_its_line() -> None:
    assert one_line("a\nb\tc\x1bd") == "a\\nb\\tc\\x1bd"
