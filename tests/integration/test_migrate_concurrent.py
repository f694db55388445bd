"""Concurrent patches of ``slate-schema migrate``: what an interrupted run leaves, and what the next one makes of it."""

import hashlib

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.migrations import LEDGER, Nodes

TABLE = "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (1); CREATE TABLE p (n int) PARTITION BY LIST (n);"
BEGUN = """
INSERT INTO slate.patch (major, minor, point, type, digest, started_at, role, came_from, tool_version, begun)
VALUES (2, 0, 0, 'concurrent', '{digest}', now(), 'x', 'x', 'x', $begun${begun}$begun$)
"""


@pytest.fixture
def node(one_node: Nodes) -> Nodes:
    """A node with a table t, whose rows are equal, and an empty ledger."""
    one_node.write(p1_0_0_std=TABLE)
    assert one_node.migrate()[0] == ExitStatus.DONE
    return one_node


def begin(node: Nodes, statement: str) -> None:
    """Leaves what a run leaves that is killed while it runs the statement, the only one of patch 2-0-0."""
    node.write(p2_0_0_concurrent=statement)
    digest = hashlib.sha256((node.folder / "patch-2-0-0-concurrent.sql").read_bytes()).hexdigest()
    node.do(BEGUN.format(digest=digest, begun=statement))


def row(node: Nodes) -> "tuple[bool, int, str | None]":
    """Whether patch 2-0-0 is complete, how many statements are done, and which one is begun."""
    _, _, is_complete, done, begun = next(one for one in node.ask(LEDGER) if one[0] == "2-0-0")
    return is_complete, done, begun


def test_statements_run_one_by_one_and_what_needs_no_transaction_has_none(node: Nodes) -> None:
    node.write(
        p2_0_0_concurrent="SET maintenance_work_mem = '8MB';\n"
        "CREATE INDEX CONCURRENTLY t_n ON t (n); VACUUM t;\n"
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;\n"
        "DO $$ BEGIN INSERT INTO t VALUES (2); COMMIT; INSERT INTO t VALUES (3); END $$;\n"
        "REINDEX INDEX CONCURRENTLY t_n; DROP INDEX CONCURRENTLY t_n; ALTER TABLE t ADD m int"
    )
    code, _, log = node.migrate()
    assert code == ExitStatus.DONE, log
    assert row(node) == (True, 8, None)
    assert node.ask("SELECT count(*), f() FROM t") == [(4, 2)]


def test_a_failure_leaves_what_is_done_and_the_next_run_goes_on_there(node: Nodes) -> None:
    node.write(p2_0_0_concurrent="SET search_path = s, public; CREATE SCHEMA s; CREATE TABLE a (n int);\nSELECT 1/0")
    code, _, log = node.migrate()
    assert code == ExitStatus.FAILED
    assert "patch-2-0-0-concurrent.sql, line 2 (SQLSTATE 22012):" in log
    assert "The statements before it are done; the next run goes on with this one." in log
    assert row(node) == (False, 3, None)
    code, told, _ = node.run("status")
    assert code == ExitStatus.DIFFERENT
    assert "  half done: 2-0-0 concurrent, 3 of 4 statements\n" in told
    node.write(p2_0_0_concurrent="SET search_path = s, public; CREATE SCHEMA s; CREATE TABLE a (n int);\nTABLE a")
    assert node.migrate()[0] == ExitStatus.DIFFERENT
    code, _, log = node.migrate("--accept", "2-0-0")
    assert code == ExitStatus.DONE, log
    assert node.has("s.a")


def test_statements_that_are_done_cannot_be_changed_any_more(node: Nodes) -> None:
    node.write(p2_0_0_concurrent="CREATE TABLE a (n int); SELECT 1/0")
    node.migrate()
    node.write(p2_0_0_concurrent="CREATE TABLE b (n int); SELECT 1")
    code, _, log = node.migrate("--accept", "2-0-0")
    assert code == ExitStatus.REFUSED
    assert "2-0-0: the first 1 statements, which are done on" in log


def test_a_role_that_a_patch_takes_does_not_write_the_ledger(node: Nodes) -> None:
    node.write(p2_0_0_concurrent="GRANT CREATE ON SCHEMA public TO pg_monitor; SET ROLE pg_monitor; CREATE TABLE m ()")
    code, _, log = node.migrate()
    assert code == ExitStatus.DONE, log
    assert node.ask("SELECT tableowner FROM pg_tables WHERE tablename = 'm'") == [("pg_monitor",)]


def test_an_invalid_index_is_named_and_built_again_with_repair(node: Nodes) -> None:
    node.write(p2_0_0_concurrent='CREATE UNIQUE INDEX CONCURRENTLY "T n" ON public.t (n);\nSELECT 1')
    code, _, log = node.migrate()
    assert code == ExitStatus.REFUSED
    assert f'Patch 2-0-0 left an invalid index on {node.place()}: public."T n".' in log
    assert 'could not create unique index "T n" (SQLSTATE 23505)' in log
    assert '  invalid index: public."T n" on public.t\n' in node.run("status")[1]
    assert "Add --repair" in node.migrate()[2]
    node.do("DELETE FROM t; INSERT INTO t VALUES (1)")
    code, _, log = node.migrate("--repair")
    assert code == ExitStatus.DONE, log
    assert node.ask("SELECT indisvalid FROM pg_index WHERE indrelid = 't'::regclass") == [(True,)]
    assert node.run("status")[0] == ExitStatus.DONE


def test_an_index_that_another_run_left_invalid_is_not_passed_over(node: Nodes) -> None:
    with pytest.raises(Exception, match="could not create unique index"):
        node.do("CREATE UNIQUE INDEX CONCURRENTLY i ON t (n)")
    node.write(p2_0_0_concurrent="CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY t (n)")
    assert node.migrate()[0] == ExitStatus.REFUSED
    assert node.migrate("--repair")[0] == ExitStatus.DONE
    assert node.ask("SELECT indisvalid, indisunique FROM pg_index WHERE indrelid = 't'::regclass") == [(True, False)]


def test_a_valid_index_of_that_name_that_is_not_the_patchs_is_an_error_each_time(node: Nodes) -> None:
    node.do("CREATE INDEX i ON t (n)")
    node.write(p2_0_0_concurrent="CREATE INDEX CONCURRENTLY i ON t ((n + 1))")
    for _ in range(2):
        code, _, log = node.migrate()
        assert code == ExitStatus.FAILED
        assert 'relation "i" already exists' in log
        assert row(node) == (False, 0, None)


@pytest.mark.parametrize("index", ["i", "Über_N"])
def test_an_index_that_was_begun_and_is_valid_is_done(node: Nodes, index: str) -> None:
    """Of a name that is not quoted, PostgreSQL makes only the letters of ASCII small."""
    begin(node, f"CREATE INDEX CONCURRENTLY {index} ON t (n)")
    node.do(f"CREATE INDEX {index} ON t (n)")
    ((before,),) = node.ask(f"SELECT '{index}'::regclass::oid")
    status, _, told = node.migrate()
    assert status == ExitStatus.DONE, told
    assert row(node) == (True, 1, None)
    assert node.ask(f"SELECT '{index}'::regclass::oid") == [(before,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY i ON t (n)",
        "VACUUM FULL t",
        "REINDEX TABLE CONCURRENTLY t",
        "REINDEX (VERBOSE) SCHEMA CONCURRENTLY public",
        "ALTER SYSTEM SET work_mem = '5MB'",
    ],
)
def test_what_was_begun_and_may_run_again_does(node: Nodes, statement: str) -> None:
    begin(node, statement)
    code, _, log = node.migrate()
    assert code == ExitStatus.DONE, log
    assert row(node) == (True, 1, None)
    node.do("ALTER SYSTEM RESET work_mem")


@pytest.mark.parametrize("is_gone", [True, False])
def test_an_index_whose_drop_was_begun_is_gone_in_the_end(node: Nodes, is_gone: bool) -> None:
    node.do("CREATE INDEX i ON t (n)")
    begin(node, "DROP INDEX CONCURRENTLY public.i")
    if is_gone:
        node.do("DROP INDEX i")
    code, _, log = node.migrate()
    assert code == ExitStatus.DONE, log
    assert not node.has("i")


def test_what_reindex_left_is_named_and_dropped_with_repair(node: Nodes) -> None:
    node.do("CREATE INDEX i ON t (n)")
    begin(node, "REINDEX INDEX CONCURRENTLY i")
    node.do("CREATE INDEX i_ccnew ON t (n)")
    node.do("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i_ccnew'::regclass")
    code, _, log = node.migrate()
    assert code == ExitStatus.REFUSED
    assert "public.i_ccnew" in log
    code, _, log = node.migrate("--repair")
    assert code == ExitStatus.DONE, log
    assert node.ask("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass") == [("i",)]


@pytest.mark.parametrize("state", ["attached", "pending", "detached"])
def test_a_partition_whose_detaching_was_begun_is_detached_in_the_end(node: Nodes, state: str) -> None:
    node.do("CREATE TABLE q PARTITION OF p FOR VALUES IN (1)")
    begin(node, "ALTER TABLE public.p DETACH PARTITION q CONCURRENTLY")
    if state == "pending":
        interrupt_detaching(node)
    elif state == "detached":
        node.do("ALTER TABLE p DETACH PARTITION q")
    code, _, log = node.migrate()
    assert code == ExitStatus.DONE, log
    assert node.ask("SELECT count(*) FROM pg_inherits") == [(0,)]
    assert row(node) == (True, 1, None)


def interrupt_detaching(node: Nodes) -> None:
    """Leaves the partition as a detaching leaves it that was cancelled between its two transactions."""
    with node.server.connect(node.names[0]) as reader, node.server.connect(node.names[0]) as connection:
        reader.autocommit = False
        reader.execute("SELECT FROM p")
        connection.execute("SET statement_timeout = '1s'")
        with pytest.raises(Exception, match="statement timeout"):
            connection.execute("ALTER TABLE p DETACH PARTITION q CONCURRENTLY")
    assert node.ask("SELECT inhdetachpending FROM pg_inherits") == [(True,)]


def test_what_nobody_can_tell_is_refused_until_the_operator_says_what_is_true(node: Nodes) -> None:
    text = "DO $$ BEGIN INSERT INTO t VALUES (7); COMMIT; END $$"
    begin(node, text)
    code, _, log = node.migrate()
    assert code == ExitStatus.REFUSED
    assert f"Nobody can tell whether a statement of patch 2-0-0 was done on {node.place()}." in log
    assert "--resolve 2-0-0=done, or --resolve 2-0-0=again" in log
    assert node.migrate("--resolve", "2-0-0=done")[0] == ExitStatus.DONE
    assert node.ask("SELECT count(*) FROM t WHERE n = 7") == [(0,)]


def test_what_the_operator_says_was_not_done_runs_again(node: Nodes) -> None:
    begin(node, "DO $$ BEGIN INSERT INTO t VALUES (7); COMMIT; END $$")
    assert node.migrate("--resolve", "2-0-0=again")[0] == ExitStatus.DONE
    assert node.ask("SELECT count(*) FROM t WHERE n = 7") == [(1,)]


def test_a_block_that_fails_after_it_committed_is_not_run_again_by_itself(node: Nodes) -> None:
    node.write(p2_0_0_concurrent="DO $$ BEGIN INSERT INTO t VALUES (7); COMMIT; PERFORM 1/0; END $$")
    assert node.migrate()[0] == ExitStatus.FAILED
    assert node.migrate()[0] == ExitStatus.REFUSED
    assert node.ask("SELECT count(*) FROM t WHERE n = 7") == [(1,)]
