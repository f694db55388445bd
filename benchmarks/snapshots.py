"""Snapshots and rollbacks against ``pg_dump --schema-only``, on a generated database.

``python -m benchmarks.snapshots`` prints medians in milliseconds; what is compared is measured in turns.
"""

import argparse
import subprocess
from statistics import median

from benchmarks.process import Stopwatch
from benchmarks.servers import Servers, running
from tests.pov import Connection, prepared, roll_back, snapshot
from tests.pov_histories import Histories
from tests.servers import Server

ROUNDS = 15
CHANGED = 10


def measure(server: Server, servers: Servers, functions: int) -> tuple[float, float, float, int]:
    """Medians for a dump, a snapshot and a rollback of ten functions, in milliseconds, and the number of objects."""
    name = f"pov_{functions}"
    with prepared(server, name) as connection:
        Histories(connection, 5, functions, functions * 3 // 10).build()
        connection.execute("ANALYZE")
        first = snapshot(connection)
        dumps, snapshots, rollbacks = [], [], []
        for number in range(ROUNDS):
            dumps.append(_dump(servers, server, name))
            _change(connection, number)
            snapshots.append(_time(connection, None))
            rollbacks.append(_time(connection, first))
        (objects,) = connection.execute("SELECT count(*) FROM pov.live()").fetchone() or (0,)
    return median(dumps), median(snapshots), median(rollbacks), objects


def _change(connection: Connection, number: int) -> None:
    for function in range(1, CHANGED + 1):
        schema = "other" if function % 7 == 0 else "public"
        connection.execute(
            f"CREATE OR REPLACE FUNCTION {schema}.f{function}(x integer) RETURNS integer"
            f" LANGUAGE sql IMMUTABLE AS 'SELECT 5000 + {number}'".encode()
        )


def _time(connection: Connection, number: int | None) -> float:
    stopwatch = Stopwatch()
    if number is None:
        snapshot(connection)
    else:
        roll_back(connection, number)
    return stopwatch.seconds * 1000


def _dump(servers: Servers, server: Server, name: str) -> float:
    stopwatch = Stopwatch()
    command = [str(servers.programs / "pg_dump"), "--schema-only", "--exclude-schema=pov", name]
    subprocess.run(command, env=server.environment(), stdout=subprocess.DEVNULL, check=True)
    return stopwatch.seconds * 1000


def main() -> None:
    """Prints a line for each size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.snapshots", description=__doc__)
    parser.add_argument("--functions", type=int, nargs="+", default=[1000, 10_000], metavar="N")
    parser.add_argument("--version", type=int, choices=(15, 18), default=15)
    options = parser.parse_args()
    with running(options.version) as servers:
        for functions in options.functions:
            dump, taken, back, objects = measure(servers.source, servers, functions)
            print(
                f"{objects} objects: pg_dump {dump:.0f} ms, snapshot {taken:.0f} ms ({taken / dump:.2f} of it), "
                f"rollback of {CHANGED} {back:.0f} ms ({back / taken:.2f} of a snapshot)"
            )


if __name__ == "__main__":
    main()
