"""Two events tables are identical, or each event that differs is told: which, where, and how."""

import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from init_slate_db.core.addresses import Address, reach
from init_slate_db.core.digests.extent import Extent, count_expected, measure
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import ConnectionOptions
from init_slate_db.core.snapshot import Snapshot
from recovery.diff.comparison import compare
from recovery.diff.rendering import as_text
from recovery.diff.result import Comparison, Difference, ValueDifference
from tests.proxy import Proxy
from tests.servers import Server

EVENTS = 9000
TABLE = "CREATE TABLE public.events (id bigint PRIMARY KEY, ts timestamptz NOT NULL, event jsonb NOT NULL)"
WITHOUT_KEY = "CREATE TABLE public.events (id bigint, ts timestamptz, event jsonb)"
FILL = """
INSERT INTO public.events
SELECT n, '2026-01-01 00:00:00+00'::timestamptz + n * interval '1.001001 s',
       jsonb_build_object('entityName', 'Person', 'entityId', md5(n::text), 'value', n * 1.50,
                          'metadata', jsonb_build_object('command', 'add', 'list', jsonb_build_array(1, 2, 3, n)))
FROM generate_series(%s::bigint, %s::bigint) AS n
"""
FIRST = "INSERT INTO public.events VALUES (%s, '2026-01-01', %s)"


@dataclass
class Database:
    """One side of a comparison: a database whose table each test makes anew."""

    server: Server
    name: str
    connection: psycopg.Connection[tuple[object, ...]]

    def make(self, first: int = 1, last: int = EVENTS, table: str = TABLE) -> None:
        """A table with the same events wherever it is made."""
        self.connection.execute("DROP TABLE IF EXISTS public.events")
        self.connection.execute(table)
        self.connection.execute(FILL, (first, last))

    def do(self, statement: str, *parameters: object) -> None:
        self.connection.execute(statement.encode(), parameters)

    def snapshot(self, port: int | None = None) -> Snapshot:
        connection = ConnectionOptions(
            host="127.0.0.1", port=port or self.server.port, user="postgres", password=self.server.password
        )
        return Snapshot(reach(Address(connection, self.name), "slate-diff"))


@dataclass
class Pair:
    left: Database
    right: Database

    def make(self, first: int = 1, last: int = EVENTS, table: str = TABLE) -> None:
        self.left.make(first, last, table)
        self.right.make(first, last, table)

    def do(self, statement: str, *parameters: object) -> None:
        self.left.do(statement, *parameters)
        self.right.do(statement, *parameters)

    def compare(
        self, options: Settings | None = None, advanced: Callable[[int], None] = lambda events: None
    ) -> Comparison:
        with self.left.snapshot() as left, self.right.snapshot() as right:
            return compare(left, right, options or Settings(), advanced)


@pytest.fixture(scope="module")
def databases(server: Server, backup_server: Server) -> Iterator[Pair]:
    pair = []
    for place, name in ((server, "diff_left"), (backup_server, "diff_right")):
        place.drop(name)
        with place.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
        pair.append(Database(place, name, place.connect(name)))
    yield Pair(*pair)
    for database in pair:
        database.connection.close()
        database.server.drop(database.name)


@pytest.fixture
def pair(databases: Pair) -> Pair:
    """Two databases with the same 9,000 events, on servers of different versions where the machine has two."""
    databases.make()
    return databases


def ids(comparison: Comparison) -> list[tuple[int, str]]:
    return [(difference.id, difference.kind) for difference in comparison.differences]


def test_the_same_events_are_identical(pair: Pair) -> None:
    comparison = pair.compare()
    assert comparison.identical
    assert comparison.complete
    assert comparison.differences == ()
    assert comparison.events_compared == EVENTS
    assert comparison.left.digest == comparison.right.digest
    assert (comparison.left.events, comparison.left.lowest_id, comparison.left.highest_id) == (EVENTS, 1, EVENTS)


def test_one_changed_character_is_told_with_its_path_and_both_values(pair: Pair) -> None:
    pair.right.do("""UPDATE events SET event = jsonb_set(event, '{metadata,command}', '"adD"') WHERE id = 4097""")
    comparison = pair.compare()
    assert not comparison.identical
    assert comparison.differences == (
        Difference(4097, "changed", ("event",), (ValueDifference("event.metadata.command", '"add"', '"adD"'),)),
    )


def test_one_changed_microsecond_is_told(pair: Pair) -> None:
    pair.right.do("UPDATE events SET ts = ts + interval '1 microsecond' WHERE id = 8999")
    (difference,) = pair.compare().differences
    assert difference.columns == ("ts",)
    assert difference.values == (
        ValueDifference("ts", "2026-01-01 02:30:08.007999+00", "2026-01-01 02:30:08.008000+00"),
    )


def test_a_number_written_in_another_way_is_told(pair: Pair) -> None:
    pair.left.do("UPDATE events SET event = jsonb_set(event, '{value}', '1.0') WHERE id = 5")
    pair.right.do("UPDATE events SET event = jsonb_set(event, '{value}', '1.00') WHERE id = 5")
    (difference,) = pair.compare().differences
    assert difference.values == (ValueDifference("event.value", "1.0", "1.00"),)


def test_a_swapped_pair_is_two_changed_events(pair: Pair) -> None:
    pair.right.do(
        "UPDATE events SET event = (SELECT event FROM events AS other WHERE other.id = 13 - events.id)"
        " WHERE id IN (6, 7)"
    )
    assert ids(pair.compare()) == [(6, "changed"), (7, "changed")]


def test_a_missing_event_is_only_on_the_other_side(pair: Pair) -> None:
    pair.right.do("DELETE FROM events WHERE id = 4096")
    assert ids(pair.compare()) == [(4096, "only_left")]


def test_an_extra_event_is_only_on_its_side(pair: Pair) -> None:
    pair.right.do(FIRST, EVENTS + 1, "{}")
    comparison = pair.compare()
    assert ids(comparison) == [(EVENTS + 1, "only_right")]
    assert comparison.events_compared == EVENTS + 1


def test_a_shorter_tail_is_told_event_by_event(pair: Pair) -> None:
    pair.right.do("DELETE FROM events WHERE id > %s", EVENTS - 50)
    comparison = pair.compare()
    assert ids(comparison) == [(id_, "only_left") for id_ in range(EVENTS - 49, EVENTS + 1)]
    assert comparison.right.highest_id == EVENTS - 50


def test_differences_far_apart_are_told_in_the_order_of_ids(pair: Pair) -> None:
    pair.right.do("DELETE FROM events WHERE id IN (1, 8192, 8193)")
    pair.right.do("UPDATE events SET event = '[]' WHERE id IN (2, 5000, 9000)")
    assert [id_ for id_, _ in ids(pair.compare())] == [1, 2, 5000, 8192, 8193, 9000]


def test_where_all_differs_no_more_is_told_than_asked_for(pair: Pair) -> None:
    pair.right.do("UPDATE events SET event = event - 'value'")
    comparison = pair.compare()
    assert [difference.id for difference in comparison.differences] == list(range(1, 101))
    assert not comparison.complete
    assert as_text(comparison).endswith("different: 100 events told, there are more (--max-differences)")


def test_as_many_differences_as_asked_for_are_complete_where_there_are_no_more(pair: Pair) -> None:
    pair.right.do("DELETE FROM events WHERE id IN (10, 20, 9000)")
    assert pair.compare(Settings(max_differences=3)).complete
    fewer = pair.compare(Settings(max_differences=2))
    assert ids(fewer) == [(10, "only_left"), (20, "only_left")]
    assert not fewer.complete


def test_all_differences_are_told_where_so_many_are_asked_for(pair: Pair) -> None:
    pair.right.do("UPDATE events SET event = '{}' WHERE id & 1 = 0")
    comparison = pair.compare(Settings(max_differences=1_000_000))
    assert [difference.id for difference in comparison.differences] == list(range(2, EVENTS + 1, 2))
    assert comparison.complete


@pytest.mark.parametrize("until_id", [1, 4095, 4096, 4097, 6000])
def test_events_behind_the_last_id_do_not_count(pair: Pair, until_id: int) -> None:
    pair.right.do("DELETE FROM events WHERE id > %s", until_id)
    comparison = pair.compare(Settings(until_id=until_id))
    assert comparison.identical
    assert comparison.left.highest_id == until_id
    assert comparison.events_compared == until_id


def test_the_last_id_itself_counts(pair: Pair) -> None:
    pair.right.do("DELETE FROM events WHERE id = 5000")
    assert ids(pair.compare(Settings(until_id=5000))) == [(5000, "only_left")]
    assert pair.compare(Settings(until_id=4999)).identical


def test_a_backup_with_milliseconds_is_recognised_and_can_be_compared(pair: Pair) -> None:
    pair.right.do("UPDATE events SET ts = date_trunc('milliseconds', ts)")
    comparison = pair.compare()
    assert comparison.below_milliseconds
    text = as_text(comparison)
    assert "the Node.js slate-replicator keeps milliseconds only" in text
    assert "--timestamp-precision milliseconds" in text
    cut = pair.compare(Settings(precision="milliseconds"))
    assert cut.identical
    assert not cut.below_milliseconds
    assert cut.left.digest == cut.right.digest != comparison.left.digest


def test_one_difference_above_the_millisecond_forbids_that_hint(pair: Pair) -> None:
    pair.right.do("UPDATE events SET ts = date_trunc('milliseconds', ts) WHERE id < 10")
    pair.right.do("UPDATE events SET ts = ts + interval '1 millisecond' WHERE id = 9000")
    comparison = pair.compare()
    assert not comparison.below_milliseconds
    assert "--timestamp-precision" not in as_text(comparison)
    assert ids(pair.compare(Settings(precision="milliseconds"))) == [(9000, "changed")]


def test_empty_tables_are_identical_and_have_the_digest_of_nothing(databases: Pair) -> None:
    databases.make(1, 0)
    comparison = databases.compare()
    assert comparison.identical
    assert comparison.left == Extent(comparison.left.place, 0, None, None, hashlib.sha256().hexdigest())


@pytest.mark.parametrize("empty", ["left", "right"])
def test_beside_an_empty_table_every_event_is_on_one_side(pair: Pair, empty: str) -> None:
    getattr(pair, empty).do("TRUNCATE events")
    comparison = pair.compare(Settings(max_differences=3))
    kind = "only_right" if empty == "left" else "only_left"
    assert ids(comparison) == [(1, kind), (2, kind), (3, kind)]
    assert not comparison.complete


def test_a_duplicated_id_is_an_event_too_many(databases: Pair) -> None:
    databases.make(table=WITHOUT_KEY)
    databases.right.do("INSERT INTO events SELECT * FROM events WHERE id = 4100")
    comparison = databases.compare()
    assert ids(comparison) == [(4100, "only_right")]
    assert comparison.right.events == EVENTS + 1


@pytest.mark.parametrize("index", ["", "CREATE INDEX ON events (id, ts)"])
def test_equal_ids_are_compared_whatever_order_they_are_stored_in(databases: Pair, index: str) -> None:
    databases.make(1, 100, WITHOUT_KEY)
    if index:
        databases.do(index)
    for database, order in ((databases.left, (1, 2, 3)), (databases.right, (3, 1, 2))):
        for value in order:
            database.do(FIRST, 50, json.dumps(value))
    assert databases.compare().identical
    databases.right.do("UPDATE events SET event = '4' WHERE id = 50 AND event = '2'")
    (difference,) = databases.compare().differences
    assert difference.values == (ValueDifference("event", "2", "4"),)


def test_a_table_without_an_index_is_compared_with_one_that_has_it(pair: Pair) -> None:
    pair.right.do("ALTER TABLE events DROP CONSTRAINT events_pkey")
    assert pair.compare().identical
    pair.right.do("UPDATE events SET event = '1' WHERE id = 8000")
    pair.left.do("DELETE FROM events WHERE id = 3")
    assert ids(pair.compare()) == [(3, "only_right"), (8000, "changed")]


def test_ids_at_both_ends_of_their_range_and_below_zero_are_compared(pair: Pair) -> None:
    for id_ in (-(2**63), -(2**63) + 1, -5000, -1, 0, 2**62, 2**63 - 1):
        pair.do(FIRST, id_, '{"a": 1}')
    assert pair.compare().identical
    pair.right.do("UPDATE events SET event = '{}' WHERE id IN (%s, -1, 0, 7, %s)", -(2**63), 2**63 - 1)
    pair.right.do("DELETE FROM events WHERE id = %s", 2**62)
    expected = [-(2**63), -1, 0, 7, 2**62, 2**63 - 1]
    assert [difference.id for difference in pair.compare().differences] == expected


def test_a_far_id_on_one_side_alone_does_not_change_the_digest_of_the_rest(pair: Pair) -> None:
    pair.right.do(FIRST, 2**62, "{}")
    comparison = pair.compare()
    assert ids(comparison) == [(2**62, "only_right")]
    assert pair.compare(Settings(until_id=EVENTS)).left.digest == comparison.left.digest


@pytest.mark.parametrize("table", [TABLE, WITHOUT_KEY])
def test_null_where_none_belongs_is_a_difference(databases: Pair, table: str) -> None:
    databases.make(1, 20, table)
    databases.do("ALTER TABLE events ALTER COLUMN ts DROP NOT NULL, ALTER COLUMN event DROP NOT NULL")
    databases.do("UPDATE events SET ts = NULL WHERE id = 3")
    assert databases.compare().identical
    databases.right.do("UPDATE events SET event = NULL WHERE id = 4")
    (difference,) = databases.compare().differences
    assert (difference.id, difference.values[0].path, difference.values[0].right) == (4, "event", None)


def test_settings_of_the_databases_change_nothing(pair: Pair) -> None:
    odd = (("TimeZone", "Asia/Kolkata"), ("DateStyle", "German"), ("IntervalStyle", "sql_standard"))
    for setting, value in (*odd, ("extra_float_digits", "-5"), ("bytea_output", "escape")):
        pair.right.do(f"ALTER DATABASE diff_right SET {setting} = '{value}'")
    try:
        comparison = pair.compare()
        assert comparison.identical
        assert comparison.left.digest == comparison.right.digest
        pair.right.do("UPDATE events SET ts = 'infinity' WHERE id = 1")
        (difference,) = pair.compare().differences
        assert difference.values == (ValueDifference("ts", "2026-01-01 00:00:01.001001+00", "infinity"),)
    finally:
        pair.right.do("ALTER DATABASE diff_right RESET ALL")


def test_operators_that_others_made_are_not_met(pair: Pair) -> None:
    pair.do(
        "CREATE FUNCTION public.trap(bigint, numeric) RETURNS numeric LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION ''caught''; END';"
        "CREATE OPERATOR public.+ (FUNCTION = public.trap, LEFTARG = bigint, RIGHTARG = numeric)"
    )
    try:
        assert pair.compare().identical
    finally:
        pair.do("DROP FUNCTION public.trap CASCADE")


@pytest.fixture
def latin1(databases: Pair) -> Iterator[Pair]:
    """The left database beside one in LATIN1 on the other server."""
    server, name = databases.right.server, "diff_latin1"
    server.drop(name)
    with server.connect() as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'".encode()
        )
    with server.connect(name, client_encoding="UTF8") as connection:
        yield Pair(databases.left, Database(server, name, connection))
    server.drop(name)


def test_another_encoding_changes_nothing_where_it_can_hold_the_text(latin1: Pair) -> None:
    latin1.make()
    latin1.do(FIRST, EVENTS + 1, '{"name": "Müller, Señor Çelik"}')
    comparison = latin1.compare()
    assert comparison.identical
    assert comparison.left.digest == comparison.right.digest


def test_keys_that_another_encoding_orders_in_another_way_are_no_difference(latin1: Pair) -> None:
    latin1.make(1, 10)
    latin1.do(FIRST, 11, '{"é": 1, "aa": 2}')
    comparison = latin1.compare()
    assert comparison.left.digest != comparison.right.digest
    assert comparison.identical


def test_unicode_nested_arrays_and_big_numbers_are_told_as_they_are(databases: Pair) -> None:
    documents = (
        '{"a": [[1, {"b": "😀 ü"}], null], "n": 123456789012345678901234567890.10}',
        '{"a": [[1, {"b": "😀 u"}], false], "n": 123456789012345678901234567890.1, "odd key": "1"}',
    )
    databases.make(1, 1)
    for database, document in zip((databases.left, databases.right), documents, strict=True):
        database.do("UPDATE events SET event = %s", document)
    (difference,) = databases.compare().differences
    assert set(difference.values) == {
        ValueDifference("event.a[0][1].b", '"😀 ü"', '"😀 u"'),
        ValueDifference("event.a[1]", "null", "false"),
        ValueDifference("event.n", "123456789012345678901234567890.10", "123456789012345678901234567890.1"),
        ValueDifference('event["odd key"]', None, '"1"'),
    }


def test_a_document_deeper_than_python_follows_is_compared_as_a_whole(databases: Pair) -> None:
    databases.make(1, 1)
    for database, core in ((databases.left, "1"), (databases.right, "2")):
        database.do("UPDATE events SET event = %s", "[" * 3000 + core + "]" * 3000)
    (difference,) = databases.compare().differences
    (value,) = difference.values
    assert value.path == "event"
    assert "[1]" in str(value.left)
    assert "[2]" in str(value.right)


def test_what_is_written_meanwhile_does_not_matter(pair: Pair) -> None:
    pair.right.do("UPDATE events SET event = '1' WHERE id = 100")

    def write(events: int) -> None:
        for database in (pair.left, pair.right):
            database.do("UPDATE events SET event = '2' WHERE id IN (100, 200)")
        pair.right.do("DELETE FROM events WHERE id > 300")

    (difference,) = pair.compare(Settings(jobs=2), write).differences
    assert (difference.id, difference.values[0].right) == (100, "1")


def test_the_digest_is_the_documented_one(pair: Pair) -> None:
    events = []
    with pair.left.connection.cursor().copy(
        "COPY (SELECT * FROM events ORDER BY id) TO STDOUT (FORMAT BINARY)"
    ) as copy:
        data = b"".join(copy)
    place = 19
    while (columns := struct.unpack_from("!h", data, place)[0]) != -1:
        place += 2
        event = b""
        for _ in range(columns):
            length = struct.unpack_from("!i", data, place)[0]
            event += data[place + 4 : place + 4 + length]
            place += 4 + length
        events.append(hashlib.sha256(event).digest())
    blocks = [b"".join(events[start : start + 4096]) for start in range(0, len(events), 4096)]
    expected = hashlib.sha256(b"".join(hashlib.sha256(block).digest() for block in blocks))
    with pair.left.snapshot() as snapshot:
        assert measure(snapshot, Settings()).digest == expected.hexdigest()


def test_neither_jobs_nor_the_way_of_reading_change_the_digest(databases: Pair) -> None:
    databases.make(1, 150_000)
    databases.right.do("ALTER TABLE events DROP CONSTRAINT events_pkey")
    digests = set()
    for jobs in (1, 3):
        with databases.left.snapshot() as left, databases.right.snapshot() as right:
            digests |= {measure(side, Settings(jobs=jobs)).digest for side in (left, right)}
    assert len(digests) == 1


def test_progress_adds_up_to_the_events_of_both_sides(pair: Pair) -> None:
    pair.right.do("DELETE FROM events WHERE id > 5000")
    advanced: list[int] = []
    pair.compare(advanced=advanced.append)
    assert sum(advanced) == EVENTS + 5000


def test_how_many_events_to_expect_is_exact_where_ids_have_no_gap(pair: Pair) -> None:
    with pair.left.snapshot() as snapshot:
        assert count_expected(snapshot, Settings()) == EVENTS
        assert count_expected(snapshot, Settings(until_id=100)) == 100


def test_hardly_anything_crosses_the_network_where_all_is_identical(databases: Pair) -> None:
    databases.make(1, 50_000)
    databases.do("UPDATE events SET event = event || jsonb_build_object('padding', repeat('x', 250))")
    row = databases.left.connection.execute("SELECT sum(length(event::text) + 16)::bigint FROM events").fetchone()
    assert row
    received: list[int] = []

    def count(data: bytes) -> bytes:
        received.append(len(data))
        return data

    with (
        Proxy(databases.left.server, rewrite=count) as before_left,
        Proxy(databases.right.server, rewrite=count) as before_right,
        databases.left.snapshot(int(before_left.port)) as left,
        databases.right.snapshot(int(before_right.port)) as right,
    ):
        assert compare(left, right, Settings(jobs=1)).identical
    assert sum(received) <= int(str(row[0])) / 1000


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DROP TABLE events", "It has no table public.events."),
        ("ALTER TABLE events ALTER COLUMN event TYPE json", "event is json instead of jsonb"),
        (
            "ALTER TABLE events ALTER COLUMN id TYPE integer, DROP COLUMN ts",
            "id is integer instead of bigint, ts is not there",
        ),
        (
            "ALTER TABLE events DROP CONSTRAINT events_pkey, ALTER COLUMN id DROP NOT NULL;"
            "INSERT INTO events VALUES (NULL, now(), '1')",
            "Some of its events have no id.",
        ),
    ],
)
def test_a_table_of_another_kind_is_refused(pair: Pair, statement: str, why: str) -> None:
    pair.right.do(statement)
    with pytest.raises(SlateError) as caught:
        pair.compare()
    assert caught.value.code == "not-an-event-store"
    assert caught.value.what == f"The database at 127.0.0.1:{pair.right.server.port}/diff_right is no event store."
    assert why in caught.value.why


def test_a_user_without_the_right_to_read_is_told_what_to_grant(pair: Pair) -> None:
    pair.right.do("DROP ROLE IF EXISTS diff_nobody")
    pair.right.do("CREATE ROLE diff_nobody LOGIN PASSWORD 'nothing'")
    try:
        connection = ConnectionOptions(
            host="127.0.0.1", port=pair.right.server.port, user="diff_nobody", password="nothing"
        )
        with (
            pair.left.snapshot() as left,
            Snapshot(reach(Address(connection, "diff_right"), "slate-diff")) as right,
            pytest.raises(SlateError) as caught,
        ):
            compare(left, right, Settings())
    finally:
        pair.right.do("DROP ROLE diff_nobody")
    assert caught.value.code == "no-right"
    assert 'GRANT SELECT ON public.events TO "diff_nobody"' in caught.value.hint


def test_a_side_that_shows_a_part_of_its_events_is_refused(pair: Pair) -> None:
    pair.make(1, 10)
    pair.right.do("DROP ROLE IF EXISTS diff_part")
    pair.right.do("CREATE ROLE diff_part LOGIN PASSWORD 'part'")
    pair.right.do("GRANT SELECT ON events TO diff_part")
    pair.right.do("ALTER TABLE events ENABLE ROW LEVEL SECURITY")
    pair.right.do("CREATE POLICY part ON events USING (id < 9)")
    try:
        connection = ConnectionOptions(host="127.0.0.1", port=pair.right.server.port, user="diff_part", password="part")
        with (
            pair.left.snapshot() as left,
            Snapshot(reach(Address(connection, "diff_right"), "slate-diff")) as right,
            pytest.raises(SlateError) as caught,
        ):
            compare(left, right, Settings(until_id=8))
    finally:
        pair.right.do("DROP TABLE events")
        pair.right.do("DROP ROLE diff_part")
    assert caught.value.code == "server-error"
    assert "affected by row-level security policy" in caught.value.why


EDITS = st.dictionaries(st.integers(1, 5000), st.sampled_from(["ts", "event", "delete"]), max_size=12)


@given(EDITS)
@settings(max_examples=20, deadline=None)
def test_any_few_edits_are_found_exactly(databases: Pair, edits: dict[int, str]) -> None:
    databases.make(1, 5000)
    statements = {
        "ts": "UPDATE events SET ts = ts - interval '1 microsecond' WHERE id = %s",
        "event": "UPDATE events SET event = jsonb_set(event, '{metadata,list,1}', '2.0') WHERE id = %s",
        "delete": "DELETE FROM events WHERE id = %s",
    }
    for id_, edit in edits.items():
        databases.right.do(statements[edit], id_)
    comparison = databases.compare()
    found = {difference.id: difference.columns or (difference.kind,) for difference in comparison.differences}
    assert found == {id_: ("only_left",) if edit == "delete" else (edit,) for id_, edit in edits.items()}
    assert comparison.identical == (not edits)
