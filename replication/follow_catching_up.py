"""The chase after a source: a backlog as fast as possible, then each event as soon as it is there."""

import logging
from collections.abc import Callable
from typing import NoReturn

from init_slate_db.core.connection import server_errors
from init_slate_db.core.options import LogOptions
from init_slate_db.core.progress import progress
from replication import follow_indexes
from replication.follow_batches import Batch, Transfer
from replication.follow_facts import Facts
from replication.follow_notifications import Ear
from replication.follow_sessions import Sessions

_logger = logging.getLogger(__name__)

# A notification may be lost, and some sources send none: how often, in seconds, one looks without.
LOOK_INTERVAL = 5.0
# So many events behind are a backlog, which is told of. Fewer are stored within a second.
_BACKLOG = 10_000
# Building the indexes takes a fifth of the time of storing into them, where they grow by so many events, and …
_WORTH_INDEXES = 50_000
# … to so many times what is there.
_WORTH_GROWTH = 4


class Chase:
    """One pair of sessions at work. highest: the id that the destination has now; stored: how many events came so."""

    def __init__(self, sessions: Sessions, facts: Facts, log: LogOptions, works: Callable[[int], None]) -> None:
        """:param works: is told the destination's highest id whenever events were stored, or none were missing."""
        self._source, self._destination = sessions.source, sessions.destination
        self._facts = facts
        self._log = log
        self._works = works
        self._transfer = Transfer(self._source, self._destination)
        self._before = self._transfer.highest
        self._may_lack_indexes = facts.owns_events

    @property
    def highest(self) -> int:
        return self._transfer.highest

    @property
    def stored(self) -> int:
        return self.highest - self._before

    def catch_up(self) -> None:
        """Stores all that the source has, and builds the indexes that are set aside.

        :raises SlateError: what a server says; invalid-source, destination-busy.
        """
        batch = self._transfer.next()
        if batch and batch.behind > _BACKLOG:
            self._set_indexes_aside(batch.behind)
            self._store_backlog(batch)
            batch = self._transfer.next()
        while batch:
            self._store(batch)
            batch = None if batch.is_last else self._transfer.next()
        if self._may_lack_indexes:
            self._bring_indexes_back()
        self._works(self.highest)

    def go_on(self) -> NoReturn:
        """Stores each event as soon as the source tells of it.

        :raises SlateError: as catch_up.
        """
        ear = Ear(self._source, self._destination)
        while True:
            ear.forget()
            self.catch_up()
            ear.wait(LOOK_INTERVAL)

    def _store(self, batch: Batch) -> None:
        self._transfer.store(batch)
        self._works(self.highest)

    def _store_backlog(self, first: Batch) -> None:
        """Stores what there is at the moment, which takes long enough to tell how far it is."""
        target = first.source_highest
        with progress("Catching up", first.behind, self._log) as bar:
            batch: Batch | None = first
            while batch and self.highest < target:
                self._store(batch)
                bar.advance(batch.events)
                batch = self._transfer.next()
        _logger.info("Caught up with event %s.", f"{target:,}", extra={"highest_id": target})

    def _set_indexes_aside(self, behind: int) -> None:
        """Where that pays."""
        pays = behind >= _WORTH_INDEXES and behind >= _WORTH_GROWTH * self.highest
        if not self._facts.takes_indexes_aside or not pays:
            return
        connection = self._destination.connection
        with server_errors(f"set indexes of {self._destination.place} aside"):
            if follow_indexes.set_aside(connection):
                self._may_lack_indexes = True
                _logger.info("The indexes of %s are set aside until it has caught up.", self._destination.place)

    def _bring_indexes_back(self) -> None:
        with server_errors(f"build indexes of {self._destination.place}"):
            for number, count in follow_indexes.bring_back(self._destination.connection):
                _logger.info("Building index %d of %d.", number, count, extra={"index": number, "indexes": count})
        self._may_lack_indexes = False
