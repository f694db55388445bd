"""insert_events: what clients of the original send is stored; anything else is refused and leaves no trace."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import pq, sql

from tests.servers import Server
from tests.slate import create_database, create_original

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[dict[str, str]]:
    """A source of ours and one of the original. Tests roll back what they write."""
    create_database(server, "insert_ours", "source")
    create_original(server, "insert_original")
    yield {"ours": "insert_ours", "original": "insert_original"}
    server.drop("insert_ours")
    server.drop("insert_original")


@pytest.fixture
def ours(server: Server, databases: dict[str, str]) -> Iterator[Connection]:
    with psycopg.connect(**server.parameters(databases["ours"])) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def original(server: Server, databases: dict[str, str]) -> Iterator[Connection]:
    with psycopg.connect(**server.parameters(databases["original"])) as connection:
        yield connection
        connection.rollback()


def insert(connection: Connection, values: str | None) -> Any:
    row = connection.execute("SELECT insert_events(%s)", [values]).fetchone()
    assert row is not None
    return row[0]


def stored(connection: Connection) -> list[tuple[Any, ...]]:
    """Ids and exact texts of the events."""
    return connection.execute("SELECT id, event::text FROM events ORDER BY id").fetchall()


def next_id(connection: Connection) -> Any:
    return connection.execute("SELECT id FROM id").fetchall()


def refusal(connection: Connection, values: str | None) -> psycopg.errors.Diagnostic:
    """What the refused call says. Nothing may be stored, and no id used."""
    before = stored(connection), next_id(connection)
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        insert(connection, values)
    assert (stored(connection), next_id(connection)) == before
    return caught.value.diag


def doubled(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def pg_format(text: str) -> str:
    """As the Node.js module pg-format quotes a literal."""
    quoted = doubled(text.replace("\\", "\\\\"))
    return "E" + quoted if "\\" in text else quoted


def rows(*literals: str) -> str:
    return ",".join(f"($1[{index}], $2, {literal})" for index, literal in enumerate(literals, start=1))


AWKWARD = json.dumps(
    {"quote": "it's ''twice''", "backslash": "a\\b\\\\", "double": '"', "line": "\n\t", "letter": "ä€😀"}
)

HONEST = {
    "readme": """($1[1], $2, '{"a": 1}'),($1[2], $2, '{"b": 2}')""",
    "one row": """($1[1], $2, '{"a": 1}')""",
    "a thousand rows": rows(*(doubled(json.dumps({"number": number})) for number in range(1000))),
    "no spaces": """($1[1],$2,'{"a": 1}'),($1[2],$2,'{"b": 2}')""",
    "white space": """ \n\t( $1[1] ,\r\n $2,\f '{"a": 1}' )\n , \n( $1[2] , $2, '{"b": 2}' ) \n""",
    "::json": """($1[1], $2, '{"a": 1}'::json)""",
    "::jsonb": """($1[1], $2, '{"a": 1}'::jsonb),($1[2], $2, '{"a": 1}' :: JSONB )""",
    "leading zero": """($1[01], $2, '{}'),($1[02], $2, '{}')""",
    "quotes doubled": rows(doubled(AWKWARD)),
    "pg-format": rows(pg_format(AWKWARD), pg_format("{}"), pg_format('"\\\\"')),
    "E'' without escapes": """($1[1], $2, E'{"a": "it''s"}'),($1[2], $2, e'1')""",
    "E'' beside a plain literal": """($1[1], $2, E'{"a": "x\\\\\\\\y"}'),($1[2], $2, '{"a": "x\\\\y"}')""",
    "quote ends a text": rows(doubled('"\'"'), doubled("[\"''\"]")),
    "scalars": rows("'1'", "'null'", "'true'", "'\"text\"'", "'[]'"),
    "syntax-like text": rows(doubled('{"a": "(1, now(), 2); -- /* $$ $1 ::jsonb"}')),
    "numbers": rows("'[1.0, 1.00, 1e5, 1E-7, 12345678901234567890.123456789]'"),
}


@pytest.mark.parametrize("values", HONEST.values(), ids=HONEST.keys())
def test_honest_calls_store_what_the_original_stores(ours: Connection, original: Connection, values: str) -> None:
    assert insert(ours, values) == insert(original, values)
    assert stored(ours) == stored(original)
    assert next_id(ours) == next_id(original)


@pytest.mark.parametrize("driver", ["psycopg", "libpq"])
def test_literals_quoted_by_the_drivers_come_back_equal(ours: Connection, original: Connection, driver: str) -> None:
    if driver == "psycopg":
        literal = sql.Literal(AWKWARD).as_string(ours)
    else:
        literal = pq.Escaping(ours.pgconn).escape_literal(AWKWARD.encode()).decode()
    assert literal.startswith(" E'")
    for connection in (ours, original):
        assert insert(connection, rows(literal, literal)) == 2
        assert connection.execute("SELECT DISTINCT event FROM events").fetchall() == [(json.loads(AWKWARD),)]


def test_the_readmes_statement_works_as_written(ours: Connection) -> None:
    statement = """SELECT insert_events($$($1[1], $2, '{"a": 1}'),($1[2], $2, '{"b": 2}')$$)"""
    assert ours.execute(statement).fetchone() == (2,)
    assert stored(ours) == [(1, '{"a": 1}'), (2, '{"b": 2}')]


def test_the_argument_can_be_named(ours: Connection) -> None:
    assert ours.execute("SELECT insert_events(insertValues := %s)", ["($1[1], $2, '1')"]).fetchone() == (1,)


def test_calls_of_one_statement_continue_each_other(ours: Connection) -> None:
    ours.execute("SELECT insert_events(%s) FROM generate_series(1, 3)", [rows("'1'", "'2'")])
    assert stored(ours) == [(1, "1"), (2, "2"), (3, "1"), (4, "2"), (5, "1"), (6, "2")]


def test_ids_continue_from_one_transaction_to_the_next(server: Server, name: str) -> None:
    create_database(server, name, "source")
    for _ in range(3):
        with server.connect(name) as connection:
            insert(connection, rows("'1'", "'2'"))
    with server.connect(name) as connection:
        assert [row[0] for row in stored(connection)] == [1, 2, 3, 4, 5, 6]
        assert next_id(connection) == [(7,)]


# The original's own refusals, by our SQLSTATE for each.
REFUSED_BY_BOTH = {
    "nothing": ("SL011", ""),
    "null": ("SL011", None),
    "ids of one's own": ("SL011", "(1, now(), '{}')"),
    "index without number": ("SL011", "($1[], $2, '{}')"),
    "index left out": ("SL012", "($1[1], $2, '{}'),($1[3], $2, '{}')"),
    "index twice": ("SL012", "($1[1], $2, '{}'),($1[1], $2, '{}')"),
    "index going down": ("SL012", "($1[2], $2, '{}'),($1[1], $2, '{}')"),
    "index from 2": ("SL013", "($1[2], $2, '{}'),($1[3], $2, '{}')"),
    "index from 7": ("SL013", rows(*["'{}'"] * 9).replace("($1[1], $2, '{}'),", "").replace("($1[2], $2, '{}'),", "")),
    "ts in a row": ("SL014", "($1[1], $2, '{}'),($1[2], now(), '{}')"),
    "no ts": ("SL014", "($1[1], '{}')"),
    "ts twice": ("SL014", "($1[1], $2, $2, '{}')"),
    "space behind $2": ("SL014", "($1[1], $2 , '{}')"),
}


@pytest.mark.parametrize(("sqlstate", "values"), REFUSED_BY_BOTH.values(), ids=REFUSED_BY_BOTH.keys())
def test_refusals_of_the_original_have_its_message_and_hint(
    ours: Connection, original: Connection, sqlstate: str, values: str | None
) -> None:
    said, expected = refusal(ours, values), refusal(original, values)
    assert expected.sqlstate == "P0001"
    assert said.sqlstate == sqlstate
    assert said.message_primary == expected.message_primary
    assert said.message_hint == expected.message_hint


REFUSED_BY_POSTGRESQL = {
    "not JSON": ("22P02", "($1[1], $2, 'nonsense')"),
    "last event not JSON": ("22P02", "($1[1], $2, '{}'),($1[2], $2, '{\"a\": }')"),
    "empty event": ("22P02", "($1[1], $2, ' ')"),
    "NUL in a JSON text": ("22P05", "($1[1], $2, '\"\\u0000\"')"),
}


@pytest.mark.parametrize(("sqlstate", "values"), REFUSED_BY_POSTGRESQL.values(), ids=REFUSED_BY_POSTGRESQL.keys())
def test_what_postgresql_refuses_is_refused_with_its_words(
    ours: Connection, original: Connection, sqlstate: str, values: str
) -> None:
    said, expected = refusal(ours, values), refusal(original, values)
    assert said.sqlstate == expected.sqlstate == sqlstate
    assert said.message_primary == expected.message_primary
    assert said.message_detail == expected.message_detail


def test_an_index_that_is_no_bigint_is_refused_like_any_wrong_one(ours: Connection, original: Connection) -> None:
    values = "($1[99999999999999999999], $2, '{}')"
    assert refusal(original, values).sqlstate == "22003"
    said = refusal(ours, values)
    assert said.sqlstate == "SL013"
    assert said.message_primary == (
        "Number of rows to be inserted (1) does not match the highest row index (99999999999999999999)"
    )


NOT_ROWS = {
    "a row of one's own": "($1[1], $2, '{}'), (77, now(), '{}')",
    "a statement": "($1[1], $2, '{}'); DROP TABLE id; --",
    "a comment": "($1[1], $2, '{}') -- done",
    "a block comment": "($1[1], $2, /* event */ '{}')",
    "a returning clause": "($1[1], $2, '{}') RETURNING id",
    "a conflict clause": "($1[1], $2, '{}') ON CONFLICT DO NOTHING",
    "an expression": "($1[1] + 1, $2, '{}')",
    "a concatenation": "($1[1], $2, '{}' || '{}')",
    "a function": "($1[1], $2, to_jsonb('{}'))",
    "a subquery": "($1[1], $2, (SELECT '{}'))",
    "another cast": "($1[1], $2, '{}'::text)",
    "two casts": "($1[1], $2, '{}'::json::jsonb)",
    "a typed literal": "($1[1], $2, jsonb '{}')",
    "a dollar-quoted literal": "($1[1], $2, $${}$$)",
    "a Unicode literal": "($1[1], $2, U&'{}')",
    "a national literal": "($1[1], $2, N'{}')",
    "a literal over two lines": "($1[1], $2, '{'\n'}')",
    "a quote behind a backslash": r"""($1[1], $2, E'{"a": "it\'s"}')""",
    "E apart from its literal": "($1[1], $2, E '{}')",
    "an empty literal": "($1[1], $2, '')",
    "a parameter": "($1[1], $2, $2)",
    "a missing parenthesis": "($1[1], $2, '{}'",
    "a missing comma": "($1[1], $2, '{}') ($1[2], $2, '{}')",
    "a comma at the end": "($1[1], $2, '{}'),",
    "an open literal": "($1[1], $2, '{}",
    "an open literal behind the rows": "($1[1], $2, '{}')'",
    "an event in an open literal behind the rows": '($1[1], $2, \'{"a": 1}\')\'{"b": 2}',
    "an open literal behind a quote": "($1[1], $2, '{}')'''",
    "quotes for an identifier": '($1[1], $2, "event")',
    "a no-break space": "($1[1],\u00a0$2, '{}')",
}


@pytest.mark.parametrize("values", NOT_ROWS.values(), ids=NOT_ROWS.keys())
def test_anything_but_rows_is_refused(ours: Connection, values: str) -> None:
    said = refusal(ours, values)
    assert said.sqlstate == "SL015"
    assert said.message_primary == "Rows to be inserted are not all of the form ($1[x], $2, 'event')"
    assert said.message_hint is not None
    assert "append_events" in said.message_hint


@pytest.mark.parametrize("event", [r"\x41", r"\n", r"\u0041", "\\\\\\", r"\101"])
def test_escapes_of_an_escape_literal_other_than_a_backslash_are_refused(ours: Connection, event: str) -> None:
    said = refusal(ours, f"""($1[1], $2, '1'),($1[2], $2, E'{{"a": "{event}''"}}')""")
    assert said.sqlstate == "SL016"
    assert said.message_primary == "Event 2 is an E'' literal with an escape other than a doubled backslash"


def test_an_escape_at_the_begin_of_an_escape_literal_is_refused(ours: Connection) -> None:
    assert refusal(ours, r"($1[1], $2, E'\x31')").sqlstate == "SL016"


def test_the_character_that_stands_for_a_quote_cannot_be_smuggled_in(ours: Connection) -> None:
    said = refusal(ours, "($1[1], $2, '\"\x01\"')")
    assert said.sqlstate == "SL017"
    assert said.message_primary == "Control character 0x01 in the rows to be inserted"
    assert said.message_hint == r"JSON has it inside a string as \u0001."


def test_a_failure_uses_no_id(ours: Connection) -> None:
    refusal(ours, rows("'1'", "'2'", "'broken"))
    refusal(ours, rows("'1'", "'2'", "'broken'"))
    insert(ours, rows("'1'"))
    assert stored(ours) == [(1, "1")]


def test_a_failure_that_the_caller_handles_uses_no_id(ours: Connection) -> None:
    ours.execute("""DO $do$ BEGIN
        PERFORM public.insert_events($$($1[1], $2, 'broken')$$);
    EXCEPTION WHEN OTHERS THEN
        PERFORM public.insert_events($$($1[1], $2, '"stored"')$$);
    END $do$""")
    assert stored(ours) == [(1, '"stored"')]


class TestWithoutStandardConformingStrings:
    """Clients of old servers switch standard_conforming_strings off, which changes what a backslash means."""

    @pytest.fixture
    def ours(self, ours: Connection) -> Connection:
        ours.execute("SET standard_conforming_strings = off")
        return ours

    @pytest.mark.parametrize("literal", ["'{\"a\": \"it''s\"}'", "E'{\"a\": \"it''s\"}'", "'1'::json"])
    def test_events_without_backslashes_are_stored(self, ours: Connection, literal: str) -> None:
        assert insert(ours, rows(literal)) == 1
        assert len(stored(ours)) == 1

    def test_the_original_could_store_nothing(self, original: Connection) -> None:
        original.execute("SET standard_conforming_strings = off")
        assert refusal(original, rows("'1'")).sqlstate == "2201B"

    @pytest.mark.parametrize("literal", [r"""'"\\n"'""", r"""E'"\\n"'""", r"""'"\'"'"""])
    def test_a_backslash_is_refused_instead_of_guessed_at(self, ours: Connection, literal: str) -> None:
        said = refusal(ours, rows(literal))
        assert said.sqlstate == "SL018"
        assert said.message_primary == "Backslash in the rows to be inserted while standard_conforming_strings is off"

    def test_our_functions_give_no_warning_and_the_same_hint(self, ours: Connection) -> None:
        warnings: list[str | None] = []
        ours.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
        insert(ours, rows("'1'", "E'2'"))
        assert refusal(ours, "\x01").message_hint == r"JSON has it inside a string as \u0001."
        assert warnings == []
