"""slate-schema migrate where others follow by logical replication: rows go on flowing, whatever a patch changes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from init_slate_db.core.embedded import free_port
from init_slate_db.core.errors import ExitStatus
from tests.migrations import COMMAND
from tests.publishing import APPEND, COLUMNS, Publishing, publishing
from tests.servers import Server
from tests.terminal import terminal


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str, tmp_path: Path) -> Iterator[Publishing]:
    """A source with two events, and a destination that has them."""
    with publishing((server, backup_server), name, tmp_path) as pair:
        yield pair


def test_a_column_is_added_to_the_subscriber_first_and_rows_go_on_coming(pair: Publishing) -> None:
    pair.write(p1_0_0_std="ALTER TABLE events ADD COLUMN origin text DEFAULT 'here' CHECK (origin <> '')")
    pair.migrate()
    pair.append()
    rows = "SELECT id, ts, event, origin FROM events ORDER BY id"
    assert pair.ask(rows) == pair.ask(rows, 1)
    assert len(pair.ask(rows)) == 4
    assert pair.ledgers() == [["1-0-0"]] * 2
    began = "SELECT extract(epoch FROM started_at) FROM slate.patch"
    assert pair.ask(began, 1) < pair.ask(began)


def test_a_follower_is_known_as_one_where_its_password_was_typed(pair: Publishing, tmp_path: Path) -> None:
    """It stands nowhere but in the connection: one that was opened anew would be refused."""
    pair.write(p1_0_0_std="ALTER TABLE events ADD COLUMN origin text")
    numbered = list(zip(pair.servers, pair.names, strict=True))
    addresses = [make_conninfo(**server.parameters(name) | {"password": None}) for server, name in numbered]
    nodes = [word for address in addresses for word in ("--node", address)]
    environment = pair.servers[0].environment(HOME=str(tmp_path))
    environment = {name: value for name, value in environment.items() if not name.startswith("PG")}
    with terminal(["migrate", str(pair.folder), *nodes, "--yes"], environment, COMMAND) as running:
        for number, server in enumerate(pair.servers, 1):
            running.answer(f"Database Password of node {number}:", server.password.encode() + b"\r")
        assert running.end() == ExitStatus.DONE, running.screen()
    assert pair.ledgers() == [["1-0-0"]] * 2
    pair.append()


def test_whoever_names_no_user_is_asked_once_for_each_node(pair: Publishing, tmp_path: Path) -> None:
    """A second question would never be answered, and the command not end."""
    environment = pair.servers[0].environment(HOME=str(tmp_path))
    del environment["PGUSER"]
    source = make_conninfo(**pair.servers[0].parameters(pair.names[0]))
    elsewhere = f"host=127.0.0.1 port={free_port()} dbname=nowhere"
    arguments = ["status", str(pair.folder), "--node", source, "--node", elsewhere, "--connect-timeout", "1000"]
    with terminal(arguments, environment, COMMAND) as running:
        running.answer("Database User of node 2:", b"postgres\r")
        assert running.end() == ExitStatus.FAILED, running.screen()
        assert "/nowhere: cannot be asked" in running.output()


def test_a_column_is_dropped_from_the_source_first_and_no_row_is_lost(pair: Publishing) -> None:
    pair.write(
        p1_0_0_std="ALTER TABLE events ADD COLUMN origin text",
        p1_1_0_std="ALTER TABLE events DROP COLUMN origin; CREATE INDEX events_late ON events (ts, id);",
    )
    pair.migrate()
    pair.append()
    assert pair.ask(COLUMNS) == pair.ask(COLUMNS, 1) == [("event",), ("id",), ("ts",)]
    assert pair.ask("SELECT to_regclass('events_late') IS NOT NULL", 1) == [(True,)]
    assert pair.ledgers() == [["1-0-0", "1-1-0"]] * 2
    ended = "SELECT extract(epoch FROM ended_at) FROM slate.patch WHERE minor = 1"
    assert pair.ask(ended) < pair.ask(ended, 1)


def test_what_a_subscriber_has_not_received_is_waited_for_before_a_column_is_dropped_there(pair: Publishing) -> None:
    """Else its apply worker would meet rows with a column that it no longer has, and stop for good."""
    pair.write(p1_0_0_std="ALTER TABLE events ADD COLUMN origin text")
    pair.migrate()
    pair.stop_following()
    pair.ask(APPEND)
    pair.write(p1_1_0_std="ALTER TABLE events DROP COLUMN origin")
    status, _, told = pair.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert f"{pair.place(1)} has not received yet what was sent before" in told
    assert "Its subscription does not run." in told
    assert pair.ledgers() == [["1-0-0", "1-1-0"], ["1-0-0"]]
    assert ("origin",) in pair.ask(COLUMNS, 1)
    status, said, _ = pair.run("status")
    assert status == ExitStatus.DIFFERENT
    assert "not on all nodes: 1-1-0 std" in said
    pair.follow_again()
    pair.migrate()
    assert pair.ledgers() == [["1-0-0", "1-1-0"]] * 2
    pair.append()
    assert pair.ask(COLUMNS) == pair.ask(COLUMNS, 1)


def test_what_no_published_table_knows_of_stays_on_the_source(pair: Publishing) -> None:
    pair.write(
        p1_0_0_std="CREATE FUNCTION sources_own() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        p1_1_0_direct="CREATE TABLE everywhere ()",
    )
    pair.migrate("--all")
    assert pair.ledgers() == [["1-0-0", "1-1-0"], ["1-1-0"]]
    assert pair.ask("SELECT to_regproc('sources_own')", 1) == [(None,)]
    assert pair.ask("SELECT to_regclass('everywhere')", 1) == [("everywhere",)]
    status, told, _ = pair.run("status", "--format", "json")
    assert status == ExitStatus.DONE
    assert [node["name"] for node in json.loads(told)["nodes"]] == [pair.place(0), pair.place(1)]


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ("ALTER TABLE events RENAME COLUMN event TO document", "renames column public.events.event"),
        ("ALTER TABLE events RENAME TO happenings", "renames table public.events"),
        ("ALTER TABLE events ALTER id TYPE numeric", "changes the type of column public.events.id"),
        ("ALTER TABLE events REPLICA IDENTITY FULL", "changes what identifies the rows of public.events"),
        (
            "ALTER TABLE events ADD a integer; ALTER TABLE events ALTER ts DROP NOT NULL;"
            " ALTER TABLE events ADD CHECK (id > 0)",
            "Make two patches of it.",
        ),
        ("ALTER TABLE events ADD at timestamptz DEFAULT now()", "whose default gives each node values of its own"),
        ("ALTER TABLE events ADD n integer GENERATED ALWAYS AS IDENTITY", "whose default gives each node values"),
        ("CREATE TABLE more (); ALTER PUBLICATION all_events ADD TABLE more", "publishes table public.more"),
        (
            "ALTER TABLE events ADD a integer; INSERT INTO events VALUES (0, now(), '{}')",
            "writes rows of a published table",
        ),
    ],
)
def test_what_no_order_of_the_nodes_allows_is_refused_with_the_reason(pair: Publishing, patch: str, told: str) -> None:
    pair.write(p1_0_0_std="ALTER TABLE events ADD first integer", p1_1_0_std=patch)
    said = pair.refused()
    assert "patch-1-1-0-std.sql cannot be applied while published tables are followed." in said
    assert told in said
    assert told in pair.refused("--dry-run")
    pair.append()


def test_a_patch_that_the_subscriber_cannot_take_is_applied_nowhere(pair: Publishing) -> None:
    pair.ask("ALTER TABLE events ADD COLUMN origin integer", 1)
    pair.write(p1_0_0_std="ALTER TABLE events ADD COLUMN origin text")
    status, _, told = pair.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert f'Patch 1-0-0 failed on {pair.place(1)}: column "origin" of relation "events" already exists' in told
    assert pair.ledgers() == [[], []]
    assert ("origin",) not in pair.ask(COLUMNS)


def test_a_run_that_ended_between_subscriber_and_source_is_completed(pair: Publishing) -> None:
    pair.write(p1_0_0_std="ALTER TABLE events ADD COLUMN origin text")
    pair.migrate()
    # As a crash behind the first node would leave it.
    pair.ask("ALTER TABLE events DROP COLUMN origin; DELETE FROM slate.patch")
    assert pair.ledgers() == [[], ["1-0-0"]]
    pair.migrate()
    assert pair.ledgers() == [["1-0-0"]] * 2
    pair.append()


def test_a_subscriber_that_nobody_named_is_told_by_its_slot(pair: Publishing) -> None:
    pair.write(p1_0_0_std="ALTER TABLE events ADD COLUMN origin text")
    status, _, told = pair.run("migrate", "--yes", nodes=1)
    assert status == ExitStatus.REFUSED
    assert f"by replication slot {pair.link()} (active). It\n" in told
    assert "--node DSN" in told
    assert pair.ledgers() == [[], []]


def test_a_publication_of_all_tables_is_refused_since_it_publishes_the_ledger(pair: Publishing) -> None:
    pair.ask("DROP PUBLICATION all_events; CREATE PUBLICATION all_events FOR ALL TABLES")
    pair.write(p1_0_0_std="ALTER TABLE events ADD COLUMN origin text")
    assert "Publication all_events" in pair.refused()


def test_a_lock_that_is_not_had_on_the_source_leaves_no_trace_on_the_subscriber(pair: Publishing) -> None:
    pair.write(p1_0_0_std="ALTER TABLE events ADD CHECK (id > 0)")
    with pair.servers[0].connect(pair.names[0]) as holder, holder.transaction():
        holder.execute("SELECT FROM events")
        status, _, told = pair.run("migrate", "--yes", "--lock-timeout", "200", "--lock-tries", "2")
        assert status == ExitStatus.FAILED
        assert f"pid {holder.info.backend_pid}" in told
    assert pair.ask("SELECT count(*) FROM slate.patch", 1) == [(0,)]
    pair.migrate()
    assert pair.ledgers() == [["1-0-0"]] * 2


def test_what_the_source_refuses_at_the_last_moment_is_not_announced_any_more(pair: Publishing) -> None:
    for number in range(2):
        pair.ask("CREATE SEQUENCE tries", number)
    # Trying it takes the first number, which no rollback gives back.
    fails = "DO $$ BEGIN IF nextval('tries') = 2 THEN RAISE 'the second time'; END IF; END $$"
    pair.write(p1_0_0_std=f"ALTER TABLE events ADD CONSTRAINT positive CHECK (id > 0); {fails}")
    status, _, told = pair.run("migrate", "--yes")
    assert status == ExitStatus.FAILED
    assert f"Patch 1-0-0 failed on {pair.place(0)}: the second time" in told
    assert [pair.ask("SELECT count(*) FROM slate.patch", number) for number in range(2)] == [[(0,)], [(0,)]]
    assert pair.ask("SELECT count(*) FROM pg_constraint WHERE conname = 'positive'") == [(0,)]
