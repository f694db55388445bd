"""Any JSON document comes back equal, and no text makes insert_events store anything but what it says it stored."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers import Server
from tests.slate import create_database, create_original

Connection = psycopg.Connection[tuple[Any, ...]]

settings.register_profile("servers", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
SERVERS = settings.get_profile("servers")

AWKWARD = [
    *("$1[9]", "$1[1], $2, '", "$2,", "$$", "$1", "'", "''", "'), ($1[2], $2, '", "E'", '"', "\\", "\\\\", "\\'"),
    *("\x01", "\x7f", "\n", "\\u0000", "; DROP TABLE id; --", "/*", "::jsonb", "%s", "{}", "ä€😀", "\u2028"),
]
TEXTS = st.one_of(
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20),
    st.lists(st.sampled_from(AWKWARD), max_size=4).map("".join),
)
STRINGS = st.tuples(TEXTS, st.booleans()).map(lambda pair: json.dumps(pair[0], ensure_ascii=pair[1]))
NUMBERS = st.one_of(
    st.sampled_from(["0", "-0", "1.0", "1.00", "1e5", "1E-7", "9007199254740993", "1e400", "0.1000"]),
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?\Z").filter(str.isascii),
)
SPACE = st.sampled_from(["", "", " ", "\n", "\t\r"])


def array(parts: list[str], space: str) -> str:
    return f"[{space}{f'{space},'.join(parts)}]{space}"


def json_object(parts: list[tuple[str, str]], space: str) -> str:
    return "{" + space + f",{space}".join(f"{key}{space}:{space}{value}" for key, value in parts) + "}"


DOCUMENTS = st.recursive(
    st.one_of(st.sampled_from(["null", "true", "false"]), NUMBERS, STRINGS),
    lambda inner: st.one_of(
        st.builds(array, st.lists(inner, max_size=4), SPACE),
        st.builds(json_object, st.lists(st.tuples(STRINGS, inner), max_size=4), SPACE),
    ),
    max_leaves=12,
)

FRAGMENTS = [
    *("$1[1]", "$1[2]", "$2", "$2,", ", ", "(", ")", "'", "''", "'{}'", "'1'", "E'1'", "E'", "e'", '"', "\\", "\\\\"),
    *("::json", "::jsonb", "::text", "$$", "$a$", "--", "/*", "*/", ";", "||", " ", "\n", "\u00a0", "\x01", "[", "]"),
    *("now()", "null", "DEFAULT", "SELECT", "(SELECT 1)", "UNION ALL SELECT", "RETURNING id", "ON CONFLICT DO NOTHING"),
    *("DROP TABLE id;", "1", "$1[01]", "$1[99999999999999999999]", "U&'", "B'", "{}", "($1[1], $2, '1')", "x", "€"),
]
ANY_TEXT = st.one_of(
    st.text(st.sampled_from("$12[](),'\"Ee:; -"), max_size=40),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
)


def quoted(document: str) -> str:
    return "'" + document.replace("'", "''") + "'"


def escaped(document: str) -> str:
    return " E" + quoted(document.replace("\\", "\\\\"))


def rows(literals: list[str]) -> str:
    return ",".join(f"($1[{index}], $2, {literal})" for index, literal in enumerate(literals, start=1))


VALID_CALLS = st.lists(
    st.one_of(
        st.sampled_from(["'1'", "'{}'", "'\"it''s\"'::json", "E'\"\\\\n\"'", "'\"$1[9] $2, ()\"' :: jsonb"]),
        st.builds(quoted, DOCUMENTS),
        st.builds(escaped, DOCUMENTS),
    ),
    min_size=1,
    max_size=4,
).map(rows)


@st.composite
def mutated_calls(draw: st.DrawFn) -> str:
    """A valid call with one to three pieces cut out, doubled or replaced."""
    text = draw(VALID_CALLS)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 1, 2, 5, 20])))
        piece = draw(st.one_of(st.just(""), st.just(text[start:end] * 2), st.sampled_from(FRAGMENTS)))
        text = text[:start] + piece + text[end:]
    # A literal that never ends, behind rows that may all be well.
    return text + draw(st.one_of(st.just(""), DOCUMENTS.map(lambda document: f"'{document}")))


class Databases(NamedTuple):
    """Connections to a source of ours and to one of the original. Both are empty: examples are rolled back."""

    ours: Connection
    original: Connection


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[Databases]:
    create_database(server, "properties_ours", "source")
    create_original(server, "properties_original")
    with (
        psycopg.connect(**server.parameters("properties_ours")) as ours,
        psycopg.connect(**server.parameters("properties_original")) as original,
    ):
        yield Databases(ours, original)
        ours.rollback()
        original.rollback()
    server.drop("properties_ours")
    server.drop("properties_original")


def insert(connection: Connection, values: str) -> int:
    (row,) = connection.execute("SELECT insert_events(%s)", [values]).fetchall()
    count: int = row[0]
    return count


def stored(connection: Connection) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in connection.execute("SELECT id, event::text FROM events ORDER BY id")]


def next_id(connection: Connection) -> int:
    (row,) = connection.execute("SELECT id FROM id").fetchall()
    number: int = row[0]
    return number


def as_jsonb(connection: Connection, documents: list[str]) -> list[tuple[int, str]]:
    """What PostgreSQL itself makes of the documents, numbered from 1."""
    query = "SELECT n, d::jsonb::text FROM unnest(%s::text[]) WITH ORDINALITY AS t (d, n) ORDER BY n"
    return [(row[0], row[1]) for row in connection.execute(query, [documents])]


@settings(SERVERS, max_examples=300)
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=5))
def test_any_documents_come_back_equal_through_insert_events(databases: Databases, documents: list[str]) -> None:
    with databases.ours.transaction(force_rollback=True):
        assert insert(databases.ours, rows([quoted(document) for document in documents])) == len(documents)
        assert stored(databases.ours) == as_jsonb(databases.ours, documents)


@settings(SERVERS, max_examples=200)
@given(documents=st.lists(st.tuples(DOCUMENTS, st.sampled_from([quoted, escaped])), min_size=1, max_size=5))
def test_documents_come_back_equal_however_each_is_quoted(databases: Databases, documents: list[Any]) -> None:
    with databases.ours.transaction(force_rollback=True):
        insert(databases.ours, rows([quote(document) for document, quote in documents]))
        assert stored(databases.ours) == as_jsonb(databases.ours, [document for document, _ in documents])


@settings(SERVERS, max_examples=200)
@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=5))
def test_any_documents_come_back_equal_through_append_events(databases: Databases, documents: list[str]) -> None:
    with databases.ours.transaction(force_rollback=True):
        query = "SELECT first_id, last_id FROM append_events(%s::jsonb)"
        answer = databases.ours.execute(query, [f"[{','.join(documents)}]"]).fetchall()
        assert answer == [(1, len(documents))]
        assert stored(databases.ours) == as_jsonb(databases.ours, documents)


def assert_stored_or_refused(databases: Databases, values: str) -> None:
    """Either as many events as the answer says, and the original's where it takes the call; or an error, no trace."""
    ours, original = databases
    with ours.transaction(force_rollback=True):
        ours.execute("SELECT append_events('[\"earlier\"]')")
        try:
            with ours.transaction():
                count = insert(ours, values)
        except psycopg.Error as error:
            assert error.sqlstate is not None
            assert error.sqlstate[:2] in {"SL", "22", "42"}
            assert (stored(ours), next_id(ours)) == ([(1, '"earlier"')], 2)
            return
        events = stored(ours)[1:]
        assert [number for number, _ in events] == list(range(2, 2 + count))
        assert next_id(ours) == 2 + count
    with original.transaction(force_rollback=True):
        try:
            with original.transaction():
                assert insert(original, values) == count
                assert [text for _, text in stored(original)] == [text for _, text in events]
        except psycopg.Error:
            # Text of an event that looks like a parameter, for one.
            return


@settings(SERVERS, max_examples=500)
@given(values=ANY_TEXT)
def test_any_text_is_stored_as_counted_or_refused_without_a_trace(databases: Databases, values: str) -> None:
    assert_stored_or_refused(databases, values)


@settings(SERVERS, max_examples=700)
@given(values=mutated_calls())
def test_a_damaged_call_is_stored_as_counted_or_refused_without_a_trace(databases: Databases, values: str) -> None:
    assert_stored_or_refused(databases, values)
