"""``slate-schema migrate``: sentences of the tool that it descends from, and of what was asked for, one test each."""

import hashlib

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.migrations import Nodes

KINDS = ["std", "direct", "concurrent"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_row_is_there_before_the_patch_runs_and_its_end_is_set_behind_it(one_node: Nodes, kind: str) -> None:
    seen = "CREATE TABLE seen AS SELECT type, started_at, ended_at FROM slate.patch"
    one_node.write(**{f"p1_2_3_{kind}": f"{seen}; SELECT 1"})
    code, _, log = one_node.migrate()
    assert code == ExitStatus.DONE, log
    assert one_node.ask("SELECT type, ended_at FROM seen") == [(kind, None)]
    query = "SELECT s.started_at = p.started_at, p.ended_at > p.started_at FROM seen AS s, slate.patch AS p"
    assert one_node.ask(query) == [(True, True)]


def test_the_digest_in_the_ledger_is_that_of_the_file(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="SELECT 'ä'\r\n-- no semicolon")
    one_node.migrate()
    digest = hashlib.sha256((one_node.folder / "patch-1-0-0-std.sql").read_bytes()).hexdigest()
    assert one_node.ask("SELECT digest FROM slate.patch") == [(digest,)]


@pytest.mark.parametrize("kind", ["std", "direct"])
def test_a_patch_that_fails_half_way_leaves_nothing_of_it(one_node: Nodes, kind: str) -> None:
    one_node.write(**{f"p1_0_0_{kind}": "CREATE TABLE t (n int); INSERT INTO t VALUES (1); SELECT 1/0"})
    assert one_node.migrate()[0] == ExitStatus.FAILED
    assert not one_node.has("t")
    assert one_node.ledger() == []


def test_a_concurrent_patch_that_fails_on_the_second_of_three_nodes_is_completed_by_the_next_run(
    three_nodes: Nodes,
) -> None:
    three_nodes.write(
        p1_0_0_direct="CREATE TABLE t (n int)",
        p1_1_0_concurrent="INSERT INTO t VALUES (1); CREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n)",
    )
    three_nodes.migrate("--one")
    three_nodes.do("INSERT INTO t VALUES (1)", 1)
    code, told, log = three_nodes.migrate()
    assert code == ExitStatus.REFUSED
    assert told == (
        "Patch 1-1-0 concurrent:\n"
        f"  {three_nodes.place(0)}: applied\n  {three_nodes.place(1)}: failed\n  {three_nodes.place(2)}: not begun\n"
    )
    assert f"Patch 1-1-0 left an invalid index on {three_nodes.place(1)}: public.t_n." in log
    three_nodes.do("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)", 1)
    code, _, log = three_nodes.migrate("--repair")
    assert code == ExitStatus.DONE, log
    for number in range(3):
        assert three_nodes.ledger(number) == ["1-0-0", "1-1-0"]
        assert three_nodes.ask("SELECT count(*) FROM t", number) == [(1,)]
        assert three_nodes.ask("SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass", number) == [
            (True,)
        ]


def test_a_node_that_comes_later_gets_all_that_is_for_every_node(three_nodes: Nodes) -> None:
    two = Nodes(three_nodes.server, three_nodes.names[:2], three_nodes.folder)
    two.write(p1_0_0_std="CREATE TABLE s ()", p1_1_0_direct="CREATE TABLE t (n int)", p1_2_0_direct="SELECT 1")
    assert two.migrate("--all")[0] == ExitStatus.DONE
    code, told, log = three_nodes.migrate("--all")
    assert (code, told) == (ExitStatus.DONE, "Applied 2 patches.\n"), log
    assert [three_nodes.ledger(number) for number in (0, 1, 2)] == [
        ["1-0-0", "1-1-0", "1-2-0"],
        ["1-1-0", "1-2-0"],
        ["1-1-0", "1-2-0"],
    ]


def test_a_lock_is_waited_for_for_two_seconds_unless_told_otherwise(one_node: Nodes) -> None:
    one_node.do("CREATE TABLE t (n int)")
    one_node.write(p1_0_0_std="ALTER TABLE t ADD m int")
    with one_node.server.connect(one_node.names[0]) as holder, holder.transaction():
        holder.execute("SELECT FROM t")
        code, _, log = one_node.migrate("--lock-tries", "1")
        assert code == ExitStatus.FAILED
        assert f"No lock was had on {one_node.place()} to apply patch 1-0-0: 1 try of 2000 ms." in log


def test_the_order_of_std_and_others_is_kept_over_all_nodes(three_nodes: Nodes) -> None:
    """Each builds on the one before; were any out of turn, it would fail."""
    three_nodes.write(
        p1_0_0_direct="CREATE TABLE t (n int)",
        p1_1_0_std="INSERT INTO t VALUES (1); CREATE TABLE only_here AS TABLE t",
        p1_2_0_concurrent="CREATE INDEX CONCURRENTLY t_n ON t (n)",
        p1_3_0_direct="ALTER INDEX t_n RENAME TO t_m",
        p1_10_0_std="DROP TABLE only_here; INSERT INTO t SELECT n + 1 FROM t",
    )
    code, told, log = three_nodes.migrate("--all")
    assert (code, told) == (ExitStatus.DONE, "Applied 5 patches.\n"), log
    assert three_nodes.ask("SELECT array_agg(n ORDER BY n) FROM t") == [([1, 2],)]
    assert all(three_nodes.has("t_m", number) for number in range(3))
