"""Where the documents are."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
OPTIONS = DOCS / "options.md"
SQL = DOCS / "sql.md"


def read_documents() -> dict[str, str]:
    """The text of every document by its path from the top of the project, generated ones too."""
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (README, *sorted(DOCS.glob("*.md")))
    }
