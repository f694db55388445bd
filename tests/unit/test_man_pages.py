"""The man pages say what the parsers say, in a form that every man can show."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from init_slate_db.core.errors import EXIT_STATUS_MEANINGS
from manual.commands import read_commands
from manual.man import FOLDER, make_pages

SECTIONS = ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "SEE ALSO")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return make_pages(read_commands())


def test_the_pages_are_those_that_the_parsers_make(pages: dict[str, str]) -> None:
    # To renew them: python -m manual
    assert {path.name: path.read_text(encoding="ascii") for path in FOLDER.iterdir()} == pages


def test_there_is_a_page_for_every_command_and_verb(pages: dict[str, str]) -> None:
    names = {one.name.replace(" ", "-") for command in read_commands() for one in command.walk()}
    assert set(pages) == {f"{name}.1" for name in names}
    assert {"slate-recover.1", "slate-schema-migrate.1", "slate-schema-archive-push.1"} <= set(pages)


def test_every_page_has_all_sections_and_tells_every_option(pages: dict[str, str]) -> None:
    for command in read_commands():
        for one in command.walk():
            page = pages[f"{one.name.replace(' ', '-')}.1"]
            sections = [name for name in re.findall(r"^\.SH (.*)$", page, re.MULTILINE) if name in SECTIONS]
            assert sections == list(SECTIONS), one.name
            for action in one.parser._actions:
                for option in action.option_strings:
                    assert r"\fB" + option.replace("-", r"\-") + r"\fR" in page, (one.name, option)
            for status in EXIT_STATUS_MEANINGS:
                assert f"\n\\fB{status:d}\\fR\n" in page


def test_every_page_that_is_referred_to_is_there(pages: dict[str, str]) -> None:
    for page in pages.values():
        named = re.findall(r"^\.BR (\S+) \(1\),?$", page, re.MULTILINE)
        assert named
        assert {f"{name.replace(chr(92), '')}.1" for name in named} <= set(pages)


def test_groff_has_nothing_to_say_against_any_page(tmp_path: Path) -> None:
    if not shutil.which("groff") and os.environ.get("CI") != "true":
        pytest.skip("groff is not installed")
    for path in sorted(FOLDER.iterdir()):
        checked = subprocess.run(["groff", "-man", "-ww", "-z", path], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, ""), path.name


def test_a_page_reads_as_it_should() -> None:
    if not shutil.which("groff") and os.environ.get("CI") != "true":
        pytest.skip("groff is not installed")
    command = ["groff", "-man", "-Tutf8", "-P-cbou", "-rHY=0", str(FOLDER / "slate-schema-rollback.1")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in (
        "slate-schema-rollback - go back to a snapshot without touching data",
        "slate-schema rollback N [options]",
        "slate-schema rollback 3 --host db1 -d events --yes",
    ):
        assert line in shown
