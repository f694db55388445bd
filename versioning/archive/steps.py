"""The steps of a deployment: from version to version, each with its entry in the record, or not at all."""

from dataclasses import dataclass
from itertools import pairwise

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection, server_errors
from init_slate_db.core.creation.plan import quote_name
from init_slate_db.core.errors import SlateError
from versioning.archive import ledger
from versioning.archive.ancestry import find_path, find_root, leaves
from versioning.archive.folder import Archive
from versioning.archive.ledger import Applied, Ledger
from versioning.archive.options import tell
from versioning.archive.proof import Workshop, begin_anew, run_inside
from versioning.snapshots.patience import ATTEMPTS, lock_errors, patiently

_OWNER = """
SELECT pg_get_userbyid(datdba), pg_get_userbyid(datdba) = current_user, pg_has_role(datdba, 'MEMBER'), current_user,
       pg_is_in_recovery()
FROM pg_database WHERE datname = current_database()
"""


@dataclass(frozen=True)
class Step:
    """One step. parent: None: from nothing; the version itself: the record alone is written."""

    version: str
    parent: str | None
    text: str
    digest: str | None

    @property
    def title(self) -> str:
        if self.parent == self.version:
            return f"put version {self.version} on record, which the database is already"
        if self.parent is None:
            return f"make version {self.version} in the empty database"
        return f"{self.parent} to {self.version}: {'apply its delta' if self.digest else 'nothing to do'}"


def find_owner(reached: Reached) -> str | None:
    """The role to apply deltas as: the owner of the database, so that what they make is its. None: we are it.

    :raises SlateError: read-only; no-right: we cannot be.
    """
    with server_errors("say who owns the database"):
        row = reached.connection.execute(_OWNER).fetchone()
    assert row
    owner, is_me, may_be, me, in_recovery = row
    if in_recovery:
        raise SlateError("read-only", f"{reached.place} is a standby.", hint="Name its primary.")
    if not may_be:
        raise SlateError(
            "no-right",
            f'Role "{me}" may not act as "{owner}", the owner of {reached.place}.',
            why="What a delta makes is to belong to the owner of the database.",
            hint="Connect as that role, or as a member of it.",
        )
    return None if is_me else owner


def check_record(archive: Archive, record: Ledger, place: str) -> None:
    """:raises SlateError: archive-changed: the archive no longer has what was applied."""
    if record.version is not None:
        archive.insist_on(record.version)
    for applied in record.deltas:
        version = archive.versions.get(applied.version)
        if version is None:
            raise _changed(place, f"It went through version {applied.version}, which the archive has not.")
        sealed = version.schema if applied.parent is None else version.parents.get(applied.parent, "")
        if sealed != applied.digest:
            step = f"from {applied.parent} " if applied.parent else ""
            raise _changed(
                place,
                f"The delta {step}to {applied.version} that it went through has SHA-256 {applied.digest};"
                f" on record is {sealed or 'none'}.",
            )


def _changed(place: str, why: str) -> SlateError:
    return SlateError(
        "archive-changed",
        f"The archive is not the one that {place} came through.",
        why=why,
        hint="Use the archive that was deployed there, with its history.",
    )


def choose_target(archive: Archive, start: str | None, named: str | None) -> str:
    """The version to go to.

    :raises SlateError: version-unknown, parent-unclear, not-a-descendant.
    """
    if named is not None:
        archive.insist_on(named)
        return named
    last = [one for one in leaves(archive.parents) if start is None or find_path(archive.parents, start, one)]
    if len(last) == 1:
        return last[0]
    raise SlateError(
        "parent-unclear",
        "It is not clear which version to go to.",
        why=f"Without descendants are: {', '.join(last) or 'none'}.",
        hint="Name one with --to.",
    )


def plan_steps(archive: Archive, start: str | None, target: str, *, is_recorded: bool) -> list[Step]:
    """The steps from the version, or from nothing, to the target.

    :raises SlateError: not-a-descendant.
    """
    root = start or find_root(archive.parents, target)
    path = find_path(archive.parents, root, target)
    if path is None:
        raise SlateError(
            "not-a-descendant",
            f"Version {target} does not descend from version {start}, which the database has.",
            hint="Deltas lead from a version to its descendants alone. Name another one with --to.",
        )
    steps = []
    if start is None:
        steps.append(Step(root, None, archive.schema(root), archive.versions[root].schema))
    elif not is_recorded:
        steps.append(Step(start, start, "", None))
    for parent, version in pairwise(path):
        steps.append(Step(version, parent, archive.delta(version, parent), archive.versions[version].parents[parent]))
    return steps


def take(workshop: Workshop, reached: Reached, step: Step, owner: str | None, lock_timeout: int) -> None:
    """Takes one step in one transaction, which is begun anew while others are in the way.

    :param lock_timeout: in milliseconds.
    :raises SlateError: lock-held, delta-failed, delta-wrong, plan-changed; nothing was changed then.
    """

    def work() -> None:
        begin_anew(reached.connection)
        with lock_errors(f"bring the database to version {step.version}"), reached.connection.transaction():
            _take_inside(workshop, reached, step, owner, lock_timeout)

    try:
        patiently(reached, ATTEMPTS, work)
    finally:
        if not reached.connection.closed:
            begin_anew(reached.connection)


def _take_inside(workshop: Workshop, reached: Reached, step: Step, owner: str | None, lock_timeout: int) -> None:
    connection, archive = reached.connection, workshop.archive
    ledger.take_turn(connection)
    expected = None if step.parent in (None, step.version) else step.parent
    if ledger.read(connection, archive.name).version != expected:
        raise SlateError(
            "plan-changed",
            f"{reached.place} has become another version meanwhile.",
            why="Another deployment was faster.",
            hint="Run the command again.",
        )
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{lock_timeout}ms",))
    act_as(connection, owner)
    what = f"the delta from version {step.parent} to {step.version}" if step.parent else f"version {step.version}"
    run_inside(connection, step.text, what)
    connection.execute("RESET ROLE")
    differences = workshop.compare(workshop.description(step.version), workshop.look_live(connection))
    if differences:
        tell(f"{reached.place} after {what} (+), and the archive (-)", differences)
        raise SlateError(
            "delta-wrong",
            f"{what[:1].upper()}{what[1:]} does not lead to version {step.version} here: {differences[0].title}.",
            why="It was undone.",
        )
    applied = None if step.parent == step.version else Applied(step.version, step.parent, step.digest)
    # As what it makes: its owner may be the one who deploys next time.
    act_as(connection, owner)
    ledger.write(connection, archive.name, step.version, applied)


def act_as(connection: Connection, owner: str | None) -> None:
    """Takes the role, until the open transaction ends. None: the connection's own is it."""
    if owner is not None:
        connection.execute(f"SET LOCAL ROLE {quote_name(owner)}".encode())
