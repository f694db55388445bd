"""The verb prune of slate-schema: removes old snapshots, and what they alone hold."""

import argparse
import json
import logging
from collections.abc import Sequence

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Reached
from init_slate_db.core.consent import Consent
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning import PROGRAM
from versioning.snapshots import options as own
from versioning.snapshots.options import PruneOptions
from versioning.snapshots.patience import ATTEMPTS, patiently
from versioning.snapshots.rendering import one_line
from versioning.snapshots.store import PRUNE, READ, opened, pov_errors
from versioning.wording import counted, read_age

_logger = logging.getLogger(__name__)

_MOST_KEPT = 2**31 - 1
_PRUNABLE = """
SELECT p.snapshotid, to_char(p.taken AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), coalesce(p.note, '')
FROM pov.prunable(%s, %s) AS p
"""
_Prunable = tuple[int, str, str]


def build_parser() -> OptionParser:
    parser = verb_parser(
        PROGRAM,
        "prune",
        "--keep N | --older-than AGE [options]",
        "Removes old snapshots, and what no other one holds; never the last one. With both options a snapshot goes"
        " that is older and not among those kept.",
        "--keep 20 --dry-run",
        "--older-than 30d --keep 5 --yes",
    )
    group = parser.add_argument_group("What to remove")
    shared.value_option(group, "--keep", metavar="N", help="all but the newest N")
    shared.value_option(group, "--older-than", metavar="AGE", help="what was taken longer ago: 12h, 30d, 8w")
    shared.add_consent_options(parser)
    own.add_target_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = PruneOptions(
        **own.read_target(values, faults),
        keep=shared.read_whole_number(values.keep, "--keep", faults, largest=_MOST_KEPT),
        older_than=read_age(values.older_than, "--older-than", faults),
        yes=values.yes,
        dry_run=values.dry_run,
    )
    if values.keep is None and values.older_than is None:
        faults.add("--keep", "or --older-than is needed: which snapshots are to stay")
    faults.raise_any(f"{PROGRAM} prune")
    return prune(options)


def prune(options: PruneOptions) -> ExitStatus:
    """Looks which snapshots go, asks, and removes them.

    :raises SlateError: what stopped it; nothing was removed then.
    """
    # Standard output is the result's: where that is JSON, the plan is told elsewhere.
    told_as_result = options.dry_run and options.format == "text"
    consent = Consent(options.yes, options.target.connection.interactive, told_as_result)
    try:
        with opened(options.target, READ if options.dry_run else PRUNE) as reached:
            place = reached.place
            with pov_errors("say which snapshots can go"):
                going = reached.connection.execute(_PRUNABLE, (options.keep, options.older_than)).fetchall()
            if going:
                consent.tell_plan(
                    [f"remove snapshot {n}, {taken}  {one_line(note)}".rstrip() for n, taken, note in going]
                )
            freed = (0, 0)
            if going and not options.dry_run:
                consent.ask()
                freed = patiently(reached, ATTEMPTS, lambda: _remove(reached, [number for number, _, _ in going]))
    except KeyboardInterrupt:
        _logger.warning("Interrupted: all of them were removed, or none.")
        raise
    _tell(place, options, going, freed)
    return ExitStatus.DONE


def _remove(reached: Reached, numbers: list[int]) -> tuple[int, int]:
    """How many revisions and objects went with the snapshots."""
    with pov_errors("remove snapshots"):
        row = reached.connection.execute("SELECT p.revisions, p.objects FROM pov.prune(%s) AS p", (numbers,)).fetchone()
    assert row
    return row


def _tell(place: str, options: PruneOptions, going: Sequence[_Prunable], freed: tuple[int, int]) -> None:
    revisions, objects = freed
    if options.format == "json":
        keys = ("place", "dry_run", "snapshots", "revisions", "objects")
        numbers = [number for number, _, _ in going]
        write_result(json.dumps(dict(zip(keys, (place, options.dry_run, numbers, revisions, objects), strict=True))))
    elif not going:
        write_result("There is nothing to remove.")
    elif options.dry_run:
        write_result("Nothing was done: --dry-run.")
    else:
        also = f"{counted(revisions, 'revision')} and {counted(objects, 'object')} that no other one has"
        write_result(f"Removed {counted(len(going), 'snapshot')}, with {also}.")
