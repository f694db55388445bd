"""The command ``python -m benchmarks``: measures, keeps what was measured, and makes one report of all that is kept."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from benchmarks.groups import PARTS
from benchmarks.machine import this_machine
from benchmarks.markdown import DocumentError, update
from benchmarks.measuring import Measuring
from benchmarks.page import write_page
from benchmarks.plots import draw_all
from benchmarks.results import ResultsError, read_all

SMALLEST = 1000
RESULTS = Path("build/benchmarks")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compares this version with the original init-slate-db and with PostgreSQL's own programs, on two "
        "servers of its own that run for as long as a part does. What is compared is measured in turns; the tables "
        "have medians, and the lowest and highest ratio. Each part is kept in a file of its own, and the report, a "
        "page in HTML, is made of all that are there. Exit status 1 says that a target was missed. It takes "
        "about half an hour and 5 GB of the temporary folder; scaling to 10000000 events takes a quarter of an hour "
        "more for each round, and 25 GB.",
    )
    parser.add_argument("action", nargs="?", choices=("measure", "report"), default="measure",
                        help="measure, then make the report (default); or make the report alone")  # fmt: skip
    parser.add_argument("--events", type=_whole_number(SMALLEST), default=1_000_000, metavar="N",
                        help="events in the backup; of scaling, the largest number (default: 1000000)")  # fmt: skip
    parser.add_argument("--rounds", type=_whole_number(1), default=3, metavar="N", help="rounds of turns (default: 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART",
                        help=f"measure these alone: {', '.join(PARTS)} (default: all)")  # fmt: skip
    parser.add_argument("--missing", action="store_true", help="leave out what was measured and is kept already")
    parser.add_argument("--version", type=int, choices=(15, 18), default=15,
                        help="version of PostgreSQL (default: 15)")  # fmt: skip
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER",
                        help=f"where each part is kept (default: {RESULTS})")  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="FOLDER",
                        help="where report.html is made (default: where the parts are kept)")  # fmt: skip
    parser.add_argument("--document", type=Path, metavar="FILE",
                        help="write the tables into this Markdown file too, and the plots beside it")  # fmt: skip
    return parser.parse_args()


def main() -> int:
    """Does what the options ask for, and returns the exit status."""
    options = _options()
    signal.signal(signal.SIGTERM, _end)
    met = True
    if options.action == "measure":
        measuring = Measuring(
            options.version, options.events, options.rounds, options.results, this_machine(), options.missing
        )
        met = measuring.run(options.only)
    _make_report(options.results, options.output or options.results, options.document)
    return 0 if met else 1


def _make_report(kept: Path, output: Path, document: Path | None) -> None:
    results = read_all(kept)
    plots = draw_all(results)
    if plots is None:
        print("report: without plots, since matplotlib is not installed here: pip install 'init-slate-db[bench]'")
    page = write_page(results, plots or [], output)
    print(f"report: {page}")
    if document:
        update(document, results, plots)
        print(f"report: {document}")


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
    except (ResultsError, DocumentError) as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        sys.exit(1)
