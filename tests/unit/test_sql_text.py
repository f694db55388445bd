"""SQL as PostgreSQL's lexer sees it: tokens, and where statements end."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from versioning.sql_text import read_chunks, read_statements, read_tokens

# What quotes, comments and blocks are made of, so that these come together in every way.
PIECES = st.sampled_from(
    [
        *"'\"\\$;()-/*&. \n\r\tuUeEbxN_1é",
        "''",
        '""',
        "$$",
        "$a$",
        "/*",
        "*/",
        "--",
        "u&'",
        'U&"',
        "e'",
        "begin",
        "atomic",
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=40).map("".join))


def kinds(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in read_tokens(text) if token.kind != "space"]


def statements(text: str) -> list[str]:
    return [statement.text.strip() for statement in read_statements(read_tokens(text))]


@given(TEXTS)
@example("E'a\\'b'\n'c\\''")
@example("/* /* */ ")
@example("$a$ $b$ $a")
def test_the_tokens_are_the_text_and_know_where_they_stand(text: str) -> None:
    tokens = list(read_tokens(text))
    assert "".join(token.text for token in tokens) == text
    for token in tokens:
        assert text.startswith(token.text, token.offset)
        assert token.line == text.count("\n", 0, token.offset) + 1
        assert token.text


@given(TEXTS)
def test_the_statements_hold_all_code_in_order(text: str) -> None:
    tokens = [token for token in read_tokens(text) if token.is_code]
    in_statements = [token for statement in read_statements(read_tokens(text)) for token in statement.code]
    kept = iter(tokens)
    assert all(token in kept for token in in_statements)
    left = len(tokens) - len(in_statements)
    assert left <= sum(token.text == ";" for token in tokens)


@pytest.mark.parametrize("content", ["", "a", "it''s", "--", "/*", "$$", '"', "a\nb", ";"])
def test_a_string_is_one_token_whatever_is_in_it(content: str) -> None:
    for prefix in ("", "N", "b", "X", "u&", "U&"):
        assert kinds(f"{prefix}'{content}'") == [("string", f"{prefix}'{content}'")]


@pytest.mark.parametrize("content", [r"\'", r"\\", r"a\'--", "''", r"\n''\'"])
def test_a_backslash_hides_a_quote_in_an_escape_string_alone(content: str) -> None:
    assert kinds(f"e'{content}'") == [("string", f"e'{content}'")]
    assert kinds(r"'\' a") == [("string", r"'\'"), ("name", "a")]


def test_a_string_goes_on_behind_a_line_break_in_its_own_kind() -> None:
    text = "E'a' -- more\n 'b\\'c'"
    assert kinds(text) == [("string", text)]
    assert len(kinds("'a' 'b'")) == 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Proj_API", "proj_api"),
        ('"Proj_API"', "Proj_API"),
        ('"a""b"', 'a"b'),
        (r'U&"proj\005fapi"', "proj_api"),
        (r'u&"\+00005F\\"', "_\\"),
        ("Größe", "größe"),
        ("ÄB", "Äb"),
        ("a$b", "a$b"),
    ],
)
def test_a_name_is_what_the_server_takes_it_for(text: str, name: str) -> None:
    (token,) = read_tokens(text)
    assert token.name == name


@pytest.mark.parametrize("text", ["$$a$$", "$q$ $$ ' $q$", "$_1$;$_1$", "$é$ $e$ $é$"])
def test_a_dollar_string_ends_at_its_own_tag(text: str) -> None:
    assert kinds(text) == [("dollar string", text)]


def test_dollars_within_a_name_or_before_a_number_begin_no_string() -> None:
    assert kinds("a$$b") == [("name", "a$$b")]
    assert kinds("$1 $2") == [("parameter", "$1"), ("parameter", "$2")]


def test_comments_nest_and_end_a_line() -> None:
    assert kinds("/* a /* b */ ; */ c") == [("comment", "/* a /* b */ ; */"), ("name", "c")]
    assert kinds("a -- ';\nb")[1:] == [("comment", "-- ';"), ("name", "b")]
    assert [text for _, text in kinds("a<--b")] == ["a", "<", "--b"]


@pytest.mark.parametrize("text", ["'a", "e'\\'", '"a', "$$ a", "$a$ $$", "/* /* */", "u&'", 'U&"x'])
def test_what_does_not_end_is_told(text: str) -> None:
    assert [kind for kind, _ in kinds(f"b {text}")] == ["name", "unfinished"]


@pytest.mark.parametrize("text", ["1", "1.5", ".5", "1.", "1e10", "1.5E-3", "0x1F", "0b101", "0o17", "1_000"])
def test_a_number_is_one_token(text: str) -> None:
    assert kinds(text) == [("number", text)]


def test_a_range_is_no_number_with_two_points() -> None:
    assert [text for _, text in kinds("1..10")] == ["1", "..", "10"]


def test_a_space_beyond_ascii_is_a_letter_as_for_the_server() -> None:
    assert kinds("a\u00a0b") == [("name", "a\u00a0b")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a; b", ["a", "b"]),
        ("a;;\n;b;", ["a", "b"]),
        ("-- nothing\n;/* at all */", []),
        ("a ';' \";\" $$;$$ /*;*/ -- ;\n; b", ["a ';' \";\" $$;$$ /*;*/ -- ;", "b"]),
        ("CREATE RULE r AS ON INSERT TO t DO (a; b); c", ["CREATE RULE r AS ON INSERT TO t DO (a; b)", "c"]),
        ("BEGIN; a; END; b", ["BEGIN", "a", "END", "b"]),
    ],
)
def test_a_semicolon_ends_a_statement_where_it_is_one(text: str, expected: list[str]) -> None:
    assert statements(text) == expected


@pytest.mark.parametrize("head", ["CREATE FUNCTION f()", "create or replace procedure p()"])
def test_the_body_of_a_routine_in_the_standards_form_is_part_of_it(head: str) -> None:
    body = "BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT CASE x WHEN 1 THEN CASE WHEN b THEN 2 END END; END"
    assert statements(f"{head} {body}; SELECT 1;") == [f"{head} {body}", "SELECT 1"]


def test_key_words_that_are_names_end_no_body() -> None:
    body = "BEGIN ATOMIC INSERT INTO t SELECT 1 AS end; SELECT t.case, t . end FROM t; END"
    assert statements(f"CREATE FUNCTION f() {body}; SELECT 1") == [f"CREATE FUNCTION f() {body}", "SELECT 1"]


def test_a_statement_tells_the_line_of_its_first_word() -> None:
    text = "a;\n\n-- why\n/* and\nhow */ b\n;c"
    assert [statement.line for statement in read_statements(read_tokens(text))] == [1, 5, 6]


def test_a_long_text_takes_time_in_proportion() -> None:
    # A string of a million characters, and a comment of as many levels as one has: both of it in one go.
    text = "SELECT '" + "x''" * 300_000 + "'; " + "/*" * 10_000 + "*/" * 10_000
    assert [kind for kind, _ in kinds(text)] == ["name", "string", "symbol", "comment"]


@given(TEXTS)
@example("E'a'\n'b\\';'; c")
@example("/* /* ; */ ; */ a; b")
@example("a$$; b$$; $a$;$a$;")
@example('"";a')
def test_chunks_are_the_text_and_end_where_a_token_is_a_semicolon(text: str) -> None:
    chunks = list(read_chunks(text))
    assert "".join(chunks) == text
    ends = {token.offset for token in read_tokens(text) if token.text == ";"}
    position = 0
    for chunk in chunks[:-1]:
        position += len(chunk)
        assert position - 1 in ends
