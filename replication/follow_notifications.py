"""Waiting until a source tells of new events."""

import selectors

from psycopg import Notify

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import server_errors

CHANNEL = "eventsinsert"


class Ear:
    """Hears from the session on the source what is notified there, from the moment that it is made.

    What a notification says is not looked at: anybody may notify. The events are.
    """

    def __init__(self, source: Reached, destination: Reached) -> None:
        """:raises SlateError: connection-lost; what else the source says."""
        self._source = source
        self._destination = destination
        self._heard = False
        # A handler of our own, so that psycopg does not keep what nobody fetches.
        source.connection.add_notify_handler(self._hear)
        with server_errors(f"listen to {source.place}"):
            source.connection.execute(f"LISTEN {CHANNEL}".encode())

    def forget(self) -> None:
        """Forgets what was heard. To be called before the events are read that it may have told of."""
        self._heard = False

    def wait(self, seconds: float) -> None:
        """Returns once something was heard since forget, or one of the connections has news, or the time is over.

        :raises SlateError: connection-lost.
        """
        self._take(self._source, f"tell of new events in {self._source.place}")
        if self._heard:
            return
        with selectors.DefaultSelector() as ready:
            ready.register(self._source.connection.fileno(), selectors.EVENT_READ)
            ready.register(self._destination.connection.fileno(), selectors.EVENT_READ)
            ready.select(seconds)
        self._take(self._source, f"tell of new events in {self._source.place}")
        self._take(self._destination, f"take new events into {self._destination.place}")

    def _take(self, reached: Reached, doing: str) -> None:
        """Takes what has arrived. The end of a connection shows here, too."""
        connection = reached.connection
        with server_errors(doing):
            connection.pgconn.consume_input()
            while connection.pgconn.notifies():
                self._heard = True

    def _hear(self, _: Notify) -> None:
        self._heard = True
