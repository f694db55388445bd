"""How far a long step is can be read by a person at a terminal, and by machines."""

import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from init_slate_db.core import progress as module
from init_slate_db.core.console import configure_logging
from init_slate_db.core.options import LogOptions
from init_slate_db.core.progress import describe_duration, progress

TEXT = LogOptions()
LONG_LINE = "a line that is longer than the terminal is wide, " * 4 + "[bold]and has brackets[/bold]"


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "_clock", clock)
    return clock


Command = Callable[[LogOptions], io.StringIO]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Starts a command's log lines; returns its standard error, which is no terminal."""
    loggers = [logging.getLogger(name) for name in ("init_slate_db", "recovery")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]

    def start(options: LogOptions) -> io.StringIO:
        errors = io.StringIO()
        monkeypatch.setattr(sys, "stderr", errors)
        configure_logging(options)
        return errors

    yield start
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_a_line_tells_done_total_percentage_rate_and_time_left(clock: Clock, command: Command) -> None:
    errors = command(TEXT)
    with progress("Copying events", 13_050_000, TEXT) as step:
        clock.now += 5
        step.reach(1_200_000)
    assert errors.getvalue() == ("Copying events: 1,200,000 of 13,050,000 (9 %), 240,000 events/s, 49 s left\n")


def test_a_step_shorter_than_the_interval_says_nothing(clock: Clock, command: Command) -> None:
    errors = command(TEXT)
    with progress("Copying events", 10, TEXT) as step:
        clock.now += 4.9
        step.reach(10)
    assert errors.getvalue() == ""


def test_lines_come_once_an_interval_however_many_calls_there_are(clock: Clock, command: Command) -> None:
    errors = command(TEXT)
    with progress("Copying events", 1000, TEXT) as step:
        for _ in range(120):
            clock.now += 0.125
            step.advance(1)
    assert [line.split(" (")[0] for line in errors.getvalue().splitlines()] == [
        "Copying events: 40 of 1,000",
        "Copying events: 80 of 1,000",
        "Copying events: 120 of 1,000",
    ]


def test_the_interval_can_be_set(clock: Clock, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = command(TEXT)
    monkeypatch.setattr(module, "LINE_INTERVAL", 0)
    with progress("Copying events", 10, TEXT) as step:
        step.reach(1)
        step.reach(2)
    assert len(errors.getvalue().splitlines()) == 2


def test_what_is_being_done_stands_behind_the_title(clock: Clock, command: Command) -> None:
    errors = command(TEXT)
    with progress("Building indexes", 7, TEXT, unit="indexes") as step:
        clock.now += 10
        step.reach(2)
        clock.now += 10
        step.describe("index 3 of 7")
    assert errors.getvalue().splitlines()[-1] == (
        "Building indexes (index 3 of 7): 2 of 7 (28 %), 0.1 indexes/s, 50 s left"
    )


def test_the_rate_is_that_of_the_last_fifteen_seconds(clock: Clock) -> None:
    with progress("Copying events", 10_000, LogOptions(verbosity=-1)) as step:
        for _ in range(60):
            clock.now += 1
            step.advance(100)
        for _ in range(15):
            clock.now += 1
            step.advance(20)
        assert step.figures().rate == 20


def test_a_step_that_stands_still_tells_no_time_left(clock: Clock, command: Command) -> None:
    errors = command(TEXT)
    with progress("Copying events", 1000, TEXT) as step:
        clock.now += 1
        step.reach(500)
        clock.now += 60
        step.describe("waiting")
    assert errors.getvalue() == "Copying events (waiting): 500 of 1,000 (50 %), 0.0 events/s\n"


def test_what_an_earlier_run_did_is_done_but_not_part_of_the_rate(clock: Clock, command: Command) -> None:
    errors = command(TEXT)
    with progress("Copying events", 1000, TEXT, already_done=800) as step:
        clock.now += 5
        step.advance(100)
    assert errors.getvalue() == "Copying events: 900 of 1,000 (90 %), 20 events/s, 5 s left\n"


def test_hundred_percent_is_said_of_all_and_no_less(clock: Clock) -> None:
    with progress("Copying events", 1000, LogOptions(verbosity=-1)) as step:
        step.reach(999.9)
        assert step.figures().percentage == 99
        step.reach(1000)
        assert step.figures().percentage == 100


def test_a_step_with_nothing_to_do_is_done(clock: Clock, command: Command) -> None:
    errors = command(TEXT)
    with progress("Copying events", 0, TEXT) as step:
        clock.now += 5
        step.reach(0)
    assert errors.getvalue() == "Copying events: 0 of 0 (100 %), 0.0 events/s\n"


def test_json_lines_carry_the_figures_as_fields(clock: Clock, command: Command) -> None:
    options = LogOptions(format="json")
    errors = command(options)
    with progress("Copying events", 1000, options) as step:
        step.describe("ids 1 to 500")
        clock.now += 8
        step.reach(500)
    fields: dict[str, Any] = json.loads(errors.getvalue())
    expected = {
        "progress_title": "Copying events",
        "done": 500,
        "total": 1000,
        "unit": "events",
        "rate": 62.5,
        "seconds_left": 8,
        "activity": "ids 1 to 500",
    }
    assert {name: fields[name] for name in expected} == expected


def test_a_quiet_command_says_nothing(clock: Clock, command: Command) -> None:
    options = LogOptions(verbosity=-1)
    errors = command(options)
    with progress("Copying events", 10, options) as step:
        clock.now += 60
        step.reach(5)
    assert errors.getvalue() == ""


def test_no_count_of_any_thread_is_lost() -> None:
    def advance() -> None:
        for _ in range(10_000):
            step.advance(1)

    with progress("Copying events", 80_000, LogOptions(verbosity=-1)) as step, ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(advance)
        pool.shutdown()
        assert step.figures().done == 80_000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (102, "1 min 42 s"),
        (3600, "1 h 0 min"),
        (12_030, "3 h 20 min"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert describe_duration(seconds) == words


def test_rich_is_not_loaded_before_there_is_a_bar() -> None:
    loaded = "import sys, logging; from init_slate_db.core import progress; print('rich.live' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "False\n"
    )


COMMAND = """
import logging, sys, warnings
from init_slate_db.core.console import configure_logging
from init_slate_db.core.options import LogOptions
from init_slate_db.core.progress import progress
options = LogOptions(verbosity=int(sys.argv[2]), format=sys.argv[3])
configure_logging(options)
logger = logging.getLogger("recovery.copy")
try:
    with progress("Copying events", 1000, options) as step:
        step.reach(250)
        logger.info("a first line")
        logger.info(sys.argv[4])
        print("from elsewhere", file=sys.stderr)
        step.reach(1000)
        if sys.argv[1] != "done":
            raise {"failed": ValueError, "interrupted": KeyboardInterrupt}[sys.argv[1]]
except BaseException:
    pass
logger.error("the line after")
print("the result")
"""


def on_terminal(ending: str = "done", verbosity: int = 0, format: str = "text", **environment: str) -> str:
    """What a command with one step writes to a terminal of 80 columns, as it writes it."""
    terminal, inner = pty.openpty()
    variables = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "25", **environment}
    with os.fdopen(terminal, "rb", buffering=0) as outer:
        command = subprocess.Popen(
            [sys.executable, "-c", COMMAND, ending, str(verbosity), format, LONG_LINE],
            stdin=inner,
            stdout=subprocess.PIPE,
            stderr=inner,
            env=variables,
            text=True,
        )
        os.close(inner)
        written = b""
        while chunk := _read(outer):
            written += chunk
        assert command.communicate(timeout=60)[0] == "the result\n"
    return written.decode()


def _read(terminal: io.FileIO) -> bytes:
    try:
        return terminal.read(4096) or b""
    except OSError:  # Linux says so that nobody writes there any more.
        return b""


def seen(written: str) -> list[str]:
    """The lines that a person sees in the end, of a terminal that is wide enough."""
    lines = [""]
    for part in re.split(r"(\r|\n|\x1b\[2K|\x1b\[1A)", re.sub(r"\x1b\[[\d;]*m|\x1b\[\?25[lh]", "", written)):
        if part == "\n":
            lines.append("")
        elif part == "\x1b[2K":
            lines[-1] = ""
        elif part != "\r":
            assert "\x1b" not in part
            lines[-1] += part
    return lines


def test_a_terminal_shows_a_bar_with_all_figures_and_whole_log_lines_above() -> None:
    *lines, bar, after, end = seen(on_terminal())
    assert lines == ["a first line", LONG_LINE, "from elsewhere"]
    assert re.fullmatch(r"Copying events ━+ 1,000/1,000, [\d,]+ events/s, 0 s left *", bar)
    assert len(bar) <= 80
    assert (after, end) == ("error: the line after", "")


@pytest.mark.parametrize("ending", ["failed", "interrupted"])
def test_after_a_bar_that_did_not_end_well_a_line_begins_at_the_first_column(ending: str) -> None:
    written = on_terminal(ending)
    assert seen(written)[-2] == "error: the line after"
    assert written.index("\x1b[?25h") < written.index("error: the line after"), "the cursor is still hidden"


def test_a_bar_has_no_colour_where_none_is_wanted() -> None:
    assert re.search(r"\x1b\[[\d;]*3\dm", on_terminal())
    assert not re.search(r"\x1b\[[\d;]*3\dm", on_terminal(NO_COLOR="1"))


@pytest.mark.parametrize(
    "options",
    [{"TERM": "dumb"}, {"format": "json"}, {"verbosity": -1}],
    ids=["a dumb terminal", "JSON lines", "a quiet command"],
)
def test_no_bar_is_drawn(options: dict[str, Any]) -> None:
    written = on_terminal(**options)
    assert "the line after" in written
    assert "\x1b" not in written
    assert "━" not in written
