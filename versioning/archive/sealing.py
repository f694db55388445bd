"""How a version that was proven becomes part of the archive, and what its database has on record."""

from dataclasses import replace
from datetime import UTC, datetime

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import server_errors
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import SlateError
from versioning.archive import ledger
from versioning.archive.folder import Archive, Version, digest
from versioning.archive.proof import Workshop
from versioning.archive.steps import act_as, find_owner


def seal(archive: Archive, version: str, deltas: dict[str, str | None], text: str, reached: Reached) -> Archive:
    """Writes the version into the archive, and takes what was pending away."""
    server = reached.connection.info.parameter_status("server_version") or ""
    entry = Version(
        {parent: digest(delta) if delta is not None else None for parent, delta in deltas.items()},
        digest(text),
        datetime.now(UTC).isoformat(timespec="seconds"),
        server,
    )
    sealed = replace(archive, versions={**archive.versions, version: entry})
    texts = {sealed.schema_file(version): text}
    texts |= {sealed.delta_file(version, parent): delta for parent, delta in deltas.items() if delta is not None}
    try:
        with archive.turn():
            sealed.write(texts)
            for number, parent in enumerate(deltas):
                archive.pending_file(parent, is_first=number == 0).unlink(missing_ok=True)
    except OSError as error:
        raise SlateError("file-not-written", f"{archive.record} cannot be written.", why=str(error)) from error
    return sealed


def tell_sealed(sealed: Archive, version: str) -> None:
    """Tells the digest of the schema, and where the deltas are."""
    entry = sealed.versions[version]
    write_result(f"{version}  {entry.schema}")
    for parent, delta in entry.parents.items():
        write_result(f"  from {parent}: {'nothing to do' if delta is None else sealed.delta_file(version, parent)}")


def set_version(reached: Reached, archive: Archive, version: str, owner: str | None) -> None:
    """Says in the database which version it has.

    :param owner: the role to write as; None: the connection's own.
    """
    with server_errors("set its version"), reached.connection.transaction():
        act_as(reached.connection, owner)
        ledger.write(reached.connection, archive.name, version, None)


def complete(workshop: Workshop, reached: Reached, version: str) -> bool:
    """Whether all that was left of a push was to set the database's version, which is done then."""
    if workshop.compare(workshop.description(version), workshop.look_live(reached.connection)):
        return False
    set_version(reached, workshop.archive, version, find_owner(reached))
    write_result(f"{version} was on record; now {reached.place} says so, too.")
    return True
