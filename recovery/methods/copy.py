"""Method copy: parallel binary COPY through this machine, in ranges of ids, each with its entry in the journal."""

from collections.abc import Callable, Sequence
from contextlib import closing

import psycopg

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, connect, lift_timeouts, server_errors
from init_slate_db.core.copying import copy_events
from init_slate_db.core.errors import SlateError
from init_slate_db.core.parallel import in_parallel
from init_slate_db.core.progress import Progress
from recovery.backup import Backup

Range = tuple[int, int]

# A range is what an interruption costs: about so many bytes, in whole multiples of so many ids.
_RANGE_BYTES = 32_000_000
_RANGE_STEP = 4096

_STORED = "SELECT first_id, last_id FROM slate.recovery_range ORDER BY first_id"
_COMMANDS = "SELECT position, command FROM slate.recovery_command ORDER BY position"
# A commit need not wait for the disk: what a crash takes, events and journal together, --resume copies again, and the
# commit that lets writers in waits for all before it.
_UNHURRIED = "SET synchronous_commit = off"
# The ranges are found by binary search, since the source has no index yet.
_DIGESTS = """
SELECT e.range, sha256(string_agg(e.digest, ''::bytea ORDER BY e.id))
FROM (SELECT a.id, width_bucket(a.id, %(firsts)s::bigint[]) AS range,
             sha256(int8send(a.id) || timestamptz_send(a.ts) || jsonb_send(a.event)) AS digest
      FROM public.events AS a
      WHERE a.id <= (%(lasts)s::bigint[])[width_bucket(a.id, %(firsts)s::bigint[])] OFFSET 0) AS e
GROUP BY e.range
"""
_IS_PARTITIONED = "SELECT c.relkind = 'p' FROM pg_class AS c WHERE c.oid = 'public.events'::regclass"
_CONSTRAINT = "; ALTER TABLE public.events ADD CONSTRAINT "


def stored_ranges(connection: Connection) -> list[Range]:
    """The ids, both ends inclusive, that are stored already, in their order."""
    return connection.execute(_STORED).fetchall()


def missing_ranges(stored: Sequence[Range], last_id: int, size: int) -> list[Range]:
    """What is left of the ids 1 to last_id, in ranges of at most size ids that begin behind multiples of it."""
    missing = []
    next_id = 1
    for first, last in [*stored, (last_id + 1, last_id + 1)]:
        while next_id < first:
            end = min((next_id - 1) // size * size + size, first - 1)
            missing.append((next_id, end))
            next_id = end + 1
        next_id = last + 1
    return missing


def recheck(source: Reached, backup: Backup) -> None:
    """Makes sure that the backup still has the events that were copied from it before.

    :raises SlateError: other-backup; a connection code.
    """
    ranges = stored_ranges(source.connection)
    bounds = {"firsts": [first for first, _ in ranges], "lasts": [last for _, last in ranges]}

    def digests(connection: Connection) -> tuple[bool, dict[int, bytes]]:
        return connection is source.connection, dict(connection.execute(_DIGESTS, bounds).fetchall())

    sides = [([connection], [digests]) for connection in (source.connection, backup.snapshot.connection)]
    with closing(in_parallel(*sides)) as results:
        found = dict(results)
    for number, (first, last) in enumerate(ranges, 1):
        if found[True].get(number) != found[False].get(number):
            raise SlateError(
                "other-backup",
                f"Backup {backup.place} has changed: its events {first:,} to {last:,} are not those copied before.",
                hint="Find out why (slate-diff shows the events). To begin anew: --replace, without --resume.",
            )


def copy(source: Reached, backup: Backup, jobs: int, progress: Progress) -> int:
    """Stores what is missing of the events, builds the indexes, and checks. Returns how many events there are.

    :raises SlateError: what a server says; what was stored until then stays, for --resume.
    """
    with server_errors("tell what is stored"):
        ranges = missing_ranges(stored_ranges(source.connection), backup.last_id, _range_size(backup))
    writers: list[Connection] = []
    try:
        while len(writers) < jobs:
            writers.append(connect(source.parameters, source.options))
        with server_errors("begin to store events"):
            for writer in writers:
                lift_timeouts(writer)
                writer.execute(_UNHURRIED)
        _copy_ranges(ranges, source, backup, writers, progress)
        with server_errors("build the indexes"):
            _build_indexes(source.connection, writers, progress)
        with server_errors("check the copied events"):
            row = source.connection.execute("SELECT slate.check_copied()").fetchone()
    finally:
        for writer in writers:
            writer.close()
    assert row
    return int(row[0])


def _range_size(backup: Backup) -> int:
    per_step = backup.extent.bytes / max(1, backup.extent.events) * _RANGE_STEP
    return max(1, int(_RANGE_BYTES / max(1.0, per_step))) * _RANGE_STEP


def _copy_ranges(
    ranges: Sequence[Range], source: Reached, backup: Backup, writers: Sequence[Connection], progress: Progress
) -> None:
    readers = backup.snapshot.connections(len(writers))
    reader_of = dict(zip(writers, readers, strict=True))

    def task(one: Range) -> Callable[[Connection], int]:
        def copy_range(writer: Connection) -> int:
            reader = reader_of[writer]
            try:
                return _copy_range(one, reader, writer)
            except psycopg.Error as error:
                doing = f"read from {backup.place}" if reader.broken else f"store events in {source.place}"
                with server_errors(doing):
                    raise error

        return copy_range

    with closing(in_parallel((writers, [task(one) for one in ranges]), also=readers)) as copied:
        for count in copied:
            progress.advance(count)


def _copy_range(one: Range, reader: Connection, writer: Connection) -> int:
    first, last = one
    with writer.transaction():
        count = copy_events(reader, writer, first, last)
        if count != last - first + 1:
            raise psycopg.DataError(f"the backup gave {count} events for the ids {first} to {last}")
        writer.execute("INSERT INTO slate.recovery_range (first_id, last_id) VALUES (%s, %s)", one)
    return count


def _build_indexes(connection: Connection, builders: Sequence[Connection], progress: Progress) -> None:
    commands = connection.execute(_COMMANDS).fetchall()
    # A constraint locks everybody out, so constraints come first, one after another.
    constraints = [command for command in commands if _CONSTRAINT in command[1]]
    others = [command for command in commands if _CONSTRAINT not in command[1]]
    if connection.execute(_IS_PARTITIONED).fetchone() == (True,):
        # PostgreSQL makes up the names of the partitions' indexes, and two builds at once make up the same.
        builders = builders[:1]
    done = 0
    for share in ([constraints] if constraints else []) + [others]:
        at_once = builders[:1] if share is constraints else builders
        progress.describe(f"index {done + 1} of {len(commands)}")
        with closing(in_parallel((at_once, [_build(*command) for command in share]))) as built:
            for _ in built:
                done += 1
                progress.describe(f"index {min(done + 1, len(commands))} of {len(commands)}")


def _build(position: int, command: str) -> Callable[[Connection], None]:
    def build(connection: Connection) -> None:
        with connection.transaction():
            connection.execute(command.encode())
            connection.execute("DELETE FROM slate.recovery_command WHERE position = %s", (position,))

    return build
