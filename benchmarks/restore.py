"""A source rebuilt from its backup: by the original's restore_events, by ours, by ``pg_dump | psql``."""

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from benchmarks.commands import Run, time_dump_and_psql
from benchmarks.comparison import Comparison, Target, compare_runs, in_turns
from benchmarks.events import fill_backup
from benchmarks.process import watching_memory
from benchmarks.servers import Servers, checkpoint
from benchmarks.usage import MEGABYTE, Meter
from tests.servers import Server
from tests.slate import create_database, create_original

BACKUP = "backup"
RESTORED = "restored"

Restore = Callable[[Servers, psycopg.Connection[tuple[Any, ...]], str], None]


def restore_original(servers: Servers, connection: psycopg.Connection[tuple[Any, ...]], backup: str) -> None:
    """Calls the original's function, which has no port: it rides on the host, since no value is quoted there."""
    server = servers.backup
    parameters = [f"127.0.0.1 port={server.port}", backup, "postgres", server.password]
    connection.execute("SELECT restore_events(%s, %s, %s, %s)", parameters)


def restore_ours(servers: Servers, connection: psycopg.Connection[tuple[Any, ...]], backup: str) -> None:
    """Calls our function."""
    server = servers.backup
    parameters = ["127.0.0.1", backup, "postgres", server.password, server.port]
    connection.execute("SELECT restore_events(%s, %s, %s, %s, %s)", parameters)


def measure_time(servers: Servers, count: int, rounds: int) -> list[Comparison]:
    """Seconds that a restore of that many events takes."""
    size = fill_backup(servers.backup, BACKUP, count)
    print(f"restore: {count:,} events of {size:.0f} bytes on average")
    runs = in_turns(
        rounds,
        {
            "original": partial(_time_function, servers, count, create_original, restore_original),
            "ours": partial(_time_function, servers, count, _create_ours, restore_ours),
            "dump": partial(_time_dump, servers, count),
        },
    )
    servers.backup.drop(BACKUP)
    name = f"restore_events, {count:,} events"
    return [
        compare_runs(name, "original", runs["ours"], runs["original"], target=Target("at most", 0.30)),
        compare_runs(name, "pg_dump | psql", runs["ours"], runs["dump"], target=Target("at most", 1.00)),
    ]


def measure_memory(servers: Servers, count: int) -> list[Comparison]:
    """Megabytes (of a million bytes) by which the restoring process grows, at a fifth of the events and at all of them.

    Measured once: it hardly varies. Sorting for an index takes up to maintenance_work_mem, which says nothing of the
    load and would hide it, so that setting is the lowest for both.
    """
    fifth = count // 5
    backups = {fifth: f"{BACKUP}_fifth", count: BACKUP}
    growth: dict[tuple[str, int], float] = {}
    for size, backup in backups.items():
        fill_backup(servers.backup, backup, size)
        growth["original", size] = _measure_growth(servers, create_original, restore_original, backup)
        growth["ours", size] = _measure_growth(servers, _create_ours, restore_ours, backup)
        servers.backup.drop(backup)
    return [
        Comparison(
            f"memory of restore_events, {count:,} events",
            f"ours, {fifth:,} events",
            "MB",
            [growth["ours", count]],
            [growth["ours", fifth]],
            Target("at most", 1.10),
        ),
        *(
            Comparison(
                f"memory of restore_events, {size:,} events",
                "original",
                "MB",
                [growth["ours", size]],
                [growth["original", size]],
            )
            for size in backups
        ),
    ]


def _create_ours(server: Server, name: str) -> None:
    create_database(server, name, "source")


def _time_function(servers: Servers, count: int, create: Callable[[Server, str], None], restore: Restore) -> Run:
    create(servers.source, RESTORED)
    checkpoint(servers.source, servers.backup)
    with servers.source.connect(RESTORED) as connection, Meter(servers.source, servers.backup) as meter:
        restore(servers, connection, BACKUP)
    _check_and_drop(servers.source, count)
    return Run(meter.seconds, meter.usage())


def _time_dump(servers: Servers, count: int) -> Run:
    servers.source.drop(RESTORED)
    with servers.source.connect() as connection:
        connection.execute(f"CREATE DATABASE {RESTORED} TEMPLATE template0")
    checkpoint(servers.source, servers.backup)
    run = time_dump_and_psql(servers, BACKUP, RESTORED)
    _check_and_drop(servers.source, count)
    return run


def _check_and_drop(server: Server, count: int) -> None:
    """Makes sure that all events came, then drops the database, so that autovacuum does not visit it later."""
    with server.connect(RESTORED) as connection:
        row = connection.execute("SELECT count(*), max(id) FROM public.events").fetchone()
    if row != (count, count):
        raise RuntimeError(f"{count} events were to be restored; count and highest id are {row}")
    server.drop(RESTORED)


def _measure_growth(servers: Servers, create: Callable[[Server, str], None], restore: Restore, backup: str) -> float:
    create(servers.source, RESTORED)
    with servers.source.connect(RESTORED) as connection:
        connection.execute("SET maintenance_work_mem = '1MB'")
        with watching_memory(connection.info.backend_pid) as peak:
            restore(servers, connection, backup)
    servers.source.drop(RESTORED)
    return peak.growth / MEGABYTE
