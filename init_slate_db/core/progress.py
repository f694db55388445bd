"""How far a long step is: a bar for a person at a terminal, a log line every few seconds for all else."""

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from init_slate_db.core.options import LogOptions

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LINE_INTERVAL = 5.0
"""How long, in seconds, one log line of a step follows another, and the first its start."""

# The rate told is that of the last so many seconds: long enough to be steady, short enough to show a change.
_RATE_WINDOW = 15.0
# Samples closer than this, in seconds, are one: calls may come by the thousand.
_SAMPLE_INTERVAL = 0.1
_BAR_WIDTH = 40
_UNABLE_TERMINALS = ("dumb", "unknown")

_clock = time.monotonic
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figures:
    """How far a step is at one moment. rate: units a second. seconds_left: None where nothing moves."""

    done: int
    total: int
    unit: str
    rate: float
    seconds_left: int | None

    @property
    def percentage(self) -> int:
        """Whole percents, rounded down: 100 is all of it."""
        return min(100 * self.done // self.total, 100) if self.total else 100

    @property
    def pace(self) -> str:
        """The rate, and the time left where it can be told."""
        rate = f"{self.rate:,.0f}" if self.rate >= 10 else f"{self.rate:.1f}"
        left = "" if self.seconds_left is None else f", {describe_duration(self.seconds_left)} left"
        return f"{rate} {self.unit}/s{left}"


class Progress:
    """Takes how far a step is, from any thread."""

    def __init__(self, title: str, total: float, unit: str, already_done: float, show: Callable[[], None]) -> None:
        self.title = title
        self._total = total
        self._unit = unit
        self._done = already_done
        self._activity = ""
        self._samples = deque([(_clock(), already_done)])
        self._lock = threading.Lock()
        self._show = show

    def reach(self, done: float) -> None:
        """Takes what is done since the beginning, in the unit of the total."""
        with self._lock:
            self._set(done)
        self._show()

    def advance(self, count: float) -> None:
        """Takes what was done since the last call, in the unit of the total."""
        with self._lock:
            self._set(self._done + count)
        self._show()

    def describe(self, text: str) -> None:
        """Takes what is being done now: "index 3 of 7"."""
        with self._lock:
            self._activity = text
        self._show()

    @property
    def activity(self) -> str:
        """What is being done now, as the last call of describe had it; empty before."""
        return self._activity

    @property
    def label(self) -> str:
        """The title and what is being done now."""
        activity = self._activity
        return f"{self.title} ({activity})" if activity else self.title

    def figures(self) -> Figures:
        """How far the step is now."""
        with self._lock:
            now, done = _clock(), self._done
            self._forget_before(now - _RATE_WINDOW)
            since, done_then = self._samples[0]
        rate = max(done - done_then, 0) / (now - since) if now > since else 0.0
        left = round(max(self._total - done, 0) / rate) if rate else None
        return Figures(int(done), int(self._total), self._unit, rate, left)

    def _set(self, done: float) -> None:
        self._done = done
        now = _clock()
        if now - self._samples[-1][0] >= _SAMPLE_INTERVAL:
            self._forget_before(now - _RATE_WINDOW)
            self._samples.append((now, done))

    def _forget_before(self, start: float) -> None:
        """Keeps of the samples up to start the last one alone."""
        while len(self._samples) > 1 and self._samples[1][0] <= start:
            self._samples.popleft()


@contextmanager
def progress(
    title: str, total: float, options: LogOptions, unit: str = "events", already_done: float = 0
) -> Iterator[Progress]:
    """Shows how far a step is while the block runs: on standard error, as suits who reads there.

    :param title: what the step does, "Copying events".
    :param total: how much there is to do, in the unit.
    :param already_done: what an earlier run did of it, which says nothing about the rate of this one.
    """
    if _is_for_a_person(options):
        step = Progress(title, total, unit, already_done, lambda: None)
        with _bar(step):
            yield step
    else:
        due = _Due()

        def show() -> None:
            if due.now():
                _log(step)

        step = Progress(title, total, unit, already_done, show)
        yield step


def describe_duration(seconds: float) -> str:
    """A duration in words, in the two largest units that it has: "49 s", "1 min 42 s", "3 h 20 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _is_for_a_person(options: LogOptions) -> bool:
    return (
        options.format == "text"
        and options.verbosity >= 0
        and sys.stderr.isatty()
        and os.environ.get("TERM", "").lower() not in _UNABLE_TERMINALS
    )


class _Due:
    """Tells one of all threads, once an interval, that it is time."""

    def __init__(self) -> None:
        self._at = _clock() + LINE_INTERVAL
        self._lock = threading.Lock()

    def now(self) -> bool:
        with self._lock:
            now = _clock()
            if now < self._at:
                return False
            self._at = now + LINE_INTERVAL
            return True


def _log(step: Progress) -> None:
    figures = step.figures()
    _logger.info(
        f"{step.label}: {figures.done:,} of {figures.total:,} ({figures.percentage} %), {figures.pace}",
        extra={
            "progress_title": step.title,
            "done": figures.done,
            "total": figures.total,
            "unit": figures.unit,
            "rate": round(figures.rate, 1),
            "seconds_left": figures.seconds_left,
            "activity": step.activity,
        },
    )


@contextmanager
def _bar(step: Progress) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live

    # That standard error is a terminal, and an able one, is known; rich's own variables have no say in it.
    console = Console(file=sys.stderr, force_terminal=True, force_interactive=True)
    # Results are not rich's to redirect: it would send them to standard error.
    live = Live(console=console, get_renderable=lambda: _render(step), redirect_stdout=False)
    with _log_lines_above(console), live:
        yield


def _render(step: Progress) -> "Table":
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    figures = step.figures()
    row = Table.grid(padding=(0, 1))
    row.add_column(no_wrap=True)
    row.add_column(max_width=_BAR_WIDTH)
    row.add_column(no_wrap=True)
    row.add_row(
        Text(step.label),
        ProgressBar(total=max(figures.total, 1), completed=figures.done if figures.total else 1),
        Text(f"{figures.done:,}/{figures.total:,}, {figures.pace}"),
    )
    return row


class _AboveTheBar:
    """A stream that puts what log handlers write above the bar."""

    def __init__(self, console: "Console") -> None:
        self._console = console

    def write(self, text: str) -> None:
        # The terminal wraps long lines, not rich: what is copied from there is then whole.
        self._console.print(text.removesuffix("\n"), soft_wrap=True, markup=False, highlight=False, emoji=False)

    def flush(self) -> None:
        """Each line is out when it is written."""


@contextmanager
def _log_lines_above(console: "Console") -> Iterator[None]:
    """Redirects the handlers that core.console attached: they hold standard error itself, past rich's redirection."""
    handlers = list(_handlers_of_standard_error())
    try:
        for handler in handlers:
            handler.setStream(_AboveTheBar(console))
        yield
    finally:
        for handler in handlers:
            handler.setStream(sys.stderr)


def _handlers_of_standard_error() -> Iterator["logging.StreamHandler[Any]"]:
    logger: logging.Logger | None = _logger
    while logger is not None:
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
                yield handler
        logger = logger.parent
