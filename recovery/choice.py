"""Which of several backups is recovered from: the most advanced valid one, where the valid ones agree."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from itertools import combinations

from init_slate_db.core.addresses import reach
from init_slate_db.core.digests.settings import Settings
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding
from recovery import backup as backups
from recovery.backup import Backup
from recovery.diff.comparison import compare
from recovery.options import PROGRAM, BackupAddress

Looked = Backup | SlateError
"""A backup, or why it could not be looked at."""


def look_at_all(
    origins: Sequence[BackupAddress], until_id: int | None, until: datetime | None, open_connections: ExitStack
) -> list[Looked]:
    """Looks at each backup, up to an event or a moment. The snapshots stay open until open_connections closes."""
    found: list[Looked] = []
    for origin in origins:
        try:
            reached = reach(origin.address, PROGRAM)
            open_connections.callback(reached.connection.close)
            backup = backups.look(origin, reached, until_id, until)
        except SlateError as error:
            found.append(error)
        else:
            open_connections.callback(backup.snapshot.close)
            found.append(backup)
    return found


def choose(
    found: Sequence[Looked], jobs: int, identity: tuple[str, str] | None = None
) -> tuple[list[Finding], Backup | None]:
    """The findings about the backups, and the most advanced valid one; None where none will do.

    :param jobs: connections a server, where backups are compared with each other.
    :param identity: of the one that has to be taken, in order to go on with what it began.
    """
    judged = [_judge(one) for one in found]
    valid = [one for one in found if isinstance(one, Backup) and one.fault is None]
    refusals: list[Finding] = []
    if identity:
        valid = [one for one in valid if one.identity == identity]
        if not valid:
            refusals.append(_other_backup())
    elif len(valid := _one_each(valid)) > 1:
        odd, refusals = _find_odd(valid, jobs)
        judged += odd.values()
        valid = [one for one in valid if one.place not in odd]
    if refusals or not valid:
        return judged + refusals, None
    best = max(valid, key=lambda one: one.last_id)
    # What is wrong with the others is told, and keeps nobody from using this one.
    judged = [replace(finding, blocking=False) for finding in judged]
    if len(found) > 1:
        judged.append(Finding(f"{best.place} is taken: {_reason(best, valid)}"))
    return judged, best


def _one_each(valid: Sequence[Backup]) -> list[Backup]:
    """Of each database the most advanced copy: one that was named twice, or with its standby, has one vote."""
    found: dict[tuple[str, str], Backup] = {}
    for one in valid:
        if one.identity not in found or one.last_id > found[one.identity].last_id:
            found[one.identity] = one
    return list(found.values())


def _judge(looked: Looked) -> Finding:
    if isinstance(looked, SlateError):
        return Finding(looked.what, looked)
    if looked.fault:
        return Finding(f"{looked.text}; {looked.fault.what.rpartition(': ')[2].removesuffix('.')}", looked.fault)
    return Finding(f"{looked.text}, no gap")


def _reason(best: Backup, valid: Sequence[Backup]) -> str:
    if len(valid) == 1:
        return "the only valid one"
    ahead = any(one.last_id < best.last_id for one in valid)
    return f"the most advanced of {len(valid)} that agree" if ahead else f"all {len(valid)} valid ones are alike"


def _find_odd(valid: Sequence[Backup], jobs: int) -> tuple[dict[str, Finding], list[Finding]]:
    """Those that differ from a majority whose members agree, by place; a refusal where there is no such majority."""
    # The first event on which two backups differ, among those that both have.
    differences: dict[frozenset[str], int] = {}
    for left, right in combinations(valid, 2):
        common = min(left.last_id, right.last_id)
        result = compare(left.snapshot, right.snapshot, Settings(jobs=jobs, until_id=common, max_differences=1))
        if not result.identical:
            differences[frozenset((left.place, right.place))] = result.differences[0].id
    if not differences:
        return {}, []
    for candidate in valid:
        odd = {
            one.place: differences[pair]
            for one in valid
            if (pair := frozenset((candidate.place, one.place))) in differences
        }
        agreeing = [one for one in valid if one.place not in odd]
        united = not any(frozenset((one.place, other.place)) in differences for one, other in combinations(agreeing, 2))
        # Who has not got as far as that event does not say which one is right.
        if united and all(_count_with(id, agreeing) > _count_with(id, valid) / 2 for id in odd.values()):
            return {place: _odd(place, id) for place, id in odd.items()}, []
    return {}, [_disagreement(valid, differences)]


def _count_with(id: int, found: Sequence[Backup]) -> int:
    return sum(one.last_id >= id for one in found)


def _odd(place: str, id: int) -> Finding:
    text = f"backup {place}: event {id:,} differs from that of the others, which agree"
    return Finding(text, SlateError("invalid-backup", f"No source can be rebuilt from {place}: event {id:,} differs."))


def _disagreement(valid: Sequence[Backup], differences: dict[frozenset[str], int]) -> Finding:
    pair, first = min(differences.items(), key=lambda item: item[1])
    named = " and ".join(one.place for one in valid if one.place in pair)
    text = f"the backups {named} disagree, first on event {first:,}"
    error = SlateError(
        "backups-disagree",
        f"The backups {named} disagree, first on event {first:,}.",
        why="Each is complete in itself, so nothing here tells which one is right.",
        hint="Look at that event in both (slate-diff shows it), and name the right backup alone.",
    )
    return Finding(text, error)


def _other_backup() -> Finding:
    text = "the unfinished recovery was begun from another backup"
    hint = "Name that backup, or set the database aside with --replace, without --resume, and begin anew."
    return Finding(
        text, SlateError("other-backup", "The unfinished recovery was begun from another backup.", hint=hint)
    )
