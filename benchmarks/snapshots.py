"""Snapshots and rollbacks against ``pg_dump --schema-only``, on a generated database.

``python -m benchmarks.snapshots`` measures other sizes than the report has; what is compared is measured in turns.
"""

import argparse
import subprocess

from benchmarks.comparison import Comparison, Target
from benchmarks.process import Stopwatch
from benchmarks.report import print_table
from benchmarks.servers import Servers, running
from tests.pov import Connection, prepared, roll_back, snapshot
from tests.pov_histories import Histories

FUNCTIONS = 1000
TURNS_PER_ROUND = 5
CHANGED = 10


def measure(servers: Servers, rounds: int, functions: int = FUNCTIONS) -> list[Comparison]:
    """Milliseconds for a dump, a snapshot and a rollback of ten functions, within the server."""
    name = f"pov_{functions}"
    with prepared(servers.source, name) as connection:
        Histories(connection, 5, functions, functions * 3 // 10).build()
        connection.execute("ANALYZE")
        first = snapshot(connection)
        dumps, snapshots, rollbacks = [], [], []
        for number in range(rounds * TURNS_PER_ROUND):
            dumps.append(_dump(servers, name))
            _change(connection, number)
            snapshots.append(_time(connection, None))
            rollbacks.append(_time(connection, first))
        (objects,) = connection.execute("SELECT count(*) FROM pov.live()").fetchone() or (0,)
    taken = f"snapshot of {objects:,} objects"
    back = f"rollback of {CHANGED} changed functions of {objects:,} objects"
    return [
        Comparison(taken, "pg_dump --schema-only", "ms", snapshots, dumps, Target("at most", 1.00)),
        Comparison(back, "a snapshot", "ms", rollbacks, snapshots, Target("at most", 1.20)),
    ]


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


def _dump(servers: Servers, name: str) -> float:
    stopwatch = Stopwatch()
    command = [str(servers.programs / "pg_dump"), "--schema-only", "--exclude-schema=pov", name]
    subprocess.run(command, env=servers.source.environment(), stdout=subprocess.DEVNULL, check=True)
    return stopwatch.seconds * 1000


def main() -> None:
    """Prints a table for all sizes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.snapshots", description=__doc__)
    parser.add_argument("--functions", type=int, nargs="+", default=[FUNCTIONS, 10_000], metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--version", type=int, choices=(15, 18), default=15)
    options = parser.parse_args()
    with running(options.version) as servers:
        sizes = [measure(servers, options.rounds, functions) for functions in options.functions]
    print_table([comparison for of_one in sizes for comparison in of_one])


if __name__ == "__main__":
    main()
