"""``slate-schema release create`` against ``psql -1 -f`` of the same files.

Both as a user's shell runs them, and ours also less what Python takes to start and load, which psql does not have.
A file holds one function.
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.commands import RELEASE, Run, time_command
from benchmarks.comparison import Comparison, Target, compare_runs, in_turns
from benchmarks.servers import Servers

DATABASE = "release_bench"
FUNCTIONS = 300
TURNS_PER_ROUND = 5
# Each is five lines of the body.
BRANCHES = 4
HEAD = """CREATE SCHEMA bench_api;
SET search_path TO bench_api, public;
"""
BRANCH = """
  IF amount > {number} AND EXISTS (SELECT FROM pg_class AS c WHERE c.relname = who AND c.relpages > {number}) THEN
    SELECT count(*) INTO found FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = who AND c.reltuples > amount;
    who := format('%s of %s', found, coalesce(who, 'nobody'));
  END IF;
"""
FUNCTION = """-- Number {name}.
CREATE FUNCTION bench_api.f{name}(who text, amount integer DEFAULT {name}) RETURNS text
LANGUAGE plpgsql STABLE
AS $function$
DECLARE
  found bigint;
BEGIN
{branches}
  RETURN bench_api.f0(who);
END;
$function$;
"""
FIRST = "CREATE FUNCTION bench_api.f0(who text) RETURNS text LANGUAGE sql AS 'SELECT who';\n"


def measure(servers: Servers, rounds: int) -> list[Comparison]:
    """Milliseconds for 300 functions in 300 files."""
    with servers.source.connect() as connection:
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0".encode())
    try:
        with TemporaryDirectory(prefix="slate-bench-") as folder:
            return _compare(servers, Path(folder), rounds)
    finally:
        servers.source.drop(DATABASE)


def _compare(servers: Servers, folder: Path, rounds: int) -> list[Comparison]:
    sources = _write(folder / "50_bench_api", BRANCHES)
    lines = max(path.read_text().count("\n") for path in sources.rglob("*.sql"))
    measurements = {
        "ours": partial(_release, servers, sources),
        "theirs": partial(_psql, servers, sources),
        "start": partial(_start, servers),
    }
    in_turns(1, measurements)
    runs = in_turns(rounds * TURNS_PER_ROUND, measurements)
    name, baseline = f"slate-schema release create, {FUNCTIONS} functions of {lines} lines", "psql -1 -f of all files"
    whole = compare_runs(
        name, baseline, runs["ours"], runs["theirs"], target=Target("at most", 1.50), unit="ms", figure=_milliseconds
    )
    starts = [_milliseconds(run) for run in runs["start"]]
    less = [ours - start for ours, start in zip(whole.ours, starts, strict=True)]
    return [
        whole,
        Comparison("the same, less what Python takes to start and to load", baseline, "ms", less, whole.theirs),
    ]


def _milliseconds(run: Run) -> float:
    return run.seconds * 1000


def _write(folder: Path, branches: int) -> Path:
    (folder / "30_functions").mkdir(parents=True)
    (folder / "00_create_schema.sql").write_text(HEAD)
    (folder / "10_first.sql").write_text(FIRST)
    for number in range(1, FUNCTIONS + 1):
        body = "".join(BRANCH.format(number=number * 10 + one) for one in range(branches))
        (folder / "30_functions" / f"{number:03}_f.sql").write_text(FUNCTION.format(name=number, branches=body))
    return folder


def _release(servers: Servers, sources: Path) -> Run:
    command = [*RELEASE, "create", str(sources), "--version", "1.0.0", "--yes", "-d", DATABASE]
    run = time_command(servers, command, servers.source.environment())
    _clean(servers)
    return run


def _start(servers: Servers) -> Run:
    """What the command takes to load all of itself, to reach the server, and to find that there is nothing to tell."""
    command = [*RELEASE, "list", "-d", DATABASE]
    return time_command(servers, command, servers.source.environment())


def _psql(servers: Servers, sources: Path) -> Run:
    files = sorted(str(path) for path in sources.rglob("*.sql"))
    options = [word for file in files for word in ("-f", file)]
    command = [str(servers.programs / "psql"), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", *options, DATABASE]
    run = time_command(servers, command, servers.source.environment())
    _clean(servers)
    return run


def _clean(servers: Servers) -> None:
    with servers.source.connect(DATABASE) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bench_api, bench_api_v1_0_0 CASCADE")
        if connection.execute("SELECT FROM pg_tables WHERE schemaname = 'slate'").rowcount:
            connection.execute("DELETE FROM slate.release")
