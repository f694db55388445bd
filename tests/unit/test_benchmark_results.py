"""What a benchmark found is kept whole, each part in a file of its own, and nothing in it names the machine."""

import json
import platform
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import groups, measuring, scaling
from benchmarks.comparison import Comparison, Spread, Target
from benchmarks.machine import Machine, this_machine
from benchmarks.measuring import Measuring
from benchmarks.model import Series
from benchmarks.results import Conditions, Point, Result, ResultsError, from_json, read_all, to_json, write
from benchmarks.usage import Usage

MACHINE = Machine(cores=2, memory=24.5, architecture="x86_64", system="Linux", python="3.11.7")
CONDITIONS = Conditions("2026-11-21T12:00:00+00:00", MACHINE, "15.20", 1_000_000, 0.25, 2.5)
COMPARED = Comparison(
    "copy",
    "pgcopydb clone",
    "s",
    (6.5, 7.25),
    (8.0, 8.5),
    Target("at most", 0.75),
    Usage(1.5, 8.25, 42.5, 310.0, 0.125),
    Usage(2.5, 9.75),
)
TOLD = Comparison("restore", "original", "s", (7.53,), (18.4,), told=Spread(0.42, 0.37, 0.43))
INFORMS = Comparison("start", "nothing", "ms", (60.0,), (20.0,))
RESULT = Result("recover", CONDITIONS, (COMPARED, TOLD))
GROWN = Result("scaling", CONDITIONS, points=(Point("copy", 1_000_000, (6.5, 7.5, 7.0), Usage(1.0), peer=True),))


@pytest.mark.parametrize("result", [RESULT, GROWN, replace(GROWN, complete=False)])
def test_what_is_kept_is_read_again_as_it_was(result: Result, tmp_path: Path) -> None:
    write(result, tmp_path)
    assert read_all(tmp_path) == [result]


def test_a_part_that_is_measured_again_takes_the_place_of_its_own_figures_alone(tmp_path: Path) -> None:
    on_18 = replace(RESULT, conditions=replace(CONDITIONS, postgresql="18.6"))
    larger = replace(GROWN, conditions=replace(CONDITIONS, events=10_000_000))
    for result in (RESULT, on_18, GROWN, larger):
        write(result, tmp_path)
    again = replace(RESULT, comparisons=(COMPARED,))
    write(again, tmp_path)
    found = {(one.part, one.major, one.conditions.events): one for one in read_all(tmp_path)}
    assert len(found) == 4
    assert found["recover", "15", 1_000_000] == again
    assert found["recover", "18", 1_000_000] == on_18
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".json"]


def test_results_say_what_machine_it_was_but_neither_its_name_nor_a_path() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory > 0
    text = json.dumps(asdict(machine))
    assert "/" not in text
    assert platform.node() not in text.replace(machine.architecture, "").replace(machine.system, "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (to_json(RESULT).replace('"format": 1', '"format": 2'), "it does not have format 1"),
        ("[]", "it does not have format 1"),
        (to_json(RESULT).replace('"part"', '"piece"'), "something is missing or too much: 'part'"),
        ("{", "Expecting property name"),
    ],
)
def test_a_file_that_holds_no_results_is_named_with_the_reason(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "recover-15.json").write_text(text)
    with pytest.raises(ResultsError) as caught:
        read_all(tmp_path)
    assert str(caught.value).startswith(f"recover-15.json does not hold results: {reason}")
    assert str(caught.value).endswith("Measure that part again.")


def test_figures_are_kept_to_the_microsecond() -> None:
    result = replace(GROWN, points=(Point("copy", 10_000, (1.23456789,)),))
    assert from_json(to_json(result)).points[0].seconds == (1.234568,)


def test_a_ratio_that_was_written_down_by_hand_stands_as_it_was_written() -> None:
    assert TOLD.ratios == Spread(0.42, 0.37, 0.43)
    assert TOLD.rounds is None
    assert COMPARED.rounds == 2
    assert COMPARED.ratios.lowest == pytest.approx(6.5 / 8.0)


def test_a_run_keeps_its_part_with_the_load_and_leaves_out_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = []

    def measure(rounds: int) -> list[Comparison]:
        measured.append(rounds)
        return [replace(COMPARED, target=Target("at most", 1.0))]

    monkeypatch.setattr(measuring, "measure_startup", measure)
    run = Measuring(15, 1000, 2, tmp_path, MACHINE, missing=True)
    assert run.run([groups.STARTUP])
    (kept,) = read_all(tmp_path)
    assert kept.part == groups.STARTUP
    assert kept.major is None
    assert kept.conditions.load_before is not None
    assert kept.conditions.load_after is not None
    assert run.run([groups.STARTUP])
    assert measured == [2]
    assert "copy" in capsys.readouterr().out


def test_figures_written_down_by_hand_do_not_stand_for_a_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Conditions("2026-11-21", MACHINE, told=True)
    write(Result(groups.STARTUP, told, (TOLD,)), tmp_path)
    monkeypatch.setattr(measuring, "measure_startup", lambda _: [INFORMS])
    assert Measuring(15, 1000, 2, tmp_path, MACHINE, missing=True).run([groups.STARTUP])
    (kept,) = read_all(tmp_path)
    assert kept.comparisons == (INFORMS,)


def test_a_run_that_misses_a_target_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "measure_startup", lambda _: [COMPARED])
    assert not Measuring(15, 1000, 2, tmp_path, MACHINE).run([groups.STARTUP])


def test_an_interrupted_size_keeps_what_it_has_and_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = []

    def measure(_servers: object, size: int, _rounds: int) -> Iterator[tuple[Point, ...]]:
        sizes.append(size)
        copied = Point(scaling.COPY, size, (1.0,))
        yield (copied,)
        if len(sizes) == 2:
            raise KeyboardInterrupt
        yield copied, Point(scaling.COMPARE, size, (0.5,))

    monkeypatch.setattr(measuring, "running", lambda *_: nullcontext())
    monkeypatch.setattr(measuring, "postgresql_version", lambda _: "15.20")
    monkeypatch.setattr(scaling, "measure", measure)
    run = Measuring(15, 100_000, 1, tmp_path, MACHINE, missing=True)
    with pytest.raises(KeyboardInterrupt):
        run.run([groups.SCALING])
    kept = {one.conditions.events: one for one in read_all(tmp_path)}
    assert (kept[10_000].complete, len(kept[10_000].points)) == (True, 2)
    assert (kept[100_000].complete, len(kept[100_000].points)) == (False, 1)
    run.run([groups.SCALING])
    run.run([groups.SCALING])
    assert sizes == [10_000, 100_000, 100_000]
    assert all(one.complete for one in read_all(tmp_path))
    assert scaling.COMPARE in capsys.readouterr().out


def test_sizes_grow_by_tens_up_to_what_was_asked_for() -> None:
    assert scaling.sizes_up_to(10_000) == [10_000]
    assert scaling.sizes_up_to(250_000) == [10_000, 100_000, 250_000]
    assert scaling.sizes_up_to(10_000_000) == [10_000, 100_000, 1_000_000, 10_000_000]


def test_the_model_says_of_the_largest_size_what_was_measured_and_of_more_no_less() -> None:
    largest = {100_000: 1.1, 1_000_000: 6.7, 10_000_000: 86.0}
    series = Series("copy", {10_000: 99.0} | largest)
    assert series.expect(10_000_000) == pytest.approx(86.0)
    assert series.expect(10**9) > 100 * 86.0
    # What is fixed shows at the smallest of the three largest sizes.
    assert series.expect(10**9) == Series("copy", largest).expect(10**9)


def test_the_model_never_takes_less_than_no_time() -> None:
    faster = Series("promote", {100_000: 0.3, 1_000_000: 0.3, 10_000_000: 0.2})
    assert faster.expect(10**10) >= 0
