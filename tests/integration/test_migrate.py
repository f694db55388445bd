"""``slate-schema migrate``: what the tool that it descends from promises, and what operators need beside that."""

import pytest

from init_slate_db import __version__
from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.migrations import COMMAND, Nodes


def test_a_patch_is_named_by_number_and_type_and_numbers_are_no_texts(one_node: Nodes) -> None:
    one_node.write(p10_0_0_std="INSERT INTO t VALUES (3)", p2_0_0_std="CREATE TABLE t (n int)")
    one_node.write(p2_0_10_std="INSERT INTO t VALUES (2)", p2_0_9_std="INSERT INTO t VALUES (1);")
    code, told, log = one_node.migrate()
    assert (code, told) == (ExitStatus.DONE, "Applied 4 patches.\n"), log
    assert one_node.ask("SELECT array_agg(n ORDER BY ctid) FROM t") == [([1, 2, 3],)]
    assert one_node.ledger() == ["2-0-0", "2-0-9", "2-0-10", "10-0-0"]
    code, told, _ = one_node.migrate()
    assert (code, told) == (ExitStatus.DONE, "Nothing is to be applied.\n")


def test_the_ledger_says_what_when_who_from_where_and_with_which_tool(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="SELECT 1 -- the last character is no semicolon")
    assert one_node.migrate()[0] == ExitStatus.DONE
    ((digest, seconds, role, came_from, version),) = one_node.ask(
        "SELECT digest, ended_at - started_at, role, came_from, tool_version FROM slate.patch"
    )
    assert len(digest) == 64
    assert seconds.total_seconds() > 0
    assert (role, version) == (one_node.server.parameters()["user"], __version__)
    assert "@" in came_from


def test_one_run_applies_adjacent_patches_of_one_kind_and_all_goes_on(three_nodes: Nodes) -> None:
    three_nodes.write(
        p1_0_0_std="CREATE TABLE t (n int)",
        p1_1_0_std="CREATE TABLE u (n int)",
        p2_0_0_direct="CREATE TABLE d (n int)",
        p2_1_0_concurrent="CREATE INDEX CONCURRENTLY d_n ON d (n)",
        p3_0_0_std="CREATE TABLE v (n int)",
        p4_0_0_direct="CREATE TABLE e (n int)",
    )
    code, told, _ = three_nodes.migrate()
    assert code == ExitStatus.DONE
    assert told == "Applied 2 patches.\nPending: 4, 2-0-0 direct next; --all applies all of them.\n"
    assert three_nodes.ledger() == ["1-0-0", "1-1-0"]
    assert not three_nodes.has("t", 1), "a std patch is the source's alone"
    three_nodes.migrate()
    assert [three_nodes.ledger(number) for number in (0, 1, 2)] == [
        ["1-0-0", "1-1-0", "2-0-0", "2-1-0"],
        ["2-0-0", "2-1-0"],
        ["2-0-0", "2-1-0"],
    ]
    assert three_nodes.migrate("--all")[0] == ExitStatus.DONE
    assert three_nodes.ledger(2) == ["2-0-0", "2-1-0", "4-0-0"]
    assert three_nodes.has("e", 2)


def test_one_applies_one_patch(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="SELECT 1", p2_0_0_std="SELECT 1")
    assert one_node.migrate("--one")[1] == "Applied 1 patch.\nPending: 1, 2-0-0 std next; --all applies all of them.\n"
    assert one_node.ledger() == ["1-0-0"]


def test_a_type_alone_is_applied_where_it_comes_next_and_refused_behind_another(one_node: Nodes) -> None:
    one_node.write(p1_0_0_direct="SELECT 1", p2_0_0_concurrent="SELECT 1", p3_0_0_std="SELECT 1")
    assert one_node.migrate("--type", "direct", "--all")[0] == ExitStatus.DONE
    assert one_node.ledger() == ["1-0-0"]
    code, _, log = one_node.migrate("--type", "std")
    assert code == ExitStatus.REFUSED
    assert "Patch 2-0-0, which comes next, is of type concurrent." in log
    assert one_node.migrate("--type", "direct")[1].startswith("Nothing is to be applied.\n")


def test_other_names_are_warned_of_and_left_alone(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="SELECT 1")
    for name in ("README", "patch-1-0-std.sql", "patch-1-0-0-norm.sql"):
        (one_node.folder / name).write_text("SELECT 1/0")
    (one_node.folder / ".hidden").write_text("")
    code, _, log = one_node.migrate()
    assert code == ExitStatus.DONE
    assert log.count("is not named patch-MAJOR-MINOR-POINT-std|direct|concurrent.sql: left alone.") == 3
    assert one_node.ledger() == ["1-0-0"]


@pytest.mark.parametrize("kind", ["std", "direct", "concurrent"])
def test_a_syntax_error_is_shown_with_line_and_position_and_nothing_of_its_group_is_applied(
    three_nodes: Nodes, kind: str
) -> None:
    first = "std" if kind == "std" else "direct"
    three_nodes.write(**{f"p1_0_0_{first}": "CREATE TABLE t (n int)"})
    three_nodes.write(**{f"p1_1_0_{kind}": "SELECT 1;\n\nCREATE\n  TABEL x (n int);"})
    code, told, log = three_nodes.migrate()
    assert code == ExitStatus.FAILED
    assert told == ""
    assert log == (
        f'error: Patch 1-1-0 failed on {three_nodes.place()}: syntax error at or near "TABEL"\n'
        f"  patch-1-1-0-{kind}.sql, line 4, column 3 (SQLSTATE 42601):\n"
        "  LINE 4:   TABEL x (n int);\n"
        "            ^\n"
        "  Nothing of its group was applied.\n"
    )
    assert [three_nodes.ledger(number) for number in (0, 1, 2)] == [[], [], []]
    assert not three_nodes.has("t")


def test_a_syntax_error_at_the_end_is_shown_in_its_own_file(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="SELECT 1;\nSELECT (1", p2_0_0_std="SELECT 2")
    log = one_node.migrate()[2]
    assert "patch-1-0-0-std.sql, line 2, column 10 (SQLSTATE 42601):\n  LINE 2: SELECT (1\n" in log


def test_another_error_is_shown_with_the_line_of_its_statement(one_node: Nodes) -> None:
    one_node.write(
        p1_0_0_std="CREATE TABLE t (n int)",
        p2_0_0_std="SELECT 1; SELECT ';';\n\nSELECT\n  1/0;\nSELECT 2",
    )
    code, _, log = one_node.migrate()
    assert code == ExitStatus.FAILED
    assert "failed on" in log and "division by zero" in log
    assert "  patch-2-0-0-std.sql, line 3 (SQLSTATE 22012):\n  LINE 3: SELECT\n" in log
    assert "None of the 2 patches of its group was applied." in log
    assert one_node.ledger() == []
    assert not one_node.has("t")


def test_a_failure_on_the_second_of_three_nodes_is_told_node_by_node_and_completed_later(three_nodes: Nodes) -> None:
    three_nodes.do("CREATE TABLE t (other int)", 1)
    three_nodes.write(p1_0_0_direct="CREATE TABLE t (n int)", p1_1_0_direct="CREATE TABLE u (n int)")
    code, told, log = three_nodes.migrate()
    assert code == ExitStatus.FAILED
    assert told == (
        "Patch 1-0-0 direct:\n"
        f"  {three_nodes.place(0)}: applied\n"
        f"  {three_nodes.place(1)}: failed\n"
        f"  {three_nodes.place(2)}: not begun\n"
    )
    assert f'Patch 1-0-0 failed on {three_nodes.place(1)}: relation "t" already exists' in log
    assert [three_nodes.ledger(number) for number in (0, 1, 2)] == [["1-0-0"], [], []]
    three_nodes.do("DROP TABLE t", 1)
    assert three_nodes.migrate()[1] == "Applied 2 patches.\n"
    assert [three_nodes.ledger(number) for number in (0, 1, 2)] == [["1-0-0", "1-1-0"]] * 3


def test_what_a_patch_sets_in_its_session_ends_with_it(one_node: Nodes) -> None:
    one_node.write(
        p1_0_0_std="CREATE SCHEMA s; SET search_path = s; SET standard_conforming_strings = off; SET ROLE pg_monitor",
        p2_0_0_std="CREATE TABLE t (a text DEFAULT '\\'); CREATE TEMP TABLE x (n int)",
        p3_0_0_std="CREATE TEMP TABLE x (n int)",
        p4_0_0_direct="SET SESSION AUTHORIZATION pg_monitor; SET search_path = s",
        p5_0_0_direct="CREATE TABLE u (n int)",
    )
    code, _, log = one_node.migrate("--all")
    assert code == ExitStatus.DONE, log
    assert one_node.has("public.t") and one_node.has("public.u")


def test_a_dry_run_tries_std_and_direct_lists_concurrent_and_leaves_nothing(three_nodes: Nodes) -> None:
    three_nodes.write(
        p1_0_0_direct="CREATE TABLE t (n int)",
        p1_1_0_direct="ALTER TABLE t ADD m int",
        p1_2_0_concurrent="CREATE INDEX CONCURRENTLY t_n ON t (n)",
    )
    code, told, log = three_nodes.run("migrate", "--dry-run", "--all")
    assert code == ExitStatus.DONE, log
    assert "  1-2-0 concurrent: not tried\n" in told
    everywhere = ", ".join(three_nodes.place(number) for number in range(3))
    assert f"  1-1-0 direct: runs on {everywhere}\n" in told
    assert told.endswith("Nothing was done: --dry-run.\n")
    for number in range(3):
        assert not three_nodes.has("t", number)
        assert three_nodes.ask("SELECT to_regnamespace('slate')", number) == [(None,)]
    three_nodes.write(p1_1_1_direct="ALTER TABLE t ADD m int")
    code, _, log = three_nodes.run("migrate", "--dry-run")
    assert code == ExitStatus.FAILED
    assert 'column "m" of relation "t" already exists' in log
    assert "Nothing was changed: --dry-run." in log


def test_a_dry_run_finds_what_would_fail_at_the_commit_alone(one_node: Nodes) -> None:
    one_node.do("CREATE TABLE t (n int); CREATE TABLE u (n int PRIMARY KEY)")
    deferred = "ALTER TABLE t ADD CONSTRAINT known FOREIGN KEY (n) REFERENCES u DEFERRABLE INITIALLY DEFERRED"
    one_node.write(p1_0_0_direct=f"{deferred}; INSERT INTO t VALUES (1)")
    code, told, log = one_node.run("migrate", "--dry-run")
    assert code == ExitStatus.FAILED, told
    assert 'violates foreign key constraint "known"' in log


def test_nobody_to_ask_and_no_yes_is_refused(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="CREATE TABLE t (n int)")
    code, _, log = one_node.run("migrate")
    assert code == ExitStatus.REFUSED
    assert "Add --yes to have it carried out" in log
    assert not one_node.has("t")


def test_a_file_changed_after_it_was_applied_is_drift_until_it_is_accepted(three_nodes: Nodes) -> None:
    three_nodes.write(p1_0_0_direct="SELECT 1")
    three_nodes.migrate()
    ((before,),) = three_nodes.ask("SELECT digest FROM slate.patch")
    three_nodes.write(p1_0_0_direct="SELECT 2", p2_0_0_direct="CREATE TABLE t (n int)")
    code, _, log = three_nodes.migrate()
    assert code == ExitStatus.DIFFERENT
    assert log.count(f"applied {before}, the file is ") == 3
    assert "--accept 1-0-0" in log
    assert three_nodes.run("status")[0] == ExitStatus.DIFFERENT
    assert not three_nodes.has("t"), "nothing is applied beside drift"
    code, _, log = three_nodes.migrate("--accept", "1-0-0")
    assert code == ExitStatus.DONE, log
    assert three_nodes.has("t", 2)
    for number in range(3):
        row = "SELECT former_digest, accepted_by IS NOT NULL FROM slate.patch WHERE major = 1"
        assert three_nodes.ask(row, number) == [(before, True)]
    code, _, log = three_nodes.migrate("--accept", "2-0-0")
    assert code == ExitStatus.REFUSED
    assert "2-0-0 has not been changed since it was applied" in log


def test_a_gap_is_reported_and_applied_only_when_allowed(one_node: Nodes) -> None:
    one_node.write(p2_0_0_std="SELECT 1")
    one_node.migrate()
    one_node.write(p1_0_0_std="CREATE TABLE t (n int)", p3_0_0_std="SELECT 1")
    code, told, log = one_node.migrate()
    assert code == ExitStatus.DONE
    assert told == "Applied 1 patch.\nGaps: 1-0-0; --allow-gaps has them applied.\n"
    assert "warning: Patch 1-0-0 is a gap: later ones are applied. --allow-gaps has it applied." in log
    assert one_node.ledger() == ["2-0-0", "3-0-0"]
    assert "gap: 1-0-0 std\n" in one_node.run("status")[1]
    assert one_node.migrate("--allow-gaps")[1] == "Applied 1 patch.\n"
    assert one_node.has("t")


def test_what_patches_require_and_conflict_with_is_checked_before_anything_runs(one_node: Nodes) -> None:
    one_node.write(
        p1_0_0_std="CREATE TABLE t (n int)",
        p2_0_0_std="-- Why\n-- requires: 1-0-0, 1-5-0\nSELECT 1",
        p3_0_0_std="-- Conflicts: 1-0-0\nSELECT 1",
    )
    code, _, log = one_node.migrate()
    assert code == ExitStatus.REFUSED
    assert "  patch-2-0-0-std.sql requires 1-5-0, which is not applied before it\n" in log
    assert "  patch-3-0-0-std.sql conflicts with 1-0-0\n" in log
    assert not one_node.has("t")
    one_node.write(p1_5_0_std="SELECT 1", p3_0_0_std="-- conflicts: 9-0-0\nSELECT 1")
    assert one_node.migrate()[0] == ExitStatus.DONE


def test_faulty_files_are_all_named_and_nothing_is_applied(one_node: Nodes) -> None:
    one_node.write(
        p1_0_0_std="CREATE TABLE t (n int)",
        p1_0_0_direct="SELECT 1",
        p2_0_0_std="",
        p3_0_0_std="-- requires: one\nSELECT 1",
    )
    (one_node.folder / "patch-4-0-0-std.sql").write_bytes(b"SELECT '\xff'")
    code, _, log = one_node.migrate()
    assert code == ExitStatus.REFUSED
    for fault in (
        "patch-1-0-0-direct.sql and patch-1-0-0-std.sql: two files have the number 1-0-0",
        "patch-2-0-0-std.sql: it is empty",
        'patch-3-0-0-std.sql: line 1: "one" is no number',
        "patch-4-0-0-std.sql: byte 9 is not UTF-8",
    ):
        assert f"  {fault}\n" in log
    assert not one_node.has("t")


def test_statements_that_no_patch_may_hold_are_refused_before_anything_runs(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="CREATE TABLE t (n int)", p2_0_0_std="SELECT 1;\nCOMMIT")
    code, _, log = one_node.migrate()
    assert code == ExitStatus.REFUSED
    assert "patch-2-0-0-std.sql: line 2: COMMIT is not for a patch of type std" in log
    assert not one_node.has("t")


def test_a_database_named_twice_is_refused(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="SELECT 1")
    code, _, log = Nodes(one_node.server, one_node.names * 2, one_node.folder).migrate()
    assert code == ExitStatus.REFUSED
    assert "are the same database" in log


def test_a_patch_that_was_applied_and_has_no_file_is_told(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="SELECT 1")
    one_node.migrate()
    (one_node.folder / "patch-1-0-0-std.sql").unlink()
    code, _, log = one_node.migrate()
    assert code == ExitStatus.DONE
    assert f"warning: {one_node.place()} has patch 1-0-0, of type std, which the folder does not hold." in log


def test_passwords_in_a_patch_are_shown_nowhere(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="CREATE ROLE pg_x PASSWORD 'geheim'")
    code, told, log = one_node.migrate("-vv")
    assert code == ExitStatus.FAILED
    assert "LINE 1: CREATE ROLE pg_x PASSWORD '******'\n" in log
    assert "geheim" not in told + log
    one_node.write(p1_0_0_std="CREATE ROLE x PASWORD PASSWORD 'geheim'")
    log = one_node.migrate("-vv")[2]
    assert "LINE 1: CREATE ROLE x PASWORD PASSWORD '******'\n" in log
    assert "geheim" not in log


def test_that_a_server_reads_patches_brings_no_password_into_its_log(one_node: Nodes) -> None:
    one_node.do(f"ALTER DATABASE {one_node.names[0]} SET log_statement = 'none'")
    one_node.write(p1_0_0_std=f"CREATE ROLE {one_node.names[0]}_role PASSWORD 'hidden'")
    before = one_node.server.cluster.log.stat().st_size
    status, _, told = one_node.migrate("--dry-run")
    assert status == ExitStatus.DONE, told
    with one_node.server.cluster.log.open("rb") as log:
        log.seek(before)
        logged = log.read().decode()
    assert "slate-schema reads patches here" in logged
    assert "hidden" not in logged


def test_who_may_not_set_what_is_logged_may_apply_patches(one_node: Nodes) -> None:
    role = f"{one_node.names[0]}_owner"
    one_node.do(f"CREATE ROLE {role} LOGIN PASSWORD 'r'; ALTER DATABASE {one_node.names[0]} OWNER TO {role}")
    one_node.write(p1_0_0_std="SELECT 1")
    try:
        environment = one_node.server.environment(PGUSER=role, PGPASSWORD="r")
        ended = commands.run(one_node.arguments("migrate", "--yes"), environment, COMMAND)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
    finally:
        one_node.server.drop(one_node.names[0])
        with one_node.server.connect() as connection:
            connection.execute(f"DROP ROLE {role}".encode())


@pytest.mark.parametrize("verb", ["status", "migrate"])
def test_who_may_not_read_the_ledger_is_told_what_to_grant(one_node: Nodes, verb: str) -> None:
    one_node.write(p1_0_0_std="SELECT 1")
    assert one_node.migrate()[0] == ExitStatus.DONE
    role = f"{one_node.names[0]}_reader"
    one_node.do(f"CREATE ROLE {role} LOGIN PASSWORD 'r'")
    environment = one_node.server.environment(PGUSER=role, PGPASSWORD="r")
    try:
        for grant in ("GRANT USAGE ON SCHEMA slate", "GRANT SELECT ON slate.patch"):
            ended = commands.run(one_node.arguments(verb), environment, COMMAND)
            assert ended.returncode == ExitStatus.FAILED
            assert (
                f'error: Role "{role}" may not read the ledger of database "{one_node.names[0]}", table slate.patch.\n'
                f'  Use role "postgres", or have it run: GRANT USAGE ON SCHEMA slate TO "{role}"; GRANT SELECT ON'
                f' slate.patch TO "{role}"\n'
            ) in ended.stderr
            one_node.do(f"{grant} TO {role}")
        ended = commands.run(one_node.arguments(verb), environment, COMMAND)
        assert ended.returncode == ExitStatus.DONE, ended.stderr
    finally:
        one_node.do(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_what_a_patch_has_the_server_say_is_told(one_node: Nodes) -> None:
    one_node.write(p1_0_0_std="DO $$ BEGIN RAISE WARNING 'mind the rows'; RAISE NOTICE 'in passing'; END $$")
    log = one_node.migrate()[2]
    assert f"warning: {one_node.place()}: mind the rows\n" in log
    assert "in passing" not in log
