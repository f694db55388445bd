"""Drift: files that were changed after they were applied, and the operator who has looked and takes them."""

from collections.abc import Sequence

from init_slate_db.core.connection import server_errors
from init_slate_db.core.errors import SlateError
from versioning.migrations import ledger
from versioning.migrations.cluster import Session
from versioning.migrations.patches import Number, label
from versioning.migrations.plan import Drift
from versioning.migrations.statements import split


def check_drift(drifts: Sequence[Drift], accepted: Sequence[Number]) -> list[Drift]:
    """The drifts that the operator takes.

    :raises SlateError: drift: there are others; patches-refused: what is to be accepted has none, or must not be.
    """
    others = [one for one in drifts if one.patch.number not in accepted]
    if others:
        raise SlateError(
            "drift",
            "Files have been changed since they were applied:\n  " + "\n  ".join(one.text for one in others),
            hint="Nothing was changed. Bring the files back, or look at them and take them: "
            + " ".join(f"--accept {number}" for number in dict.fromkeys(one.patch.label for one in others)),
        )
    changed = {one.patch.number for one in drifts}
    faults = [
        f"{label(number)} has not been changed since it was applied" for number in accepted if number not in changed
    ]
    faults += [
        f"{one.patch.label}: the first {one.row.done} statements, which are done on {one.node}, were changed"
        for one in drifts
        if not one.row.is_complete and _has_changed_what_is_done(one)
    ]
    if faults:
        raise SlateError(
            "patches-refused",
            "What is to be accepted cannot be:\n  " + "\n  ".join(faults),
            hint="Nothing was changed.",
        )
    return list(drifts)


def accept(drifts: Sequence[Drift], session: Session) -> None:
    """Writes the new digests into the ledgers; the former ones stay beside them."""
    for one in drifts:
        with server_errors(f"note the file of patch {one.patch.label} on {one.node}"):
            ledger.move(session.work[one.node].connection, ledger.accept_text(one.patch, session.origin.role))


def _has_changed_what_is_done(drift: Drift) -> bool:
    if drift.patch.type != "concurrent":
        return True
    done = split(drift.patch.text)[: drift.row.done]
    return bool(drift.row.done) and ledger.digest_of(one.text for one in done) != drift.row.done_digest
