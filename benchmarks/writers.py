"""One client that stores events, a transaction a call: our functions against the original's insert_events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import psycopg

from benchmarks.comparison import Comparison, Target, in_turns
from benchmarks.events import make_events
from benchmarks.process import Stopwatch, cpu_seconds
from benchmarks.servers import Servers, checkpoint
from tests.slate import create_database, create_original

BATCHES = (1, 10, 100, 1000)
# Short slices in quick turns, since other work on the machine comes and goes by the second.
CALLS_PER_SLICE = {1: 400, 10: 200, 100: 60, 1000: 10}
SLICES_PER_ROUND = 8
MICROSECONDS = 1e6

Writer = Literal["original", "insert", "append"]
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Slice:
    """What storing a number of events took: seconds by the clock, and seconds of CPU in the server process."""

    events: int
    seconds: float
    cpu: float

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def time_per_event(self) -> float:
        """Microseconds by the clock."""
        return self.seconds / self.events * MICROSECONDS

    @property
    def cpu_per_event(self) -> float:
        """Microseconds of CPU."""
        return self.cpu / self.events * MICROSECONDS


def measure(servers: Servers, count: int, rounds: int) -> list[Comparison]:
    """Events a second, and microseconds an event, in committed transactions of 1, 10, 100 and 1000 events.

    :param count: how many events a writer stores in all, about; small counts make slices shorter.
    """
    events = make_events(servers.source, max(BATCHES) * max(1, min(CALLS_PER_SLICE[1000], count // 1000)))
    create_original(servers.source, "writer_original")
    create_database(servers.source, "writer_insert", "source")
    create_database(servers.source, "writer_append", "source")
    comparisons: list[Comparison] = []
    with (
        servers.source.connect("writer_original") as original,
        servers.source.connect("writer_insert") as insert,
        servers.source.connect("writer_append") as append,
    ):
        connections: dict[Writer, Connection] = {"original": original, "insert": insert, "append": append}
        for connection in connections.values():
            # Every call is sent as a client sends it for the first time.
            connection.prepare_threshold = None
        for batch in BATCHES:
            comparisons += _compare(_measure_batch(servers, connections, events, batch, rounds), batch)
    return comparisons


def _measure_batch(
    servers: Servers, connections: dict[Writer, Connection], events: Sequence[str], batch: int, rounds: int
) -> dict[Writer, list[Slice]]:
    """The slices of each writer, with one more before them to warm up."""
    calls = min(CALLS_PER_SLICE[batch], len(events) // batch)
    batches = [events[start : start + batch] for start in range(0, calls * batch, batch)]
    measurements: dict[Writer, Callable[[], Slice]] = {
        writer: partial(_run_slice, connection, _make_calls(writer, batches), calls * batch)
        for writer, connection in connections.items()
    }
    in_turns(1, measurements)
    checkpoint(servers.source)
    return in_turns(rounds * SLICES_PER_ROUND, measurements)


def _make_calls(writer: Writer, batches: Sequence[Sequence[str]]) -> list[tuple[bytes, list[str] | None]]:
    """The statement and the parameters of each call."""
    if writer == "append":
        return [(b"SELECT * FROM append_events(%s::jsonb)", [f"[{','.join(batch)}]"]) for batch in batches]
    return [(f"SELECT insert_events($${values_list(batch)}$$)".encode(), None) for batch in batches]


def values_list(batch: Sequence[str]) -> str:
    """The values of a call of insert_events."""
    return ",".join(f"($1[{index}], $2, '{event}')" for index, event in enumerate(batch, 1))


def _run_slice(connection: Connection, calls: Sequence[tuple[bytes, list[str] | None]], events: int) -> Slice:
    pid = connection.info.backend_pid
    cpu_before = cpu_seconds(pid)
    stopwatch = Stopwatch()
    for statement, parameters in calls:
        connection.execute(statement, parameters)
    seconds = stopwatch.seconds
    return Slice(events, seconds, cpu_seconds(pid) - cpu_before)


def _compare(slices: dict[Writer, list[Slice]], batch: int) -> list[Comparison]:
    def by_time(writer: Writer) -> list[float]:
        return [one.time_per_event for one in slices[writer]]

    def by_cpu(writer: Writer) -> list[float]:
        return [one.cpu_per_event for one in slices[writer]]

    def by_rate(writer: Writer) -> list[float]:
        return [one.events_per_second for one in slices[writer]]

    insert, append = f"insert_events by {batch}", f"append_events by {batch}"
    baseline = "original insert_events"
    target = Target("at least", 2.00) if batch == max(BATCHES) else None
    return [
        Comparison(insert, baseline, "µs/event", by_time("insert"), by_time("original"), Target("at most", 1.00)),
        Comparison(f"{insert}, CPU", baseline, "µs/event", by_cpu("insert"), by_cpu("original")),
        Comparison(append, baseline, "events/s", by_rate("append"), by_rate("original"), target),
        Comparison(f"{append}, CPU", baseline, "µs/event", by_cpu("append"), by_cpu("original")),
    ]
