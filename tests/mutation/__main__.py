"""The command: python -m tests.mutation."""

import argparse
import json
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.mutation import covering, equivalent, python_mutants, sql_mutants, tables
from tests.mutation.mutants import Mutant, distinct, sample
from tests.mutation.trial import ROOT, open_trial

SEED = 9
# So many mutants of one file are tried out besides those of its checks.
PER_FILE = {"sql": 4, "python": 4}
RESULTS = "mutation-{}.jsonl"


def main() -> None:
    """Reads the options, tries out what they ask for, and prints the figures."""
    # However it is ended, the servers end with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    values = _parse()
    known: dict[str, dict[str, Any]] = {}
    for kind in values.kinds or ("sql", "python"):
        results = Path(values.results or RESULTS.format(kind))
        chosen = _choose(kind, values)
        if values.list:
            for one, _ in chosen:
                print(f"{one.path}:{one.line} {one.operator}: {one.was!r} => {one.replacement!r}")
            continue
        _try_out(chosen, results, shlex.split(values.prefix), values.lock)
        known |= _read(results)
    if known:
        print(tables.render(ROOT, known.values()))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description="Breaks the product, and sees who notices."
    )
    parser.add_argument(
        "kinds", nargs="*", choices=("sql", "python"), metavar="sql|python", help="what to break [both]"
    )
    parser.add_argument("--all", action="store_true", help="every mutant, instead of a sample of each file")
    parser.add_argument("--per-file", type=int, metavar="N", help=f"how many of a file make the sample {PER_FILE}")
    parser.add_argument("--seed", type=int, default=SEED, help=f"which sample [{SEED}]")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="files whose path holds it")
    parser.add_argument("--prefix", default="nice -n 10", metavar="COMMAND", help="what runs the tests [nice -n 10]")
    parser.add_argument("--lock", default="", metavar="FILE", help="locked, shared, while tests run")
    parser.add_argument("--results", metavar="FILE", help=f"where the verdicts go [{RESULTS.format('KIND')}]")
    parser.add_argument("--list", action="store_true", help="tell what would be broken, and end")
    return parser.parse_args()


def _choose(kind: str, values: argparse.Namespace) -> Iterator[tuple[Mutant, int]]:
    """Each mutant, and how many its file has, chosen or not."""
    mutants_of = sql_mutants.of_file if kind == "sql" else python_mutants.of_file
    size = None if values.all else values.per_file or PER_FILE[kind]
    for path in covering.files(ROOT, kind):
        if not values.only or any(word in path for word in values.only):
            text = (ROOT / path).read_text(encoding="utf-8")
            found = distinct(mutants_of(path, text))
            for mutant in sample(found, size, values.seed):
                if not equivalent.reason(mutant, text):
                    yield mutant, len(found)


def _try_out(mutants: Iterator[tuple[Mutant, int]], results: Path, prefix: list[str], lock: str) -> None:
    """Appends a verdict for each mutant that has none yet, or survived: a test may have come since."""
    known = _read(results)
    with open_trial(prefix, lock) as trial, results.open("a", encoding="utf-8") as file:
        for mutant, of in mutants:
            if known.get(mutant.key, {}).get("verdict") in ("killed", "timeout"):
                continue
            outcome = trial.try_out(mutant, covering.tests(ROOT, mutant.path, mutant.operator))
            print(f"{outcome.verdict} {outcome.seconds:.1f} s {mutant.key!r} {outcome.by}", flush=True)
            facts = {"key": mutant.key, "path": mutant.path, "of": of, "line": mutant.line, "operator": mutant.operator}
            facts |= {"start": mutant.start, "end": mutant.end}
            facts |= {
                "was": mutant.was,
                "replacement": mutant.replacement,
                "verdict": outcome.verdict,
                "by": outcome.by,
            }
            file.write(json.dumps(facts) + "\n")
            file.flush()
        noticed = {key: one for key, one in _read(results).items() if "::" in one["by"]}
        failing = trial.failing({one["by"].partition("[")[0] for one in noticed.values()})
        for key, one in noticed.items():
            if one["by"].partition("[")[0] in failing:
                print(f"not known: {key!r}, since without it {one['by']} fails, too", flush=True)
                file.write(json.dumps(one | {"verdict": "not known"}) + "\n")


def _read(results: Path) -> dict[str, dict[str, Any]]:
    """The last verdict about each mutant, by its key."""
    if not results.exists():
        return {}
    found = map(json.loads, results.read_text(encoding="utf-8").splitlines())
    return {one["key"]: one for one in found}


if __name__ == "__main__":
    main()
