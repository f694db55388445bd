"""The story that pov's own synopsis tells, step by step, typed into psql."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.pov import prepared
from tests.servers import Server, binaries

_ROW = re.compile(
    r" _snapshotid \| +_revisionid +\n-+\+-+\n +(?P<snapshot>\d+) \| (?P<revision>[0-9a-f]{64})\n\(1 row\)\n\n"
)
# What psql 15 and 18 print for \\df, each line without the spaces at its ends.
_HEAD = [
    "List of functions",
    "Schema |  Name  | Result data type | Argument data types | Type",
    "--------+--------+------------------+---------------------+------",
]
_ONE_FUNCTION = [*_HEAD, "public | myfunc | void             |                     | func", "(1 row)", ""]
_NO_FUNCTION = [line.replace("  Name  ", " Name ").replace("+--------+", "+------+") for line in _HEAD] + [
    "(0 rows)",
    "",
]


class Psql:
    """The psql of a server's version."""

    def __init__(self, server: Server, database: str) -> None:
        self._program = binaries()[server.version] / "psql"
        self._environment = server.environment(PGDATABASE=database, LC_ALL="C")

    def type(self, line: str) -> str:
        """What psql prints for one line, in a session of its own."""
        ended = subprocess.run(
            [self._program, "--no-psqlrc", "--set", "ON_ERROR_STOP=1"],
            input=f"{line}\n",
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert ended.stderr == ""
        return ended.stdout

    def functions(self) -> list[str]:
        """The lines that psql prints for the function of the story."""
        return [line.strip() for line in self.type("\\df myfunc").splitlines()]

    def pov(self, line: str) -> tuple[int, str]:
        """The snapshot and the revision that a call prints."""
        match = _ROW.fullmatch(self.type(line))
        assert match
        return int(match["snapshot"]), match["revision"]


@pytest.fixture
def psql(server: Server, name: str) -> Iterator[Psql]:
    prepared(server, name).close()
    yield Psql(server, name)


def test_the_synopsis(psql: Psql) -> None:
    # 1. and 2. Take a snapshot, twice. 3. Nothing changed between them.
    first = psql.pov("SELECT * FROM pov();")
    assert first[0] == 1
    assert psql.pov("SELECT * FROM pov();") == first
    # 4. Modify your functions.
    assert psql.type("CREATE FUNCTION myfunc() RETURNS VOID AS $$ $$ LANGUAGE sql;") == "CREATE FUNCTION\n"
    assert psql.functions() == _ONE_FUNCTION
    # 5. Take a snapshot.
    second = psql.pov("SELECT * FROM pov();")
    assert second[0] == 2
    assert second[1] != first[1]
    # Go back to 1: the function is dropped.
    assert psql.pov("SELECT * FROM pov(1);") == (3, first[1])
    assert psql.functions() == _NO_FUNCTION
    # Go back to 2: it is there again.
    assert psql.pov("SELECT * FROM pov(2);") == (4, second[1])
    assert psql.functions() == _ONE_FUNCTION
