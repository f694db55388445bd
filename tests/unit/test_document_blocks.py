"""The code in the documents can be copied: commands are read by their own parsers, data by the parsers of its kind."""

import configparser
import json
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import init_slate_db.cli
import recovery.cli
import recovery.diff.cli
import replication.cli
import versioning.cli
from init_slate_db.core.options import Faults
from manual.blocks import COMMANDS, Block, find_blocks, find_command_lines, find_inline
from manual.commands import Command, read_commands
from manual.pages import read_documents

DOCUMENTS = read_documents()
MAINS: dict[str, Callable[[list[str]], int]] = {
    "init-slate-db": init_slate_db.cli.main,
    "slate-diff": recovery.diff.cli.main,
    "slate-recover": recovery.cli.main,
    "slate-replicate": replication.cli.main,
    "slate-schema": versioning.cli.main,
}
VERBS = {one.name: one for command in read_commands() for one in command.walk()}
# Blocks of these are commands, output, or tested elsewhere: SQL on a server, recipes with what they are recipes for.
OTHERS = {"", "console", "dockerfile", "sh", "sql", "text"}


# That the documents' commands read, some from within docs/examples.
FOLDERS = ("sql/50_proj_api", "sql/tests", "slate_api", "slate_api_tests")


class HaveReadError(BaseException):
    """The options have been read; behind this a command begins to act."""


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Commands end when they have read their options: with an error where these are wrong."""
    raise_any = Faults.raise_any
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def stop(faults: Faults, program: str) -> None:
        raise_any(faults, program)
        raise HaveReadError

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Faults, "raise_any", stop)
    yield
    signal.signal(signal.SIGTERM, before)


def command_lines() -> list[tuple[str, list[str]]]:
    return [
        (name, words)
        for name, text in DOCUMENTS.items()
        for block in find_blocks(text)
        for words in find_command_lines(block)
    ]


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize(
    ("document", "words"), command_lines(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_line_is_one_that_its_command_takes(
    document: str, words: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    values = [re.sub(r"^\$\{?[A-Z]+\}?$", "postgresql://db1/events", word) for word in words]
    with pytest.raises(HaveReadError):
        MAINS[values[0]](values[1:])
        pytest.fail(f"{document}: {' '.join(words)}\n{capsys.readouterr().err}")


@pytest.mark.usefixtures("reading")
def test_a_command_line_that_is_wrong_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    (words,) = find_command_lines(Block("sh", 'x="$(slate-recover --from db1 --jobs many --creat)" # a comment\n'))
    assert MAINS[words[0]](words[1:]) == 2
    assert "--jobs" in (told := capsys.readouterr().err)
    assert "did you mean --create?" in told


def test_the_command_lines_are_found() -> None:
    found = {" ".join(words[:2]) for _, words in command_lines()}
    assert {"init-slate-db -n", "slate-recover --from", "slate-replicate follow", "slate-schema archive"} <= found
    assert len(command_lines()) > 100
    block = Block(
        "", '$ export A="$(init-slate-db -n e -t source)" && slate-diff a b > f 2>&1 &\nslate-diff is output\n'
    )
    assert list(find_command_lines(block)) == [["init-slate-db", "-n", "e", "-t", "source"], ["slate-diff", "a", "b"]]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_within_a_sentence_is_one_of_its_command(document: str) -> None:
    for line in find_inline(DOCUMENTS[document]):
        if line.startswith(COMMANDS):
            command = _find_command(line)
            known = command.parser._option_string_actions
            for option in re.findall(r"(?<=[ \[])--?[a-z][a-z-]*\b", line):
                assert option in known, f"{document}: {line}"


def _find_command(line: str) -> Command:
    words = line.split()
    for count in (3, 2, 1):
        if command := VERBS.get(" ".join(words[:count])):
            if list(command.verbs) and words[count:] and words[count].islower():
                raise AssertionError(f"there is no such verb: {line}")
            return command
    raise AssertionError(f"there is no such command: {line}")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_of_a_known_kind_and_can_be_read(document: str) -> None:
    readers: dict[str, Callable[[str], object]] = {"ini": _read_ini, "json": json.loads}
    for block in find_blocks(DOCUMENTS[document]):
        assert block.language in OTHERS | readers.keys(), f"{document}: how is {block.language} checked?"
        if block.language in readers:
            assert readers[block.language](block.text)


def _read_ini(text: str) -> list[str]:
    # Units of systemd may name a key twice.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(text)
    return parser.sections()
