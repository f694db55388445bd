"""A source and a destination on two servers, and slate-replicate run on them as a user's shell does."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg.conninfo import make_conninfo

from tests import commands
from tests.recovery import Connection, digest
from tests.servers import Server, wait_for
from tests.slate import create_database

COMMAND = (sys.executable, "-m", "replication")
_DROP_SUBSCRIPTIONS = """
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT subname FROM pg_subscription
              WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) LOOP
    EXECUTE format('ALTER SUBSCRIPTION %1$I DISABLE', name);
    EXECUTE format('ALTER SUBSCRIPTION %1$I SET (slot_name = NONE)', name);
    EXECUTE format('DROP SUBSCRIPTION %1$I', name);
  END LOOP;
END $$
"""
_SLOTS = """
SELECT slot_name FROM pg_replication_slots WHERE database = %s AND slot_type = 'logical' AND NOT temporary ORDER BY 1
"""


@dataclass(frozen=True)
class Pair:
    """A source called name on one server, a destination called name_copy on another."""

    source_server: Server
    destination_server: Server
    name: str

    @property
    def copy(self) -> str:
        return f"{self.name}_copy"

    @property
    def source_place(self) -> str:
        return f"127.0.0.1:{self.source_server.port}/{self.name}"

    @property
    def destination_place(self) -> str:
        return f"127.0.0.1:{self.destination_server.port}/{self.copy}"

    def source_address(self, **changes: Any) -> str:
        return make_conninfo(**self.source_server.parameters(self.name, **changes))

    def destination_address(self, **changes: Any) -> str:
        return make_conninfo(**self.destination_server.parameters(self.copy, **changes))

    def run(
        self, verb: str, *more: str, environment: Mapping[str, str] | None = None, **addresses: str
    ) -> "subprocess.CompletedProcess[str]":
        """Runs the verb on both.

        :param addresses: source, destination: other ones than the superuser's.
        """
        both = addresses.get("source", self.source_address()), addresses.get("destination", self.destination_address())
        return commands.run([verb, *both, *more], environment or self.source_server.environment(), COMMAND)

    def add(self, *more: str) -> "subprocess.CompletedProcess[str]":
        """Has the destination follow, which must succeed."""
        ended = self.run("add", "--yes", *more)
        assert ended.returncode == 0, ended.stderr
        return ended

    def source(self, **changes: Any) -> Connection:
        return self.source_server.connect(self.name, **changes)

    def destination(self, **changes: Any) -> Connection:
        return self.destination_server.connect(self.copy, **changes)

    def append(self, count: int = 1) -> int:
        """Stores so many events in one transaction; returns the id of the last."""
        with self.source() as source:
            row = source.execute(
                "SELECT last_id FROM append_events((SELECT jsonb_agg(jsonb_build_object("
                "'entityName', 'Person', 'entityId', i, 'value', i * 1.50, 'text', 'ä€😀''\"')) "
                "FROM generate_series(1, %s) AS i))",
                (count,),
            ).fetchone()
        assert row
        return int(row[0])

    def highest(self) -> int:
        with self.destination() as destination:
            row = destination.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
        assert row
        return int(row[0])

    def wait_for_event(self, last_id: int) -> None:
        wait_for(lambda: self.highest() >= last_id, f"event {last_id}")

    def same_events(self) -> bool:
        with self.source() as source, self.destination() as destination:
            return digest(source) == digest(destination)

    def slots(self) -> list[str]:
        """The lasting slots of the source's database."""
        with self.source_server.connect() as connection:
            return [name for (name,) in connection.execute(_SLOTS, (self.name,))]

    def traces(self) -> list[str]:
        """What is there of a link, on both sides."""
        found = self.slots()
        with self.source() as source:
            found += [f"publication {name}" for (name,) in source.execute("SELECT pubname FROM pg_publication")]
        with self.destination() as destination:
            found += [f"subscription {row[0]}" for row in destination.execute("SELECT subname FROM pg_subscription")]
            found += [
                f"trigger {name}"
                for (name,) in destination.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
            ]
            routines = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            found += [f"function {name}" for (name,) in destination.execute(routines)]
        return found


@contextmanager
def open_pair(source_server: Server, destination_server: Server, name: str, events: int = 20) -> Iterator[Pair]:
    """Makes both, the source with events; afterwards nothing of them is left, whatever became of them."""
    pair = Pair(source_server, destination_server, name)
    create_database(source_server, pair.name, "source")
    create_database(destination_server, pair.copy, "destination")
    try:
        if events:
            pair.append(events)
        yield pair
    finally:
        close(pair)


def close(pair: Pair) -> None:
    """Ends all that was set up between the two, and drops them."""
    if pair.copy in pair.destination_server.databases():
        with pair.destination() as destination:
            destination.execute(_DROP_SUBSCRIPTIONS)
        pair.destination_server.drop(pair.copy)
    with pair.source_server.connect() as connection:
        query = (
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s AND NOT active"
        )

        def drop() -> bool:
            connection.execute(query, (pair.name,))
            return not connection.execute(_SLOTS, (pair.name,)).rowcount

        wait_for(drop, "the end of its slots")
    pair.source_server.drop(pair.name)
