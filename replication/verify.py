"""The verb verify: whether a destination holds what its source holds, up to the highest id that both have."""

import json
import time
from contextlib import ExitStack
from typing import Any

from init_slate_db.core.addresses import Reached, reach
from init_slate_db.core.connection import server_errors
from init_slate_db.core.console import write_result
from init_slate_db.core.digests.survey import check_events_table
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.snapshot import Snapshot
from replication.options import PROGRAM, VerifyOptions
from replication.prefix import Agreement, agree_visibly, highest_id

# How long, in seconds, an event of the source's that only the destination shows is waited for.
_PATIENCE = 5
_POLL = 0.05
_SHOWS = "SELECT coalesce(max(e.id), 0) >= %s FROM public.events AS e"


def verify(options: VerifyOptions) -> ExitStatus:
    """Compares, and tells.

    :raises SlateError: what keeps it from being compared.
    """
    with ExitStack() as open_snapshots:
        # The destination first: what it has by then, the source has.
        destination = open_snapshots.enter_context(Snapshot(reach(options.destination, PROGRAM)))
        source_reached = reach(options.source, PROGRAM)
        open_snapshots.callback(source_reached.connection.close)
        for one in (source_reached, destination):
            check_events_table(one.connection, one.place)
        _wait_to_see(source_reached, highest_id(destination))
        source = open_snapshots.enter_context(Snapshot(source_reached))
        found = agree_visibly(source, destination, options.jobs, options.log)
        places = source.place, destination.place
    write_result(json.dumps(_as_json(found, *places)) if options.format == "json" else _as_text(found, *places))
    return ExitStatus.DONE if found.agrees else ExitStatus.DIFFERENT


def _wait_to_see(source: Reached, last_id: int) -> None:
    """Waits a while until the source shows the event.

    It sends what it has committed; until its synchronous standby has answered, it does not show that itself.
    """
    deadline = time.monotonic() + _PATIENCE
    with server_errors(f"say what {source.place} holds"):
        while source.connection.execute(_SHOWS, (last_id,)).fetchone() == (False,) and time.monotonic() < deadline:
            time.sleep(_POLL)


def _as_text(found: Agreement, source: str, destination: str) -> str:
    lines = [
        f"source       {source}   highest id {found.source_highest:,}",
        f"destination  {destination}   highest id {found.destination_highest:,}",
    ]
    if not found.until_id:
        lines.append("No id is in both.")
    elif not found.first_difference:
        lines.append(f"digest up to {found.until_id:,}  {found.source_digest}")
    if found.destination_highest > found.source_highest:
        lines.append(f"The source lacks events {found.source_highest + 1:,} to {found.destination_highest:,}.")
    if found.first_difference is None:
        return "\n".join([*lines, "identical" if found.agrees else "different"])
    first, last = found.first_difference
    lines += [
        f"source's digest up to {found.until_id:,}  {found.source_digest} ({found.source_events:,} events)",
        f"destination's digest up to that  {found.destination_digest} ({found.destination_events:,} events)",
        f"The first difference is among ids {first:,} to {last:,}; slate-diff --until-id {last} shows it.",
    ]
    return "\n".join([*lines, "different"])


def _as_json(found: Agreement, source: str, destination: str) -> dict[str, Any]:
    return {
        "identical": found.agrees,
        "until_id": found.until_id,
        "source": {
            "place": source,
            "highest_id": found.source_highest,
            "events": found.source_events,
            "digest": found.source_digest,
        },
        "destination": {
            "place": destination,
            "highest_id": found.destination_highest,
            "events": found.destination_events,
            "digest": found.destination_digest,
        },
        "first_difference": list(found.first_difference) if found.first_difference else None,
    }
