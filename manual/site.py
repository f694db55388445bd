"""What the site's generator does otherwise than the pages' other readers. A hook of MkDocs, named in mkdocs.yml."""

import re
from typing import Any

_CODE = re.compile(r"(`+)(.+?)\1")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """In a table, code with a bar has it as ``\\|``: that is what a table needs elsewhere, while here it would show."""
    return "\n".join(
        _CODE.sub(lambda found: found[0].replace(r"\|", "|"), line) if line.startswith("|") else line
        for line in markdown.split("\n")
    )
