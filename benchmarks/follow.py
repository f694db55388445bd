"""slate-replicate follow, against the method of the Node.js slate-replicator: a backlog into a new destination.

The replicator itself is in no package registry. benchmarks/replicator does what its documentation says that it does,
with today's drivers, and nothing that takes longer: it neither logs nor validates. Whole commands are timed, from start
to end; ours with --once, which compares nothing, since the destination is empty, and builds all indexes. In the second
line the destination has its first quarter of the events, so that ours leaves the indexes where they are.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.commands import FOLLOW, Run, one_environment, time_command
from benchmarks.comparison import Comparison, Target, compare_runs, in_turns
from benchmarks.events import fill_backup
from benchmarks.servers import Servers, checkpoint
from tests.slate import create_database

SOURCE, DESTINATION, QUARTER = "follow_source", "follow_destination", "follow_quarter"
METHOD = Path(__file__).parent / "replicator"
LEAST = 2.0
LARGEST_MEMORY = 120.0


def measure(servers: Servers, count: int, rounds: int) -> list[Comparison]:
    """Events a second that follow moves from one server to the other, and megabytes of our process."""
    size = fill_backup(servers.backup, SOURCE, count)
    _make_quarter(servers, count)
    print(f"follow: {count:,} events of {size:.0f} bytes on average")
    with one_environment(servers) as environment, _installed_method() as method:
        measurements: dict[str, Callable[[], Run]] = {
            "ours": partial(_follow, servers, environment, count, None),
            "ours behind": partial(_follow, servers, environment, count, QUARTER),
        }
        if method:
            measurements["theirs"] = partial(_replicate, method, servers, environment, count, None)
            measurements["theirs behind"] = partial(_replicate, method, servers, environment, count, QUARTER)
        runs = in_turns(rounds, measurements)
    servers.backup.drop(SOURCE)
    servers.source.drop(QUARTER)
    memory = max(run.memory for run in runs["ours"])
    return [
        *_compare(runs, count),
        Comparison("memory of follow", "the bound", "MB", [memory], [LARGEST_MEMORY], Target("at most", 1.00)),
    ]


def _compare(runs: dict[str, list[Run]], count: int) -> list[Comparison]:
    if "theirs" not in runs:
        return []
    lines = [
        (f"follow, {count:,} events", "", count),
        ("follow, of which a quarter is there", " behind", count * 3 // 4),
    ]
    return [
        compare_runs(
            name,
            "slate-replicator's method",
            runs[f"ours{which}"],
            runs[f"theirs{which}"],
            target=Target("at least", LEAST) if not which else None,
            unit="events/s",
            figure=partial(_rate, events),
        )
        for name, which, events in lines
    ]


def _rate(events: int, run: Run) -> float:
    return events / run.seconds


def _make_quarter(servers: Servers, count: int) -> None:
    """A destination that has its first events, as template for others."""
    create_database(servers.source, QUARTER, "destination")
    with servers.backup.connect(SOURCE) as source, servers.source.connect(QUARTER) as quarter:
        with (
            source.cursor().copy("COPY (SELECT * FROM events WHERE id <= %s) TO STDOUT", (count // 4,)) as rows,
            quarter.cursor().copy("COPY events FROM STDIN") as stored,
        ):
            for row in rows:
                stored.write(row)
        quarter.execute("VACUUM (ANALYZE) events")


def _make_destination(servers: Servers, template: str | None) -> None:
    if template is None:
        create_database(servers.source, DESTINATION, "destination")
    else:
        with servers.source.connect() as connection:
            connection.execute(f"CREATE DATABASE {DESTINATION} TEMPLATE {template}".encode())
    checkpoint(servers.source, servers.backup)


def _follow(servers: Servers, environment: Mapping[str, str], count: int, template: str | None) -> Run:
    _make_destination(servers, template)
    run = time_command(servers, [*FOLLOW, *_addresses(servers), "--once"], environment)
    _check_and_drop(servers, count)
    return run


def _replicate(method: Path, servers: Servers, environment: Mapping[str, str], count: int, template: str | None) -> Run:
    _make_destination(servers, template)
    run = time_command(servers, ["node", method / "replicate.js", *_addresses(servers)], environment)
    _check_and_drop(servers, count)
    return run


def _addresses(servers: Servers) -> list[str]:
    return [
        f"postgresql://postgres@127.0.0.1:{servers.backup.port}/{SOURCE}",
        f"postgresql://postgres@127.0.0.1:{servers.source.port}/{DESTINATION}",
    ]


def _check_and_drop(servers: Servers, count: int) -> None:
    """Makes sure that all events came, with all indexes, then drops the destination."""
    with servers.source.connect(DESTINATION) as connection:
        query = """
            SELECT count(*), max(id), (SELECT count(*) FROM pg_index WHERE indrelid = 'events'::regclass) FROM events
        """
        row = connection.execute(query).fetchone()
    if row != (count, count, 7):
        raise RuntimeError(f"{count} events were to be moved; count, highest id and indexes are {row}")
    servers.source.drop(DESTINATION)


@contextmanager
def _installed_method() -> Iterator[Path | None]:
    """The folder of the method with its drivers, which npm fetches; None where that cannot be done."""
    if not shutil.which("node") or not shutil.which("npm"):
        print("follow: without slate-replicator's method, since node and npm are not installed here")
        yield None
        return
    with TemporaryDirectory(prefix="slate-bench-") as folder:
        for file in METHOD.iterdir():
            if file.is_file():
                shutil.copy2(file, folder)
        command = ["npm", "install", "--no-audit", "--no-fund", "--silent"]
        ended = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False)
        if ended.returncode:
            print("follow: without slate-replicator's method, whose drivers npm could not fetch")
        yield None if ended.returncode else Path(folder)
