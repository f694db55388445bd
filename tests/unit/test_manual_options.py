"""docs/options.md is what the parsers say."""

import re

from manual.commands import read_commands
from manual.options import make_options_page
from manual.pages import OPTIONS


def test_the_page_is_what_the_parsers_say() -> None:
    made = make_options_page(read_commands())
    assert made.splitlines() == OPTIONS.read_text(encoding="utf-8").splitlines(), "run: python -m manual"


def test_every_option_of_every_verb_stands_there_or_where_it_refers_to() -> None:
    page = make_options_page(read_commands())
    for command in read_commands():
        for one in command.walk():
            section = page.partition(f"# {one.name}\n")[2].partition("\n#")[0]
            shared = "".join(
                page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
                for title in (
                    "Connection",
                    "Connection, where the addresses leave it out",
                    "Output and help",
                    "Consent",
                )
                if f"[{title[0].lower()}{title[1:]}](#" in section
            )
            for action in one.parser._actions:
                for option in action.option_strings:
                    assert re.search(rf"(`|, ){option}[ ,`]", section + shared), (one.name, option)
