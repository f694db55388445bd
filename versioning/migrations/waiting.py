"""Waits for followers that are on their way, and gives up on one that stands still."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

_logger = logging.getLogger(__name__)

# How long, in seconds, a follower may make no step before it is given up, and how long nothing may serve it. A slon
# that had lost its server was back 8 s after that server was.
STANDSTILL = 60
UNSERVED = 15
_INTERVAL = 0.1


@dataclass(frozen=True)
class Standing:
    """Where a follower is. step: anything that changes as it goes on; is_served: whether something brings it on."""

    has_arrived: bool
    step: object = None
    is_served: bool = True


def wait_for_arrival(what: str, look: Callable[[], Standing]) -> Standing:
    """Looks again and again until the follower has arrived, or stands still for too long. Its last standing.

    :param what: the end of "Waiting for …", for the log.
    """
    standing = look()
    told = False
    moved = served = begun = time.monotonic()
    while not standing.has_arrived:
        now = time.monotonic()
        if now - moved > STANDSTILL or now - served > UNSERVED:
            return standing
        if now - begun > 1 and not told:
            _logger.info("Waiting for %s.", what)
            told = True
        time.sleep(_INTERVAL)
        before, standing = standing, look()
        now = time.monotonic()
        moved = now if standing.step != before.step else moved
        served = now if standing.is_served else served
    return standing
