"""New partitions are as the owner of events has made it, whoever's call makes them."""

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.integration.test_roles import add_login, drop_roles
from tests.partitions import SIZE, append, bounds, held, make_source, owners, partitions
from tests.recovery import Connection
from tests.servers import Server

_OPTIONS = """
SELECT a.attstorage::text, a.attcompression::text FROM pg_attribute AS a
WHERE a.attrelid = 'events_2001'::regclass AND a.attname = 'event'
"""
_SPACES = """
SELECT c.relname, coalesce(t.spcname, '') FROM pg_class AS c LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
WHERE c.relname ~ '^events_[0-9]+' AND c.relkind IN ('r', 'i')
"""


@pytest.fixture
def source(server: Server, name: str) -> Iterator[Connection]:
    """The owner's session in a source with a thousand ids a partition."""
    make_source(server, name)
    with server.connect(name) as connection:
        yield connection


def test_a_constraint_of_the_owner_holds_in_new_partitions(source: Connection) -> None:
    source.execute("""ALTER TABLE events ADD CONSTRAINT own CHECK (event -> 'n' <> '77777')""")
    assert append(source, 2 * SIZE + 1) == (1, 2001)
    with pytest.raises(psycopg.errors.CheckViolation):
        source.execute("SELECT append_events(%s)", (json.dumps([{"n": 77777}]),))
    assert append(source, 1) == (2002, 2002)


def test_columns_of_the_owner_are_filled_in_new_partitions(source: Connection) -> None:
    source.execute("ALTER TABLE events ADD twice bigint GENERATED ALWAYS AS (id * 2) STORED, ADD own text DEFAULT 'x'")
    append(source, 2 * SIZE + 1)
    assert source.execute("SELECT twice, own FROM events WHERE id = 2001").fetchone() == (4002, "x")


def test_how_events_are_stored_holds_for_new_partitions(source: Connection) -> None:
    source.execute("ALTER TABLE events ALTER event SET STORAGE EXTERNAL, ALTER event SET COMPRESSION pglz")
    append(source, SIZE + 1)
    assert source.execute(_OPTIONS).fetchone() == ("e", "p")


def test_indexes_and_triggers_of_the_owner_are_in_new_partitions(source: Connection) -> None:
    source.execute("CREATE UNIQUE INDEX own ON events (id, ts); ALTER TABLE events DISABLE TRIGGER notify_insert")
    append(source, SIZE + 1)
    indexes = source.execute(
        "SELECT count(*) FROM pg_index WHERE indrelid = 'events_2001'::regclass AND indisvalid"
    ).fetchone()
    assert indexes == (8,)
    state = "SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'events_2001'::regclass AND tgname = 'notify_insert'"
    assert source.execute(state).fetchone() == ("D",)


def test_a_partition_may_be_given_another_name(source: Connection) -> None:
    source.execute("ALTER TABLE events_1 RENAME TO first; ALTER TABLE events_1001 RENAME TO second")
    assert append(source, 3 * SIZE) == (1, 3000)
    assert [bound for _, bound in bounds(source) if "'1001'" in bound] == [
        "FOR VALUES FROM ('1') TO ('1001')",
        "FOR VALUES FROM ('1001') TO ('2001')",
    ]
    assert sorted(partitions(source)) == ["events_2001", "events_3001", "first", "second"]


def test_another_table_of_a_partitions_name_is_named_and_no_id_is_lost(source: Connection) -> None:
    source.execute("CREATE TABLE events_2001 (mine text)")
    append(source, SIZE)
    with pytest.raises(psycopg.DatabaseError) as refused:
        append(source, 1)
    assert refused.value.sqlstate == "SL060"
    told = "Relation public.events_2001 is no partition for the events from 2001 on, and is in the way of one"
    assert refused.value.diag.message_primary == told
    assert refused.value.diag.message_hint == "Rename it: ALTER TABLE public.events_2001 RENAME TO …"
    source.execute("ALTER TABLE events_2001 RENAME TO mine")
    assert append(source, 1) == (SIZE + 1, SIZE + 1)


def test_what_is_stored_in_a_partition_directly_is_as_stored_in_the_table(source: Connection) -> None:
    source.execute("LISTEN eventsinsert")
    source.execute("INSERT INTO events_1 VALUES (5, now(), '{}')")
    (heard,) = source.notifies(timeout=10, stop_after=1)
    assert json.loads(heard.payload) == {"table": "events", "id": 5, "event": {}}
    for statement, error in [
        ("INSERT INTO events_1 VALUES (5, now(), '{}')", psycopg.errors.UniqueViolation),
        ("INSERT INTO events_1 VALUES (1001, now(), '{}')", psycopg.errors.CheckViolation),
        ("INSERT INTO events_1 VALUES (6, NULL, '{}')", psycopg.errors.NotNullViolation),
    ]:
        with pytest.raises(error):
            source.execute(statement.encode())
    assert held(source) == (1, 5, 5)


def test_a_writers_settings_do_not_say_where_events_are_kept(server: Server, name: str, space: str) -> None:
    make_source(server, name, "--roles", name)
    try:
        add_login(server, f"{name}_login", f"{name}_writer")
        with server.connect() as connection:
            connection.execute(f"GRANT CREATE ON TABLESPACE {space} TO {name}_owner".encode())
        with server.connect(name, user=f"{name}_login", password="pw") as writer:
            writer.execute(f"SET default_tablespace = {space}; SET quote_all_identifiers = on".encode())
            append(writer, SIZE + 1)
            writer.execute("SET default_tablespace = pg_global")
            assert append(writer, SIZE) == (SIZE + 2, 2 * SIZE + 1)
        with server.connect(name) as connection:
            assert {space for _, space in connection.execute(_SPACES)} == {""}
            assert len(partitions(connection)) == 4
            assert owners(connection) == [f"{name}_owner"]
    finally:
        server.drop(name)
        with server.connect() as connection:
            connection.execute(f"REVOKE ALL ON TABLESPACE {space} FROM {name}_owner".encode())
        drop_roles(server, name)


def test_the_owner_says_where_new_partitions_are_kept(source: Connection, space: str) -> None:
    source.execute(f"ALTER TABLE events SET TABLESPACE {space}".encode())
    append(source, SIZE + 1)
    spaces: dict[str, str] = dict(source.execute(_SPACES).fetchall())
    assert (spaces["events_1"], spaces["events_1001"], spaces["events_2001"]) == ("", "", space)


def test_new_partitions_belong_to_the_owner_of_events_though_the_functions_do_not(
    server: Server, name: str, source: Connection
) -> None:
    role = f"{name}_new_owner"
    source.execute(f"CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}".encode())
    try:
        source.execute(f"ALTER TABLE events OWNER TO {role}".encode())
        append(source, SIZE + 1)
        owner = source.execute("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'events_2001'").fetchone()
        assert owner == (role,)
    finally:
        server.drop(name)
        with server.connect() as connection:
            connection.execute(f"DROP ROLE {role}".encode())
