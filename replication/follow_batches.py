"""Events from a source to a destination, batch by batch, each one made of whole transactions and stored in one."""

import logging
import time
from dataclasses import dataclass

import psycopg

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import USE_ROLES_SEARCH_PATH, server_errors
from init_slate_db.core.copying import copy_events
from init_slate_db.core.errors import SlateError

_logger = logging.getLogger(__name__)

# An interruption costs one batch, and a commit a few milliseconds. So a batch is what takes about a second.
_SMALLEST, _LARGEST = 1000, 200_000
_SECONDS = 1.0
_GROWTH = 4

# In one snapshot: the highest id, and the last one of the transaction that a batch of the wanted size ends in.
_END = """
SELECT h.highest,
       CASE WHEN h.highest <= %(wanted)s THEN h.highest
       ELSE coalesce((SELECT n.id - 1 FROM public.events AS n
                      WHERE n.id > %(wanted)s
                        AND n.ts IS DISTINCT FROM (SELECT w.ts FROM public.events AS w WHERE w.id = %(wanted)s)
                      ORDER BY n.id LIMIT 1), h.highest) END
FROM (SELECT coalesce(max(id), 0) AS highest FROM public.events) AS h
"""
_HIGHEST = "SELECT coalesce(max(id), 0) FROM public.events"
# What a crash takes of a batch with others behind it is read again; the last one's commit waits for all before it.
_UNHURRIED = f"{USE_ROLES_SEARCH_PATH}; SET LOCAL synchronous_commit = off"


@dataclass(frozen=True)
class Batch:
    """Events to store: ids, both ends inclusive. source_highest: what the source had when it was asked."""

    first: int
    last: int
    source_highest: int

    @property
    def events(self) -> int:
        return self.last - self.first + 1

    @property
    def behind(self) -> int:
        """How many events there are up to the source's highest."""
        return self.source_highest - self.first + 1

    @property
    def is_last(self) -> bool:
        return self.last == self.source_highest


class Transfer:
    """Takes the destination on, from its highest event. What it raises are SlateErrors."""

    def __init__(self, source: Reached, destination: Reached) -> None:
        self._source = source
        self._destination = destination
        self._size = _SMALLEST
        self.highest = self._read_highest()

    def next(self) -> Batch | None:
        """What is to be stored next; None where there is nothing new."""
        with server_errors(f"tell which events {self._source.place} has"):
            row = self._source.connection.execute(_END, {"wanted": self.highest + self._size}).fetchone()
        assert row
        highest, last = row
        return Batch(self.highest + 1, last, highest) if last > self.highest else None

    def store(self, batch: Batch) -> None:
        """Stores a batch, all of it or nothing.

        :raises SlateError: invalid-source: ids are missing there; destination-busy: others store events here.
        """
        started = time.monotonic()
        try:
            self._copy(batch)
        except psycopg.Error as error:
            with server_errors(self._doing()):
                raise error
        self.highest = batch.last
        seconds = time.monotonic() - started
        self._resize(batch.events, seconds)
        _logger.debug(
            "Stored events %s to %s in %.0f ms.",
            f"{batch.first:,}",
            f"{batch.last:,}",
            seconds * 1000,
            extra={"first_id": batch.first, "last_id": batch.last, "seconds": round(seconds, 6)},
        )

    def _copy(self, batch: Batch) -> None:
        writer = self._destination.connection
        with writer.transaction():
            self._make_sure_of_highest()
            # The destination's own triggers may need the search_path.
            writer.execute((USE_ROLES_SEARCH_PATH if batch.is_last else _UNHURRIED).encode(), prepare=False)
            count = copy_events(self._source.connection, writer, batch.first, batch.last)
            if count != batch.events:
                raise SlateError(
                    "invalid-source",
                    f"{self._source.place} lacks some of its own events.",
                    why=f"It has {count:,} of the ids {batch.first:,} to {batch.last:,}.",
                    hint="If it is being recovered, follow it when that is done. Else slate-diff it with a backup.",
                )

    def _make_sure_of_highest(self) -> None:
        found = self._read_highest()
        if found != self.highest:
            raise SlateError(
                "destination-busy",
                f"Another program stores events in {self._destination.place}.",
                why=f"Its highest id was {self.highest:,}, and is {found:,}.",
                hint="Find out which, and what it stored: slate-diff. The owner of events can have others refused.",
            )

    def _read_highest(self) -> int:
        with server_errors(f"tell which events {self._destination.place} has"):
            row = self._destination.connection.execute(_HIGHEST).fetchone()
        assert row
        return int(row[0])

    def _doing(self) -> str:
        """What failed, as far as the connections tell."""
        if self._source.connection.broken:
            return f"read from {self._source.place}"
        if self._destination.connection.broken:
            return f"store events in {self._destination.place}"
        return f"copy events from {self._source.place} to {self._destination.place}"

    def _resize(self, events: int, seconds: float) -> None:
        """Towards the size that takes as long as a batch is to take; one of a few events tells nothing of that."""
        if events < self._size:
            return
        factor = min(_GROWTH, max(1 / _GROWTH, _SECONDS / max(seconds, 0.001)))
        self._size = min(_LARGEST, max(_SMALLEST, int(self._size * factor)))
