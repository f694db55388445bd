"""Help fits the terminal, and its examples can still be copied."""

import re
import shlex

import pytest

from manual.commands import read_commands

COMMANDS = [one for command in read_commands() for one in command.walk()]


def examples(text: str) -> list[list[str]]:
    """The words of each example, as a shell reads them."""
    match = re.search(r"Examples:\n(.*?)\n\n", text, re.DOTALL)
    assert match
    return [words for line in match[1].replace("\\\n", "").splitlines() if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("columns", [72, 80, 100])
def test_no_line_of_help_is_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    for command in COMMANDS:
        shown = command.parser.format_help()
        wide = [line for line in shown.splitlines() if len(line) > columns and not line.startswith("usage:")]
        # A word that is longer than a line cannot be parted.
        assert [line for line in wide if " " in line.strip().removesuffix(" \\")] == []
        assert examples(shown) == examples(f"{command.parser.epilog}\n")


def test_examples_go_on_behind_a_backslash_and_have_their_comments_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    found = {command.name: command.parser.format_help() for command in COMMANDS}
    assert (
        "  slate-recover --from backup1 --from backup2:5433 --create --method copy \\\n      --"
        in found["slate-recover"]
    )
    assert "  # a merge, with a delta from each\n  slate-schema" in found["slate-schema archive push"]
