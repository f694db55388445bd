"""The statements of a patch end where PostgreSQL's own lexer ends them."""

from pathlib import Path

import pytest

from versioning.masking import mask
from versioning.migrations.patches import Patch, PatchType
from versioning.migrations.statements import ScanError, find_faults, split

WHOLE = [
    "SELECT 'a;b'",
    "SELECT 'it''s; one'",
    r"SELECT E'a\';b'",
    r"SELECT E'\\'",
    r"SELECT 'a\'",
    r"SELECT U&'\0061;', B'1', X'1F', N'x;'",
    "SELECT 'a'\n  'b;c'",
    "SELECT E'a' -- why;\n  '\\';b'",
    "SELECT $$a;b$$",
    "SELECT $a$ $b$ ; $b$ $a$",
    "SELECT $é$;$é$",
    'SELECT 1 AS "a;""b"',
    "SELECT 1 /* a; /* b; */ c; */ + 2",
    "SELECT 1 -- a;\n + 2",
    "SELECT 1 +/* ; */2 *-- ;\n 3",
    "SELECT a$b$c FROM t WHERE a = $1",
    "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); INSERT INTO u VALUES (2))",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END",
    "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t SELECT 1 AS end; SELECT t.case FROM t; END",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$",
    "DO $$ BEGIN COMMIT; END $$",
]


def patch(text: str, kind: PatchType = "std") -> Patch:
    return Patch((1, 0, 0), kind, Path("patch-1-0-0-std.sql"), text, "")


@pytest.mark.parametrize("text", WHOLE)
def test_a_statement_is_not_split_at_a_semicolon_within_it(text: str) -> None:
    assert [one.text for one in split(text)] == [text]
    assert [one.text for one in split(f"{text};\n SELECT 1;; {text} ;")] == [text, "SELECT 1", text]


def test_a_statement_knows_its_line_and_needs_no_semicolon_at_the_end() -> None:
    first, second, third = split("-- one\n\nSELECT 1;\nSELECT\n  2;\n/* three\n*/ SELECT 3 -- end")
    assert (first.line, second.line, third.line) == (3, 4, 7)
    assert third.text == "SELECT 3"


def test_comments_alone_are_no_statement() -> None:
    assert split("-- nothing\n/* at all */ ;;\n") == ()
    assert find_faults(patch("-- nothing")) == ["patch-1-0-0-std.sql: it holds no statement"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("SELECT 1;\nSELECT 'a;", 2, "a string"),
        ("SELECT E'a\\';", 1, "a string"),
        ('\n\nSELECT "a;', 3, "a quoted name"),
        ("SELECT $x$ a; $y$", 1, "the string $x$"),
        ("SELECT 1;\n/* /* */", 2, "a comment"),
    ],
)
def test_what_does_not_end_is_told_with_the_line_of_its_beginning(text: str, line: int, what: str) -> None:
    with pytest.raises(ScanError) as raised:
        split(text)
    assert (raised.value.line, raised.value.what) == (line, what)
    assert find_faults(patch(text)) == [f"patch-1-0-0-std.sql: line {line}: {what} begins here and does not end"]


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("std", "\\set x 1\nSELECT 1", "line 1: a backslash command is psql's own"),
        ("std", "SELECT 1;\n\\echo x", "line 2: a backslash command"),
        ("std", "COPY t (a, b) FROM STDIN", "line 1: COPY FROM STDIN needs rows"),
        ("std", "copy (SELECT 1) to stdout", "line 1: COPY TO STDOUT gives rows"),
        ("std", "BEGIN;\nSELECT 1;\nCOMMIT", "line 1: BEGIN is not for a patch of type std: it runs in one"),
        ("direct", "SELECT 1; START TRANSACTION", "START TRANSACTION is not for a patch of type direct"),
        ("concurrent", "COMMIT", "COMMIT is not for a patch of type concurrent: each of its statements commits"),
        ("std", "ROLLBACK AND CHAIN", "ROLLBACK AND is not for"),
        ("std", "COMMIT PREPARED 'x'", "COMMIT PREPARED cannot run in a transaction"),
        ("concurrent", "CREATE INDEX CONCURRENTLY ON t (a)", "the index needs a name"),
    ],
)
def test_what_no_patch_may_hold_is_told_by_name_and_line(kind: PatchType, text: str, words: str) -> None:
    told = "\n".join(find_faults(patch(text, kind)))
    assert words in told


@pytest.mark.parametrize(
    "text",
    [
        "SAVEPOINT a; ROLLBACK TO SAVEPOINT a; ROLLBACK WORK TO a; RELEASE a",
        "COPY t FROM PROGRAM 'true'",
        "COPY t FROM '/stdin'",
        "SELECT '\\x' , E'\\\\'",
        "DO $$ BEGIN PERFORM 1; END $$",
    ],
)
def test_what_a_patch_may_hold_is_let_through(text: str) -> None:
    assert find_faults(patch(text)) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ALTER ROLE a PASSWORD 'b''c';", "ALTER ROLE a PASSWORD '****';"),
        (r"ALTER ROLE a password E'b\'c'", "ALTER ROLE a password E'****'"),
        ("CONNECTION 'host=h password=b user=u'", "CONNECTION 'host=h password=* user=u'"),
        ("CONNECTION 'password=b'", "CONNECTION 'password=*'"),
        ("ALTER ROLE a PASSWORD NULL", "ALTER ROLE a PASSWORD NULL"),
        ("ALTER ROLE a PASSWORD $$b$$", "ALTER ROLE a PASSWORD $$*$$"),
        ("ALTER ROLE a PASSWORD $x$b$$c$x$ LOGIN", "ALTER ROLE a PASSWORD $x$****$x$ LOGIN"),
        ("SELECT f(password => 'bc', x => 'd')", "SELECT f(password => '**', x => 'd')"),
        ("SELECT f(password:=E'bc')", "SELECT f(password:=E'**')"),
        ("SELECT f(password => $$bc$$)", "SELECT f(password => $$**$$)"),
        ("CONNECTION 'postgresql://u:b%c@h:5/d'", "CONNECTION 'postgresql://u:***@h:5/d'"),
        ("CONNECTION 'postgres://u@h/d?password=bc'", "CONNECTION 'postgres://u@h/d?password=**'"),
        ("CONNECTION 'postgresql://h:5/d'", "CONNECTION 'postgresql://h:5/d'"),
        ("SELECT n WHERE password >= 'a'", "SELECT n WHERE password >= 'a'"),
    ],
)
def test_passwords_are_starred_out(text: str, shown: str) -> None:
    assert mask(text) == shown
