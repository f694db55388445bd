"""slate-recover by each of its methods, against the original's function and against programs that copy databases.

Whole commands are timed, from start to end, without the comparison, which the others do not make.
Of promote, what comes after the survey: the steps of its report.
"""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.commands import RECOVER, Run, one_after_the_other, one_environment, time_command
from benchmarks.comparison import Comparison, Target, compare_runs, in_turns
from benchmarks.events import fill_backup
from benchmarks.restore import restore_original
from benchmarks.servers import Servers, checkpoint
from benchmarks.usage import Meter
from tests.servers import Server
from tests.slate import create_original

BACKUP, SMALL_BACKUP, RECOVERED, PROMOTED = "backup", "backup_small", "recovered", "promoted"
# As many as the events that the original system's own loader wrote.
SMALL = 13_050
LARGEST_MEMORY = 120.0
JOBS = "2"


def measure(servers: Servers, count: int, rounds: int) -> list[Comparison]:
    """Seconds that a recovery of that many events takes, and megabytes of our process."""
    size = fill_backup(servers.backup, BACKUP, count)
    fill_backup(servers.backup, SMALL_BACKUP, SMALL)
    print(f"recovery: {count:,} events of {size:.0f} bytes on average")
    with one_environment(servers) as environment:
        measurements: dict[str, Callable[[], Run]] = {
            "original": partial(_original, servers, count),
            "restore-events": partial(_recover, servers, environment, count, "restore-events"),
            "copy": partial(_recover, servers, environment, count, "copy"),
            "dump": partial(_dump_and_restore, servers, environment, count),
            "promote": partial(_promote, servers, environment, BACKUP),
            "promote small": partial(_promote, servers, environment, SMALL_BACKUP),
        }
        if shutil.which("pgcopydb"):
            measurements["pgcopydb"] = partial(_pgcopydb, servers, environment, count)
        else:
            print("recovery: without pgcopydb, which is not installed here")
        runs = in_turns(rounds, measurements)
        fifth = _memory_at(servers, environment, count // 5)
    servers.backup.drop(BACKUP)
    servers.backup.drop(SMALL_BACKUP)
    memory = max(run.memory for run in runs["copy"])
    return [*_compare_seconds(runs, count), *_compare_memory(memory, fifth, count)]


def _compare_seconds(runs: dict[str, list[Run]], count: int) -> list[Comparison]:
    def compare(ours: str, name: str, theirs: str, baseline: str, bound: float) -> list[Comparison]:
        if theirs not in runs:
            return []
        return [compare_runs(name, baseline, runs[ours], runs[theirs], target=Target("at most", bound))]

    copy = f"slate-recover, copy, {count:,} events"
    return [
        *compare("restore-events", "slate-recover, restore-events", "original", "original restore_events", 0.30),
        *compare("copy", copy, "pgcopydb", "pgcopydb clone", 0.75),
        *compare("copy", copy, "dump", "pg_dump -j2 -Fd -Z0, pg_restore -j2", 0.75),
        *compare("promote", "slate-recover, promote", "original", "original restore_events", 0.02),
        compare_runs("slate-recover, promote", f"ours at {SMALL:,} events", runs["promote"], runs["promote small"]),
    ]


def _compare_memory(memory: float, fifth: float, count: int) -> list[Comparison]:
    name = f"memory of copy, {count:,} events"
    return [
        Comparison(name, f"ours at {count // 5:,}", "MB", [memory], [fifth], Target("at most", 1.10)),
        Comparison(name, "the bound", "MB", [memory], [LARGEST_MEMORY], Target("at most", 1.00)),
    ]


def _memory_at(servers: Servers, environment: dict[str, str], count: int) -> float:
    servers.backup.drop(BACKUP)
    fill_backup(servers.backup, BACKUP, count)
    return _recover(servers, environment, count, "copy").memory


def _recover(servers: Servers, environment: dict[str, str], count: int, method: str) -> Run:
    checkpoint(servers.source, servers.backup)
    run = time_command(
        servers,
        [*RECOVER, *_addresses(servers, BACKUP), "--create", "--yes", "--no-diff", "--method", method, "--jobs", JOBS],
        environment,
    )
    _check_and_drop(servers.source, count)
    return run


def _promote(servers: Servers, environment: dict[str, str], backup: str) -> Run:
    servers.backup.drop(PROMOTED)
    with servers.backup.connect() as connection:
        connection.execute(f"CREATE DATABASE {PROMOTED} TEMPLATE {backup}".encode())
    checkpoint(servers.source, servers.backup)
    with TemporaryDirectory(prefix="slate-bench-") as folder:
        report = Path(folder) / "report.json"
        more = ["--method", "promote", "--yes", "--report", str(report)]
        run = time_command(servers, [*RECOVER, *_addresses(servers, PROMOTED), *more], environment)
        steps = json.loads(report.read_text())["steps"]
    servers.backup.drop(PROMOTED)
    return Run(sum(step["seconds"] for step in steps), run.usage)


def _addresses(servers: Servers, backup: str) -> list[str]:
    return ["--from", f"postgresql://postgres@127.0.0.1:{servers.backup.port}/{backup}", "-d", RECOVERED]


def _original(servers: Servers, count: int) -> Run:
    create_original(servers.source, RECOVERED)
    checkpoint(servers.source, servers.backup)
    with servers.source.connect(RECOVERED) as connection, Meter(servers.source, servers.backup) as meter:
        restore_original(servers, connection, BACKUP)
    _check_and_drop(servers.source, count)
    return Run(meter.seconds, meter.usage())


def _dump_and_restore(servers: Servers, environment: dict[str, str], count: int) -> Run:
    """Two programs with a folder between them, since only a folder can be written and read in parallel.

    The folder is not compressed, as pg_dump would have it by default: that takes longer than all else.
    """
    _create_empty(servers)
    with TemporaryDirectory(prefix="slate-bench-") as folder:
        dump = Path(folder) / "dump"
        there = f"postgresql://postgres@127.0.0.1:{servers.backup.port}/{BACKUP}"
        dumped = time_command(servers, ["pg_dump", "-j", JOBS, "-Fd", "-Z0", "-f", dump, there], environment)
        restored = time_command(servers, ["pg_restore", "-j", JOBS, "-d", RECOVERED, dump], environment)
    _check_and_drop(servers.source, count)
    return one_after_the_other(dumped, restored)


def _pgcopydb(servers: Servers, environment: dict[str, str], count: int) -> Run:
    _create_empty(servers)
    with TemporaryDirectory(prefix="slate-bench-") as folder:
        there = f"postgresql://postgres@127.0.0.1:{servers.backup.port}/{BACKUP}"
        here = f"postgresql://postgres@127.0.0.1:{servers.source.port}/{RECOVERED}"
        jobs = ["--table-jobs", JOBS, "--index-jobs", JOBS]
        command = ["pgcopydb", "clone", "--dir", f"{folder}/work", "--source", there, "--target", here, *jobs]
        run = time_command(servers, command, environment)
    _check_and_drop(servers.source, count)
    return run


def _create_empty(servers: Servers) -> None:
    with servers.source.connect() as connection:
        connection.execute(f"CREATE DATABASE {RECOVERED} TEMPLATE template0".encode())
    checkpoint(servers.source, servers.backup)


def _check_and_drop(server: Server, count: int) -> None:
    """Makes sure that all events came, with all indexes, then drops the database."""
    with server.connect(RECOVERED) as connection:
        query = """
            SELECT count(*), max(id), (SELECT count(*) FROM pg_index WHERE indrelid = 'events'::regclass) FROM events
        """
        row = connection.execute(query).fetchone()
    if row != (count, count, 7):
        raise RuntimeError(f"{count} events were to be recovered; count, highest id and indexes are {row}")
    server.drop(RECOVERED)
