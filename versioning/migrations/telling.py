"""Tells how the nodes stand, and how far a statement is that runs for long outside a transaction."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import psycopg

from init_slate_db.core.connection import Connection
from init_slate_db.core.console import write_result
from init_slate_db.core.parallel import beside
from init_slate_db.core.progress import LINE_INTERVAL

_logger = logging.getLogger(__name__)

# Of what runs for hours, a line a minute is enough, in seconds.
_LONGEST_INTERVAL = 60.0
_PROGRESS = """
SELECT p.phase
       -- While it waits, these are still those of the phase before.
       || coalesce(CASE WHEN p.phase NOT LIKE 'waiting%%' THEN
                     format(', %%s %%%% of the blocks', 100 * p.blocks_done / nullif(p.blocks_total, 0)) END, '')
       || coalesce(format(', waits for process %%s', nullif(p.current_locker_pid, 0)), '')
FROM pg_stat_progress_create_index AS p WHERE p.pid = %s
"""


def tell_states(what: str, states: Mapping[str, str]) -> None:
    """Tells on standard output how each node stands.

    :param what: with what: which patches.
    :param states: of each node, by its name, in words.
    """
    write_result("\n".join([f"{what}:", *(f"  {name}: {state}" for name, state in states.items())]))


@contextmanager
def told_as_it_goes(what: str, watch: Connection, pid: int) -> Iterator[None]:
    """Logs a line every now and then while the block runs.

    :param what: what runs, and where, in words.
    :param watch: a connection that is free meanwhile.
    :param pid: the server process that runs it.
    """
    with beside(partial(_tell, what, watch, pid)):
        yield


def _tell(what: str, watch: Connection, pid: int, ended: threading.Event) -> None:
    begin = time.monotonic()
    interval = LINE_INTERVAL
    while not ended.wait(interval):
        try:
            row = watch.execute(_PROGRESS, (pid,)).fetchone()
        except psycopg.Error:
            # The statement goes on without it.
            return
        _logger.info("%s has run for %.0f s%s.", what, time.monotonic() - begin, f": {row[0]}" if row else "")
        interval = min(2 * interval, _LONGEST_INTERVAL)
