"""Whatever happened to the objects of a database: a rollback brings all of them back, and touches nothing else.

12 histories with 100 functions a version; SLATE_ALL_MOMENTS: 200 with 1000, which takes ten minutes each.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.effort import moments
from tests.pov import Connection, dump, prepared, roll_back, snapshot
from tests.pov_histories import TABLES, Histories
from tests.servers import Server

HISTORIES = moments(12, 200)
FUNCTIONS = moments(100, 1000)


@pytest.fixture
def database(server: Server, name: str) -> Iterator[Connection]:
    with prepared(server, name) as connection:
        yield connection


def data(connection: Connection) -> list[Any]:
    """The file, the number of rows and a checksum of the rows of every table."""
    facts = "count(*), md5(string_agg(t::text, '|' ORDER BY a))"
    return [
        connection.execute(f"SELECT pg_relation_filenode('t{n}'), {facts} FROM t{n} AS t".encode()).fetchone()
        for n in range(TABLES)
    ]


def live(connection: Connection) -> dict[str, tuple[str, int]]:
    """The objectid and OID of every live object."""
    return {
        key: (digest, oid) for key, digest, oid in connection.execute("SELECT key, objectid, object_id FROM pov.live()")
    }


def oids_lost(before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]], stood_on: set[str]) -> set[str]:
    """The objects that were the same before and after, stood on nothing that was made anew, and yet were made anew."""
    return {
        key
        for key, (digest, oid) in before.items()
        if key in after and after[key][0] == digest and after[key][1] != oid and key not in stood_on
    }


def remade(connection: Connection, number: int) -> set[str]:
    """Equal objects that a plan must make anew, as they stand on one that cannot be replaced."""
    rows = connection.execute(
        """
        WITH RECURSIVE pair AS MATERIALIZED (SELECT * FROM pov.compare(%s)), up AS (
          SELECT key FROM pair WHERE action IN ('remake', 'remove early')
          UNION SELECT p.key FROM up JOIN pair AS p ON p.live -> 'depends' ? up.key)
        SELECT key FROM up
        """,
        [number],
    )
    return {key for (key,) in rows}


# The full number takes longer than any other test may.
@pytest.mark.timeout(300 + 30 * HISTORIES)
def test_every_history_comes_back(server: Server, database: Connection) -> None:
    name = database.info.dbname
    histories = Histories(database, 5, FUNCTIONS, FUNCTIONS * 3 // 10)
    histories.build()
    rows = data(database)
    taken = {snapshot(database): dump(server, name)}
    for _ in range(HISTORIES):
        for _ in range(histories.dice.randint(1, 8)):
            histories.change()
        taken[snapshot(database)] = dump(server, name)
        target = histories.dice.choice(list(taken))
        before, standing = live(database), remade(database, target)
        roll_back(database, target)
        now = dump(server, name)
        assert now == taken[target], (now - taken[target], taken[target] - now)
        assert data(database) == rows
        assert oids_lost(before, live(database), standing) == set()
