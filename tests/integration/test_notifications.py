"""Notifications: a listener hears of every event that is committed, in order, in the words of the original."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.servers import Server
from tests.slate import create_database, create_original

Connection = psycopg.Connection[tuple[Any, ...]]
# PostgreSQL takes payloads of up to this many bytes.
LARGEST = 7999
PARTS = ("entityName", "entityId", "operation", "propertyName", "metadata")


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    create_database(server, "notifications", "source")
    yield "notifications"
    server.drop("notifications")


@pytest.fixture
def writer(server: Server, database: str) -> Iterator[Connection]:
    with server.connect(database) as connection:
        yield connection


@pytest.fixture
def listener(server: Server, database: str) -> Iterator[Connection]:
    with server.connect(database) as connection:
        connection.execute("LISTEN eventsinsert")
        yield connection


def insert(connection: Connection, *events: Any) -> None:
    literals = ("'" + json.dumps(event, ensure_ascii=False).replace("'", "''") + "'" for event in events)
    values = ",".join(f"($1[{index}],$2,{literal})" for index, literal in enumerate(literals, start=1))
    # As one parameter: an E'' literal would have to double the backslashes.
    connection.execute("SELECT insert_events(%s)", [values])


def append(connection: Connection, *events: Any) -> int:
    """Stores the events. Returns the id of the first."""
    row = connection.execute("SELECT first_id FROM append_events(%s::text::jsonb)", [json.dumps(events)]).fetchone()
    assert row is not None
    first_id: int = row[0]
    return first_id


def heard(listener: Connection) -> list[str]:
    """The payloads that the listener got until now."""
    listener.execute("SELECT pg_notify('eventsinsert', 'end')")
    payloads = (notification.payload for notification in listener.notifies(timeout=30))
    return list(itertools.takewhile(lambda payload: payload != "end", payloads))


def next_id(connection: Connection) -> int:
    row = connection.execute("SELECT id FROM id").fetchone()
    assert row is not None
    id: int = row[0]
    return id


def payload(id: int, event: Any, **more: Any) -> dict[str, Any]:
    return {"table": "events", "id": id, **more, "event": event}


def truncated(id: int, event: Any) -> dict[str, Any]:
    return payload(id, event, truncated=True)


def size(text: str) -> int:
    return len(text.encode())


def compact_size(value: dict[str, Any]) -> int:
    """Bytes of the payload in PostgreSQL's form: spaces around the outer colons alone, and jsonb's own inside."""
    outer = {"table": value["table"], "id": value["id"], **({"truncated": True} if "truncated" in value else {})}
    parts = [f'"{key}" : {json.dumps(part)}' for key, part in outer.items()]
    parts.append(f'"event" : {json.dumps(value["event"], ensure_ascii=False)}')
    return size("{" + ", ".join(parts) + "}")


def filled(template: dict[str, Any], target: int, filler: str, key: str, *, shorten: bool = False) -> dict[str, Any]:
    """The payload with its event's text under the key made so long that the whole has the target size, in bytes."""
    missing = target - compact_size({**template, "event": {**template["event"], key: ""}})
    count, rest = divmod(missing, size(filler))
    return {**template, "event": {**template["event"], key: filler * count + "x" * rest}}


def test_payloads_are_the_originals_to_the_letter(server: Server, name: str) -> None:
    events: list[Any] = [
        {"entityName": "Person", "b": 1, "a": [1, {"c": None}]},
        {"text": 'it\'s "quoted" \\ ä€😀 \n\t\x01'},
        *("text", 1.5, None, True, [], {}, {"$1[1]": "$2,"}),
    ]
    payloads = []
    for create in (create_original, lambda server, name: create_database(server, name, "source")):
        create(server, name)
        with server.connect(name) as listener, server.connect(name) as writer:
            listener.execute("LISTEN eventsinsert")
            # One a call, since the original takes what looks like a parameter for one.
            for event in events[:-1]:
                insert(writer, event)
            payloads.append(heard(listener))
    assert len(payloads[0]) == len(events) - 1
    assert payloads[0] == payloads[1]
    assert payloads[0][0] == (
        '{"table" : "events", "id" : 1, "event" : {"a": [1, {"c": null}], "b": 1, "entityName": "Person"}}'
    )


def test_a_listener_hears_of_every_event_in_order(writer: Connection, listener: Connection) -> None:
    first = next_id(writer)
    insert(writer, *range(1000))
    append(writer, *range(1000, 2000))
    assert [json.loads(text) for text in heard(listener)] == [payload(first + n, n) for n in range(2000)]


def test_a_transaction_is_heard_of_when_it_commits(writer: Connection, listener: Connection) -> None:
    first = next_id(writer)
    with writer.transaction():
        append(writer, "one")
        insert(writer, "two")
        assert heard(listener) == []
    assert [json.loads(text) for text in heard(listener)] == [payload(first, "one"), payload(first + 1, "two")]


def test_nothing_is_heard_of_what_is_rolled_back(writer: Connection, listener: Connection) -> None:
    with writer.transaction(force_rollback=True):
        append(writer, "undone")
        insert(writer, {"text": "x" * 9000})
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        writer.execute("SELECT insert_events($$($1[1], $2, '{}'),($1[2], $2, 'broken')$$)")
    assert heard(listener) == []


def test_only_what_a_savepoint_left_is_heard_of(writer: Connection, listener: Connection) -> None:
    first = next_id(writer)
    with writer.transaction():
        append(writer, "kept")
        with writer.transaction(force_rollback=True):
            append(writer, "undone", "undone too")
        append(writer, "kept too")
    assert [json.loads(text) for text in heard(listener)] == [payload(first, "kept"), payload(first + 1, "kept too")]


@pytest.mark.parametrize("filler", ["x", "ä", "€", "😀"])
def test_a_payload_of_the_largest_size_is_sent_whole(writer: Connection, listener: Connection, filler: str) -> None:
    largest = filled(payload(next_id(writer), {"operation": "create"}), LARGEST, filler, "text")
    append(writer, largest["event"])
    (text,) = heard(listener)
    assert size(text) == LARGEST
    assert json.loads(text) == largest


@pytest.mark.parametrize("filler", ["x", "ä", "€", "😀"])
def test_a_byte_more_makes_it_truncated(writer: Connection, listener: Connection, filler: str) -> None:
    id = next_id(writer)
    event = filled(payload(id, {"operation": "create"}), LARGEST + 1, filler, "text")["event"]
    append(writer, event)
    assert [json.loads(text) for text in heard(listener)] == [truncated(id, {"operation": "create"})]
    assert writer.execute("SELECT event FROM events WHERE id = %s", [id]).fetchone() == (event,)


def test_the_original_draws_the_line_at_the_same_byte(server: Server, name: str) -> None:
    create_original(server, name)
    with psycopg.connect(**server.parameters(name)) as writer:
        insert(writer, filled(payload(1, {}), LARGEST, "ä", "text")["event"])
        writer.rollback()
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="payload string too long"):
            insert(writer, filled(payload(1, {}), LARGEST + 1, "ä", "text")["event"])


def test_a_truncated_payload_is_spelled_like_a_whole_one(writer: Connection, listener: Connection) -> None:
    id = append(writer, {"operation": "create", "text": "x" * 8000})
    assert heard(listener) == [
        f'{{"table" : "events", "id" : {id}, "truncated" : true, "event" : {{"operation": "create"}}}}'
    ]


def test_the_parts_that_listeners_need_are_kept(writer: Connection, listener: Connection) -> None:
    parts = {part: f"{part} ä€😀" for part in PARTS} | {"metadata": {"command": "Create", "deep": [1, {"a": None}]}}
    id = append(writer, {**parts, "text": "x" * 8000, "other": 1})
    assert [json.loads(text) for text in heard(listener)] == [truncated(id, parts)]


def test_parts_that_an_event_lacks_are_left_out_and_null_is_kept(writer: Connection, listener: Connection) -> None:
    id = append(writer, {"entityId": None, "metadata": {}, "text": "x" * 8000})
    assert [json.loads(text) for text in heard(listener)] == [truncated(id, {"entityId": None, "metadata": {}})]


@pytest.mark.parametrize("large", PARTS)
def test_a_part_that_is_too_large_is_left_out_and_the_others_kept(
    writer: Connection, listener: Connection, large: str
) -> None:
    parts: dict[str, Any] = dict.fromkeys(PARTS, "small")
    id = append(writer, {**parts, large: "€" * 3000})
    del parts[large]
    assert [json.loads(text) for text in heard(listener)] == [truncated(id, parts)]


@pytest.mark.parametrize("filler", ["x", "ä", "€", "😀"])
@pytest.mark.parametrize("excess", [0, 1])
def test_a_part_is_kept_up_to_the_last_byte(
    *, writer: Connection, listener: Connection, filler: str, excess: int
) -> None:
    template = truncated(next_id(writer), {"entityId": "id"})
    whole = filled(template, LARGEST + excess, filler, "metadata")
    append(writer, {**whole["event"], "text": "x" * 100})
    (text,) = heard(listener)
    assert json.loads(text) == (template if excess else whole)
    assert excess or size(text) == LARGEST


@pytest.mark.parametrize("event", ["x" * 9000, ["x" * 9000], ["entityName"] * 1000], ids=["string", "array", "names"])
def test_a_large_event_that_is_no_object_keeps_nothing(writer: Connection, listener: Connection, event: Any) -> None:
    id = append(writer, event)
    assert [json.loads(text) for text in heard(listener)] == [truncated(id, {})]
    assert writer.execute("SELECT event FROM events WHERE id = %s", [id]).fetchone() == (event,)


def test_large_and_small_events_of_one_call_keep_their_order(writer: Connection, listener: Connection) -> None:
    first = next_id(writer)
    insert(writer, "small", {"text": "x" * 9000}, "small", {"operation": "o", "text": "x" * 9000})
    assert [json.loads(text) for text in heard(listener)] == [
        payload(first, "small"),
        truncated(first + 1, {}),
        payload(first + 2, "small"),
        truncated(first + 3, {"operation": "o"}),
    ]
