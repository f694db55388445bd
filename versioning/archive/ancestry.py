"""How versions descend from each other."""

from collections import deque
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from init_slate_db.core.errors import SlateError

Parents = Mapping[str, Iterable[str]]
"""The parents of each version, the first of them first. A root has none."""


def in_order(parents: Parents) -> list[str]:
    """All versions, each behind its parents.

    :raises SlateError: archive-damaged: a version descends from itself, or from one that is not there.
    """
    for version, above in parents.items():
        for parent in above:
            if parent not in parents:
                raise SlateError(
                    "archive-damaged", f'Version {version} has parent "{parent}", which is not in the archive.'
                )
    try:
        return list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        circle = " from ".join(error.args[1])
        raise SlateError("archive-damaged", f"Versions descend from themselves: {circle}.") from error


def leaves(parents: Parents) -> list[str]:
    """The versions that none descends from."""
    above = {parent for each in parents.values() for parent in each}
    return [version for version in parents if version not in above]


def find_path(parents: Parents, start: str, end: str) -> list[str] | None:
    """The versions from start to end, both inclusive: the fewest. None: end does not descend from start."""
    came_from: dict[str, str | None] = {end: None}
    waiting = deque([end])
    while waiting:
        version = waiting.popleft()
        if version == start:
            path = [version]
            while (following := came_from[path[-1]]) is not None:
                path.append(following)
            return path
        for parent in parents[version]:
            if parent not in came_from:
                came_from[parent] = version
                waiting.append(parent)
    return None


def find_root(parents: Parents, version: str) -> str:
    """The root that a version descends from by its first parents."""
    while above := list(parents[version]):
        version = above[0]
    return version
