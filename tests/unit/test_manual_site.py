"""What the site shows otherwise than the page itself says it."""

from manual.site import on_page_markdown


def test_a_bar_in_code_shows_as_a_bar_in_tables_alone() -> None:
    page = "| `a \\| b` | c \\| d |\n\n`a \\| b` stays\n"
    assert on_page_markdown(page, page=None) == "| `a | b` | c \\| d |\n\n`a \\| b` stays\n"
