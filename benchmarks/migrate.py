"""slate-schema migrate, against psql -1 -f over the same files: small patches, so that what each costs shows.

Whole commands are timed, from start to end, on an empty database each. psql sends what the files hold in one
transaction, and nothing else; ours reads all of it first, keeps the ledger, and commits all of it together as well.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.commands import MIGRATE, Run, one_environment, time_command
from benchmarks.comparison import Comparison, Target, compare_runs, in_turns
from benchmarks.servers import Servers, checkpoint

DATABASE = "patched"
PATCHES = 1000
MOST = 2.0

# Four kinds in turns, each of which builds on the one before.
KINDS = (
    "CREATE TABLE patched_{number} (id bigint PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now());\n",
    "-- Adds what the table before lacks.\n"
    "ALTER TABLE patched_{before} ADD COLUMN note text DEFAULT 'a;b';\n"
    "CREATE INDEX patched_{number}_name ON patched_{before} (name);\n",
    "CREATE FUNCTION function_{number}(x integer) RETURNS integer LANGUAGE plpgsql AS $body$\n"
    "BEGIN\n  -- Nothing; of interest.\n  RETURN x + {number};\nEND\n$body$;\n",
    "INSERT INTO patched_{first} (id, name) SELECT i, 'name ' || i FROM generate_series(1, 20) AS i;\n"
    "UPDATE patched_{first} SET note = 'it''s ' || id WHERE id > 10",
)


def measure(servers: Servers, rounds: int) -> list[Comparison]:
    """Seconds for all patches."""
    with one_environment(servers) as environment, TemporaryDirectory(prefix="slate-bench-") as name:
        folder = Path(name)
        files = _write(folder)
        runs = in_turns(
            rounds,
            {
                "ours": partial(_migrate, servers, environment, folder),
                "theirs": partial(_run_psql, servers, environment, files),
            },
        )
    name = f"slate-schema migrate, {PATCHES:,} patches"
    return [compare_runs(name, "psql -1 -f of all files", runs["ours"], runs["theirs"], target=Target("at most", MOST))]


def _write(folder: Path) -> list[Path]:
    files = []
    for number in range(PATCHES):
        place = number % len(KINDS)
        text = KINDS[place].format(number=number, before=number - 1, first=number - place)
        files.append(folder / f"patch-1-{number}-0-std.sql")
        files[-1].write_text(text, encoding="utf-8")
    return files


def _migrate(servers: Servers, environment: Mapping[str, str], folder: Path) -> Run:
    _make_database(servers)
    run = time_command(servers, [*MIGRATE, folder, "--node", f"dbname={DATABASE}", "--yes"], environment)
    _check_and_drop(servers, "SELECT count(*) FROM slate.patch WHERE ended_at IS NOT NULL", PATCHES)
    return run


def _run_psql(servers: Servers, environment: Mapping[str, str], files: list[Path]) -> Run:
    _make_database(servers)
    options = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-d", DATABASE]
    run = time_command(servers, ["psql", *options, *(word for file in files for word in ("-f", file))], environment)
    _check_and_drop(servers, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^patched'", PATCHES // 4)
    return run


def _make_database(servers: Servers) -> None:
    servers.source.drop(DATABASE)
    with servers.source.connect() as connection:
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
    checkpoint(servers.source)


def _check_and_drop(servers: Servers, query: str, expected: int) -> None:
    """Makes sure that everything was applied, then drops the database."""
    with servers.source.connect(DATABASE) as connection:
        row = connection.execute(query.encode()).fetchone()
    if row != (expected,):
        raise RuntimeError(f"{expected} were to be found, and there are {row}")
    servers.source.drop(DATABASE)
