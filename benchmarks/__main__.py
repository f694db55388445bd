"""The command ``python -m benchmarks``: measures everything in one run and prints one table."""

import argparse
import platform
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from benchmarks import (
    diff,
    follow,
    migrate,
    parts,
    recovery,
    releases,
    replication,
    restore,
    scaling,
    startup,
    writers,
)
from benchmarks.comparison import Comparison
from benchmarks.report import all_met, print_table
from benchmarks.servers import running

GROUPS = ("restore", "writers", "memory", "startup", "recover", "diff", "replicate", "follow", "migrate", "release")
SCALING = "scaling"
SMALLEST = 1000


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compares this version with the original init-slate-db and with PostgreSQL's own programs, on two "
        "servers of its own that run for as long as it does. What is compared is measured in turns; the table has "
        "medians, and the lowest and highest ratio. Exit status 1 says that a target was missed. At full size it takes "
        "about fifteen minutes and 5 GB of /tmp.",
    )
    parser.add_argument("--events", type=_whole_number(SMALLEST), default=1_000_000, metavar="N",
                        help="events in the backup (default: 1000000)")  # fmt: skip
    parser.add_argument("--rounds", type=_whole_number(1), default=3, metavar="N", help="rounds of turns (default: 3)")
    parser.add_argument("--only", choices=(*GROUPS, SCALING), help="measure this alone; scaling, alone, shows growth")
    parser.add_argument("--version", type=int, choices=(15, 18), default=15,
                        help="version of PostgreSQL (default: 15)")  # fmt: skip
    return parser.parse_args()


def main() -> int:
    """Runs what the options ask for, and returns the exit status."""
    options = _options()
    groups = [options.only] if options.only else GROUPS
    signal.signal(signal.SIGTERM, _end)
    print(f"PostgreSQL {options.version}, Python {platform.python_version()}, {platform.machine()}")
    if options.only == SCALING:
        scaling.report(options.version, options.events)
        return 0
    comparisons: list[Comparison] = []
    if "startup" in groups:
        comparisons += startup.measure(options.rounds)
    if "replicate" in groups:
        comparisons += replication.measure(options.version, options.events, options.rounds)
    if set(groups) - {"startup", "replicate"}:
        with running(options.version) as servers:
            if "restore" in groups:
                comparisons += restore.measure_time(servers, options.events, options.rounds)
            if "memory" in groups:
                comparisons += restore.measure_memory(servers, options.events)
            if "writers" in groups:
                comparisons += writers.measure(servers, options.events, options.rounds)
            if "recover" in groups:
                comparisons += recovery.measure(servers, options.events, options.rounds)
                comparisons += parts.measure(servers, options.events)
            if "diff" in groups:
                comparisons += diff.measure(servers, options.events, options.rounds)
            if "follow" in groups:
                comparisons += follow.measure(servers, options.events, options.rounds)
            if "migrate" in groups:
                comparisons += migrate.measure(servers, options.rounds)
            if "release" in groups:
                comparisons += releases.measure(servers, options.rounds)
    print_table(comparisons)
    return 0 if all_met(comparisons) else 1


def _end(signal_number: int, _frame: object) -> NoReturn:
    """Ends as Ctrl-C does, so that the servers are stopped."""
    sys.exit(128 + signal_number)


def _whole_number(lowest: int) -> Callable[[str], int]:
    """A parser of whole numbers that are not lower than that."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
        return int(text)

    return parse


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
