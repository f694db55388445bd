"""append_events: a JSON array is stored in order, or nothing of it is."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.servers import Server
from tests.slate import create_database

Connection = psycopg.Connection[tuple[Any, ...]]
INSERT = "SELECT insert_events($$($1[1], $2, '\"inserted\"')$$)"


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """A new source, for tests that roll back."""
    create_database(server, "append_source", "source")
    yield "append_source"
    server.drop("append_source")


@pytest.fixture
def source(server: Server, database: str) -> Iterator[Connection]:
    with psycopg.connect(**server.parameters(database)) as connection:
        yield connection
        connection.rollback()


def append(connection: Connection, events: str | None) -> tuple[Any, ...]:
    row = connection.execute("SELECT * FROM append_events(%s::text::jsonb)", [events]).fetchone()
    assert row is not None
    return row


def stored(connection: Connection) -> list[tuple[Any, ...]]:
    """Ids and exact texts of the events."""
    return connection.execute("SELECT id, event::text FROM events ORDER BY id").fetchall()


def refusal(connection: Connection, events: str | None) -> psycopg.errors.Diagnostic:
    """What the refused call says. Nothing may be stored, and no id used."""
    before = stored(connection), connection.execute("SELECT id FROM id").fetchall()
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        append(connection, events)
    assert (stored(connection), connection.execute("SELECT id FROM id").fetchall()) == before
    return caught.value.diag


@pytest.mark.parametrize("count", [1, 2, 1000, 20000])
def test_events_are_stored_in_the_order_of_the_array(source: Connection, count: int) -> None:
    first_id, last_id, _ = append(source, json.dumps(list(range(count))))
    assert (first_id, last_id) == (1, count)
    assert stored(source) == [(id, str(id - 1)) for id in range(1, count + 1)]
    assert source.execute("SELECT id FROM id").fetchone() == (count + 1,)


def test_the_result_names_ids_and_ts_of_the_events(source: Connection) -> None:
    append(source, "[1, 2]")
    result = source.execute("SELECT * FROM append_events(events := '[3, 4, 5]')")
    assert [column.name for column in result.description or ()] == ["first_id", "last_id", "ts"]
    first_id, last_id, ts = result.fetchone() or ()
    assert (first_id, last_id) == (3, 5)
    assert source.execute("SELECT DISTINCT ts FROM events").fetchall() == [(ts,)]


def test_it_goes_on_behind_insert_events_and_the_other_way_round(source: Connection) -> None:
    source.execute(INSERT)
    assert append(source, '["appended"]')[:2] == (2, 2)
    source.execute(INSERT)
    assert stored(source) == [(1, '"inserted"'), (2, '"appended"'), (3, '"inserted"')]
    assert source.execute("SELECT count(DISTINCT ts) FROM events").fetchone() == (1,)


def test_ids_go_on_from_one_session_to_the_next(server: Server, name: str) -> None:
    create_database(server, name, "source")
    found = []
    for _ in range(3):
        with server.connect(name) as connection:
            found.append(append(connection, '["a", "b"]'))
    assert [row[:2] for row in found] == [(1, 2), (3, 4), (5, 6)]
    assert found[0][2] < found[1][2] < found[2][2]


def test_calls_of_one_statement_continue_each_other(source: Connection) -> None:
    source.execute("SELECT append_events(to_jsonb(ARRAY[n, n])) FROM generate_series(1, 3) AS n")
    assert stored(source) == [(1, "1"), (2, "1"), (3, "2"), (4, "2"), (5, "3"), (6, "3")]


@pytest.mark.parametrize(
    "event",
    ["null", "true", "0", "1.00", "1E+400", '""', "[]", "{}", "[[1], [2]]", '{"a": {"b": [null]}}', '"$1[9], $2, \'"'],
)
def test_any_document_can_be_an_event(source: Connection, event: str) -> None:
    append(source, f"[{event}, {event}]")
    text = source.execute("SELECT %s::text::jsonb::text", [event]).fetchone()
    assert text is not None
    assert stored(source) == [(1, text[0]), (2, text[0])]


def test_an_event_of_a_megabyte_is_stored(source: Connection) -> None:
    append(source, json.dumps([{"text": "ä" * 500_000}]))
    assert source.execute("SELECT length(event ->> 'text') FROM events").fetchone() == (500_000,)


@pytest.mark.parametrize(
    ("events", "type"),
    [
        ('{"a": 1}', "object"),
        ('"text"', "string"),
        ("1", "number"),
        ("true", "boolean"),
        ("null", "null"),
        (None, "NULL"),
    ],
)
def test_anything_but_an_array_is_refused(source: Connection, events: str | None, type: str) -> None:
    said = refusal(source, events)
    assert said.sqlstate == "SL021"
    assert said.message_primary == f"Events to append are not a JSON array but {type}"
    assert said.message_hint == "One event is an array of one."


def test_an_empty_array_is_refused(source: Connection) -> None:
    said = refusal(source, "[]")
    assert said.sqlstate == "SL022"
    assert said.message_primary == "No events to append"
    assert said.message_hint == "The JSON array has no element."


def test_what_is_not_json_is_refused_in_postgresqls_words(source: Connection) -> None:
    said = refusal(source, "[1, ")
    assert said.sqlstate == "22P02"
    assert said.message_primary == "invalid input syntax for type json"


def test_a_failure_of_the_last_event_stores_none_and_uses_no_id(source: Connection) -> None:
    append(source, "[1]")
    source.execute("ALTER TABLE events ADD CHECK (event <> '9')")
    assert refusal(source, "[2, 3, 9]").sqlstate == "23514"
    assert append(source, "[2]")[:2] == (2, 2)
    assert stored(source) == [(1, "1"), (2, "2")]


def test_a_rolled_back_call_uses_no_id(source: Connection) -> None:
    source.execute("SELECT 'begins the transaction'")
    with source.transaction(force_rollback=True):
        append(source, "[1, 2, 3]")
    assert append(source, '["first"]')[:2] == (1, 1)


def test_a_refused_call_inside_a_plpgsql_block_uses_no_id(source: Connection) -> None:
    source.execute("""DO $do$ BEGIN
        PERFORM append_events('[]');
    EXCEPTION WHEN SQLSTATE 'SL022' THEN
        PERFORM append_events('["stored"]');
    END $do$""")
    assert stored(source) == [(1, '"stored"')]
