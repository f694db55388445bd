"""The parts of a run: each is measured, kept and measured again without the others."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import (
    diff,
    follow,
    migrate,
    parts,
    recovery,
    releases,
    replication,
    restore,
    snapshots,
    startup,
    writers,
)
from benchmarks.comparison import Comparison
from benchmarks.servers import Servers

SCALING = "scaling"


@dataclass(frozen=True)
class Group:
    """A part that compares.

    :param title: of its table.
    :param measure: takes the servers, the number of events and the number of rounds.
    :param counts_events: whether its figures depend on the number of events.
    :param settings: further lines of the servers' configuration.
    """

    title: str
    measure: Callable[[Servers, int, int], list[Comparison]]
    counts_events: bool = True
    settings: str = ""


def _recover(servers: Servers, events: int, rounds: int) -> list[Comparison]:
    return [*recovery.measure(servers, events, rounds), *parts.measure(servers, events)]


GROUPS = {
    "restore": Group("The function restore_events", restore.measure_time),
    "memory": Group("Memory of restore_events", lambda servers, events, _: restore.measure_memory(servers, events)),
    "writers": Group("Storing events", writers.measure),
    "recover": Group("slate-recover", _recover),
    "diff": Group("slate-diff", diff.measure),
    "replicate": Group("slate-replicate add", replication.measure, settings=replication.SETTINGS),
    "follow": Group("slate-replicate follow", follow.measure),
    "snapshots": Group(
        "slate-schema snapshot and rollback",
        lambda servers, _, rounds: snapshots.measure(servers, rounds),
        counts_events=False,
    ),
    "migrate": Group(
        "slate-schema migrate", lambda servers, _, rounds: migrate.measure(servers, rounds), counts_events=False
    ),
    "release": Group(
        "slate-schema release", lambda servers, _, rounds: releases.measure(servers, rounds), counts_events=False
    ),
}
# The one part without servers.
STARTUP = "startup"
STARTUP_TITLE = "Start-up"
TITLES = {STARTUP: STARTUP_TITLE} | {name: group.title for name, group in GROUPS.items()}
PARTS = (*TITLES, SCALING)


def measure_startup(rounds: int) -> list[Comparison]:
    """What the part without servers compares."""
    return startup.measure(rounds)
