"""``slate-schema status``: how every node stands, for people and for programs."""

import json

from init_slate_db.core.embedded import free_port
from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.migrations import COMMAND, Nodes


def test_nodes_that_are_alike_are_well_whatever_is_pending(three_nodes: Nodes) -> None:
    three_nodes.write(p1_0_0_std="SELECT 1", p2_0_0_direct="SELECT 1")
    code, told, _ = three_nodes.run("status")
    assert code == ExitStatus.DONE
    assert told == (
        f"{three_nodes.place(0)}: 0 applied, 2 pending\n"
        f"{three_nodes.place(1)}: 0 applied, 1 pending\n"
        f"{three_nodes.place(2)}: 0 applied, 1 pending\n"
        "pending: 1-0-0 std\npending: 2-0-0 direct\n"
    )
    assert three_nodes.ask("SELECT to_regnamespace('slate')") == [(None,)]
    assert three_nodes.migrate("--all")[0] == ExitStatus.DONE
    assert three_nodes.run("status")[0] == ExitStatus.DONE


def test_what_only_some_nodes_have_is_a_difference(three_nodes: Nodes) -> None:
    three_nodes.do("CREATE TABLE t (n int)", 2)
    three_nodes.write(p1_0_0_direct="CREATE TABLE t (n int)")
    assert three_nodes.migrate()[0] == ExitStatus.FAILED
    code, told, _ = three_nodes.run("status")
    assert code == ExitStatus.DIFFERENT
    assert "not on all nodes: 1-0-0 direct\n" in told


def test_programs_get_it_as_json(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="SELECT 1", p2_0_0_concurrent="SELECT 1; SELECT 1/0", p3_0_0_std="SELECT 1")
    one_node.migrate("--all")
    one_node.do(
        "INSERT INTO slate.patch SELECT 0, 9, 0, type, digest, now(), now(), 'x', 'x', 'x' FROM slate.patch LIMIT 1"
    )
    code, told, _ = one_node.run("status", "--format", "json")
    assert code == ExitStatus.DIFFERENT
    status = json.loads(told)
    (node,) = status["nodes"]
    assert (status["cluster"], node["name"], node["error"]) == ("one node", one_node.place(), None)
    assert [row["patch"] for row in node["applied"]] == ["0-9-0", "1-0-0"]
    (half,) = node["half_done"]
    assert (half["patch"], half["done"], half["begun"], half["ended_at"]) == ("2-0-0", 1, None, None)
    assert node["pending"] == [{"patch": "3-0-0", "type": "std"}]
    assert (node["not_in_folder"], node["invalid_indexes"]) == (["0-9-0"], [])
    assert (status["drift"], status["gaps"], status["not_on_all_nodes"], status["warnings"]) == ([], [], [], [])


def test_a_node_that_does_not_answer_is_told_beside_the_others(one_node: Nodes) -> None:
    one_node.write(p1_0_0_direct="SELECT 1")
    one_node.migrate()
    port = free_port()
    more = ["--node", f"127.0.0.1:{port}", "--connect-timeout", "1"]
    ended = commands.run(one_node.arguments("status", *more), one_node.server.environment(), COMMAND)
    assert ended.returncode == ExitStatus.FAILED
    first, second = ended.stdout.splitlines()
    assert first == f"{one_node.place()}: 1 applied, 0 pending"
    assert second.startswith(
        f"127.0.0.1:{port}/events: cannot be asked. No PostgreSQL server answers at 127.0.0.1:{port}."
    )
    ended = commands.run(one_node.arguments("migrate", "--yes", *more), one_node.server.environment(), COMMAND)
    assert ended.returncode == ExitStatus.FAILED
    assert f"No PostgreSQL server answers at 127.0.0.1:{port}." in ended.stderr


def test_all_nodes_that_do_not_answer_are_told_at_once_and_nothing_is_changed(three_nodes: Nodes) -> None:
    three_nodes.write(p1_0_0_direct="SELECT 1")
    port = free_port()
    more = ["--node", f"127.0.0.1:{port}", "--node", f"user=nobody dbname={three_nodes.names[0]}"]
    arguments = three_nodes.arguments("migrate", "--yes", *more, "--connect-timeout", "100")
    ended = commands.run(arguments, three_nodes.server.environment(), COMMAND)
    assert ended.returncode == ExitStatus.FAILED
    assert "error: 2 of 5 nodes cannot be used:\n" in ended.stderr
    assert f"\n  No PostgreSQL server answers at 127.0.0.1:{port}." in ended.stderr
    assert 'does not accept the password of user "nobody".' in ended.stderr
    assert three_nodes.ask("SELECT to_regnamespace('slate')") == [(None,)]
