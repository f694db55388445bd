"""slate-replicate add against PostgreSQL's own initial copy, and a destination that follows against its writer.

A plain CREATE SUBSCRIPTION copies into the table as it is, with its indexes; it is done when the server calls the table
ready. Ours is timed as the whole command, from its start until it says that the destination follows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.commands import REPLICATE, Run, one_environment, time_command
from benchmarks.comparison import Comparison, Target, compare_runs, in_turns
from benchmarks.events import FILL, SEED, make_events
from benchmarks.process import Stopwatch
from benchmarks.servers import Servers, checkpoint
from benchmarks.usage import Meter
from tests.servers import wait_for
from tests.slate import create_database

SOURCE, FOLLOWER = "source", "follower"
SETTINGS = "wal_level = logical\n"
BATCH = 1000
# Seconds after which what was to follow counts as stuck.
PATIENCE = 600


def measure(servers: Servers, count: int, rounds: int) -> list[Comparison]:
    """Seconds that the initial copy of that many events takes, and events a second that a destination follows."""
    with one_environment(servers) as environment:
        _fill_source(servers, count)
        measurements: dict[str, Callable[[], Run]] = {
            "add": partial(_add, servers, environment, count),
            "plain": partial(_subscribe, servers, count),
        }
        runs = in_turns(rounds, measurements)
        rates = in_turns(rounds, {"rates": partial(_follow, servers, environment, count)})["rates"]
    name = f"slate-replicate add, {count:,} events"
    return [
        compare_runs(name, "plain CREATE SUBSCRIPTION", runs["add"], runs["plain"], target=Target("at most", 0.60)),
        Comparison(
            f"a destination following, by {BATCH}",
            "its writer, append_events",
            "events/s",
            [followed for followed, _ in rates],
            [written for _, written in rates],
            Target("at least", 0.95),
        ),
    ]


def _fill_source(servers: Servers, count: int) -> None:
    create_database(servers.source, SOURCE, "source")
    with servers.source.connect(SOURCE) as connection:
        connection.execute(SEED)
        connection.execute("ALTER TABLE events DISABLE TRIGGER notify_insert")
        connection.execute(sql.SQL(FILL).format(count=count))
        connection.execute("ALTER TABLE events ENABLE TRIGGER notify_insert")
        connection.execute("UPDATE id SET id = %s", (count + 1,))
        connection.execute("VACUUM (ANALYZE) events")


def _address(servers: Servers, database: str, *, of_source: bool) -> str:
    port = (servers.source if of_source else servers.backup).port
    return f"postgresql://postgres@127.0.0.1:{port}/{database}"


def _add(servers: Servers, environment: dict[str, str], count: int) -> Run:
    create_database(servers.backup, FOLLOWER, "destination")
    checkpoint(servers.source, servers.backup)
    run = time_command(servers, [*REPLICATE, "add", *_both(servers), "--yes"], environment)
    _check(servers, count)
    _remove(servers, environment)
    return run


def _both(servers: Servers) -> list[str]:
    return [_address(servers, SOURCE, of_source=True), _address(servers, FOLLOWER, of_source=False)]


def _remove(servers: Servers, environment: dict[str, str]) -> None:
    time_command(servers, [*REPLICATE, "remove", *_both(servers), "--yes"], environment)
    servers.backup.drop(FOLLOWER)


def _subscribe(servers: Servers, count: int) -> Run:
    create_database(servers.backup, FOLLOWER, "destination")
    checkpoint(servers.source, servers.backup)
    conninfo = make_conninfo(**servers.source.parameters(SOURCE))
    with servers.source.connect(SOURCE) as source, servers.backup.connect(FOLLOWER) as destination:
        source.execute("CREATE PUBLICATION plain FOR TABLE events")
        with Meter(servers.source, servers.backup) as meter:
            destination.execute(sql.SQL("CREATE SUBSCRIPTION plain CONNECTION {} PUBLICATION plain").format(conninfo))
            ready = "SELECT FROM pg_subscription_rel WHERE srsubstate = 'r'"
            wait_for(lambda: destination.execute(ready).rowcount, "the initial copy", PATIENCE)
        _check(servers, count)
        destination.execute("DROP SUBSCRIPTION plain")
        source.execute("DROP PUBLICATION plain")
    servers.backup.drop(FOLLOWER)
    return Run(meter.seconds, meter.usage())


def _check(servers: Servers, count: int) -> None:
    with servers.backup.connect(FOLLOWER) as connection:
        query = """
            SELECT count(*), max(id), (SELECT count(*) FROM pg_index WHERE indrelid = 'events'::regclass) FROM events
        """
        row = connection.execute(query).fetchone()
    if row != (count, count, 7):
        raise RuntimeError(f"{count} events were to be copied; count, highest id and indexes are {row}")


def _follow(servers: Servers, environment: dict[str, str], count: int) -> tuple[float, float]:
    """Events a second that arrive at a destination, and that one writer stores meanwhile."""
    with _writing_source(servers) as database:
        create_database(servers.backup, FOLLOWER, "destination")
        addresses = [_address(servers, database, of_source=True), _address(servers, FOLLOWER, of_source=False)]
        time_command(servers, [*REPLICATE, "add", *addresses, "--yes"], environment)
        events = make_events(servers.source, BATCH)
        batch = f"[{','.join(events)}]"
        checkpoint(servers.source, servers.backup)
        with servers.source.connect(database) as writer, servers.backup.connect(FOLLOWER) as reader:
            stopwatch = Stopwatch()
            for _ in range(count // BATCH):
                writer.execute("SELECT append_events(%s::jsonb)", (batch,))
            written = stopwatch.seconds
            last = count // BATCH * BATCH
            arrived = "SELECT FROM events WHERE id = %s"
            wait_for(lambda: reader.execute(arrived, (last,)).rowcount, "the last event", PATIENCE)
            followed = stopwatch.seconds
        time_command(servers, [*REPLICATE, "remove", *addresses, "--yes"], environment)
        servers.backup.drop(FOLLOWER)
    return last / followed, last / written


@contextmanager
def _writing_source(servers: Servers) -> Iterator[str]:
    database = "writing"
    create_database(servers.source, database, "source")
    yield database
    servers.source.drop(database)
