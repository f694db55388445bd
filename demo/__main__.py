"""Creates a source and a backup, loses the source, restores it, and compares. On a PostgreSQL of its own."""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from init_slate_db.core.embedded import Cluster, find_binaries

REAL_EVENTS = Path(__file__).parents[2] / "shared" / "data" / "slate-person-events.jsonl.gz"
SAMPLE_EVENTS = Path(__file__).with_name("sample-events.jsonl.gz")
BATCH = 1000
TABLE = "(SELECT id, ts, event FROM events ORDER BY id)"


def main() -> None:
    """Runs the demo in a temporary folder, and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="slate-demo-") as folder:
        Path(folder).chmod(0o755)
        cluster = Cluster(Path(folder), find_binaries())
        try:
            tell_the_story(cluster)
        finally:
            cluster.stop("immediate")


def tell_the_story(cluster: Cluster) -> None:
    with step("A source, on a PostgreSQL started for this demo"):
        create(cluster, "events", "source")
    with step("A destination, its backup"):
        create(cluster, "backup", "destination")
    events = read_events()
    with step(f"Append {len(events):,} events to the source, {BATCH} a transaction"):
        append(cluster, events)
    with step("Fill the backup"):
        fill(cluster)
    with step("Disaster: the source is dropped"):
        execute(cluster, "postgres", "DROP DATABASE events")
    print("slate-recover --from BACKUP --create --yes\n", flush=True)
    recover(cluster)
    print()
    row = execute(cluster, "events", """SELECT first_id FROM append_events('[{"note": "writers are back"}]')""")
    print(f"The writers are back: event {row[0]:,} is stored.")


def create(cluster: Cluster, name: str, table_type: str) -> None:
    """Runs init-slate-db as a user would."""
    command = [sys.executable, "-m", "init_slate_db", "-q", "-n", name, "-t", table_type]
    subprocess.run([*command, "--embedded", str(cluster.directory)], check=True, stdout=subprocess.DEVNULL)


def read_events() -> list[str]:
    """The JSON texts of the events: real ones where they are at hand, else the sample that is shipped."""
    path = REAL_EVENTS if REAL_EVENTS.exists() else SAMPLE_EVENTS
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.dumps(json.loads(line)["event"]) for line in lines]


def append(cluster: Cluster, events: list[str]) -> None:
    with connect(cluster, "events") as connection:
        for start in range(0, len(events), BATCH):
            batch = f"[{','.join(events[start : start + BATCH])}]"
            connection.execute("SELECT append_events(%s)", (batch,))


def fill(cluster: Cluster) -> None:
    with connect(cluster, "events") as source, connect(cluster, "backup") as backup:
        reader = source.cursor().copy(f"COPY {TABLE} TO STDOUT (FORMAT binary)".encode())
        writer = backup.cursor().copy("COPY events FROM STDIN (FORMAT binary)")
        with reader as rows, writer as sink:
            for data in rows:
                sink.write(data)


def recover(cluster: Cluster) -> None:
    """Runs slate-recover as a user would: survey, plan, recovery, comparison, report."""
    command = [sys.executable, "-m", "recovery", "-q", "--from", cluster.dsn("backup"), "--create", "--yes"]
    subprocess.run([*command, "--dsn", cluster.dsn("events")], check=True)


def execute(cluster: Cluster, database: str, statement: str, parameters: tuple[Any, ...] | None = None) -> Any:
    with connect(cluster, database) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchone() if cursor.description else None


def connect(cluster: Cluster, database: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(cluster.dsn(database), autocommit=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Prints what is done and, when it is, the seconds that it took."""
    print(f"{title} ...", end=" ", flush=True)
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
