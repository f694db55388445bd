"""What a run applies, from files and ledgers alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from init_slate_db.core.addresses import Address
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import ConnectionOptions
from versioning.migrations.cluster import Node
from versioning.migrations.ledger import Ledger, Row
from versioning.migrations.patches import Folder, Patch, PatchType, read_number, read_patches
from versioning.migrations.plain import PlainCluster
from versioning.migrations.plan import Choice, check_headers, choose, find_drift, find_pending, find_unknown

ONE, TWO = (Node(name, Address(ConnectionOptions(), name)) for name in ("one", "two"))
CLUSTER = PlainCluster((ONE, TWO))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def patch(major: int, kind: PatchType = "direct") -> Patch:
    return Patch((major, 0, 0), kind, Path(f"patch-{major}-0-0-{kind}.sql"), "SELECT 1", "d")


def ledger(*patches: Patch, complete: bool = True) -> Ledger:
    end = NOW if complete else None
    rows = [
        Row(*one.number, one.type, one.digest, NOW, end, "r", "f", "v", 0, None, None, None, None) for one in patches
    ]
    return {row.number: row for row in rows}


def groups(patches: Sequence[Patch], ledgers: "dict[str, Ledger]", **choice: object) -> list[list[str]]:
    chosen = choose(find_pending(patches, CLUSTER, ledgers), Choice(**choice))  # type: ignore[arg-type]
    return [[one.patch.label for one in group] for group in chosen]


def test_a_std_patch_is_pending_on_the_source_alone_and_others_on_every_node_that_lacks_them() -> None:
    std, direct = patch(1, "std"), patch(2)
    pending = find_pending([std, direct], CLUSTER, {"one": ledger(std, direct), "two": {}})
    assert [(one.patch, one.nodes) for one in pending] == [(direct, (TWO,))]


def test_direct_and_concurrent_patches_are_one_group_and_std_another() -> None:
    patches = [patch(1, "std"), patch(2, "std"), patch(3), patch(4, "concurrent"), patch(5), patch(6, "std")]
    empty: dict[str, Ledger] = {"one": {}, "two": {}}
    assert groups(patches, empty) == [["1-0-0", "2-0-0"]]
    assert groups(patches, empty, one=True) == [["1-0-0"]]
    assert groups(patches, empty, all=True) == [["1-0-0", "2-0-0"], ["3-0-0", "4-0-0", "5-0-0"], ["6-0-0"]]
    assert groups(patches[2:], empty, types=("direct",), all=True) == [["3-0-0"]]
    assert groups([], empty) == []


def test_a_patch_that_is_half_done_is_no_gap_and_one_without_a_trace_below_others_is() -> None:
    first, second = patch(1, "concurrent"), patch(2)
    half = ledger(first, complete=False) | ledger(second)
    (pending,) = find_pending([first, second], CLUSTER, {"one": half, "two": half})
    assert not pending.is_gap
    (pending,) = find_pending([first, second], CLUSTER, {"one": half, "two": ledger(second)})
    assert pending.is_gap
    assert groups([first, second], {"one": half, "two": ledger(second)}) == []
    assert groups([first, second], {"one": half, "two": ledger(second)}, allow_gaps=True) == [["1-0-0"]]


def test_drift_is_another_digest_or_another_type() -> None:
    old = patch(1)
    for new in (replace(old, digest="e"), replace(old, type="std")):
        (drift,) = find_drift([new], {"one": ledger(old), "two": {}})
        assert (drift.node, drift.patch) == ("one", new)
    assert find_drift([old], {"one": ledger(old)}) == []


def test_rows_without_a_file_are_named_with_their_node() -> None:
    ((node, row),) = find_unknown([patch(1)], {"one": ledger(patch(1), patch(2))})
    assert (node, row.label) == ("one", "2-0-0")


def test_a_conflict_holds_both_ways() -> None:
    first = replace(patch(1), conflicts=((2, 0, 0),))
    second = patch(2)
    folder = Folder((first, second))
    done = {"one": ledger(first), "two": ledger(first)}
    with pytest.raises(SlateError, match=r"patch-2-0-0-direct\.sql conflicts with 1-0-0"):
        check_headers([second], folder, CLUSTER, done)


def test_what_is_required_counts_once_it_is_complete_on_all_its_nodes() -> None:
    first, second = patch(1), replace(patch(2), requires=((1, 0, 0),))
    folder = Folder((first, second))
    check_headers([first, second], folder, CLUSTER, {"one": {}, "two": {}})
    check_headers([second], folder, CLUSTER, {"one": ledger(first), "two": ledger(first)})
    with pytest.raises(SlateError, match="requires 1-0-0, which is not applied before it"):
        check_headers([second], folder, CLUSTER, {"one": ledger(first), "two": {}})


@pytest.mark.parametrize("text", ["1-2", "1-2-3-4", "a-b-c", "-1-2-3", "", "1-2-99999999999"])
def test_a_number_has_three_parts_that_an_integer_holds(text: str) -> None:
    assert read_number(text) is None
    assert read_number("01-2-003") == (1, 2, 3)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SlateError, match="cannot be read") as raised:
        read_patches(tmp_path / "none")
    assert raised.value.code == "bad-patches"


def test_headers_are_read_above_the_first_statement_alone(tmp_path: Path) -> None:
    text = "\ufeff-- Title\n\n--requires:1-0-0, 2-0-0\n-- Conflicts : 9-0-0\nSELECT 1;\n-- requires: 3-0-0\n"
    (tmp_path / "patch-4-0-0-std.sql").write_text(text, encoding="utf-8")
    (one,) = read_patches(tmp_path).patches
    assert one.requires == ((1, 0, 0), (2, 0, 0))
    assert one.conflicts == ((9, 0, 0),)
    assert one.text.startswith("-- Title")
