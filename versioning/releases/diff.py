"""The verb diff: what changed from one version to another."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from init_slate_db.core import options as shared
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from init_slate_db.core.verbs import verb_parser
from versioning.releases import NAME, contents, ledger
from versioning.releases import options as own
from versioning.releases.comparison import Difference, compare
from versioning.wording import counted

_WORDS = {"added": "added", "removed": "removed", "signature": "changed", "body": "changed in body only"}


@dataclass(frozen=True)
class Options:
    """Of the verb."""

    target: own.Target
    old: str
    new: str
    format: shared.Format


def build_parser() -> OptionParser:
    parser = verb_parser(
        NAME,
        "diff",
        "V1 V2 [options]",
        "Tells which functions and types were added, removed or changed from version V1 to V2, and which changes break"
        " callers of V1. Only reads.",
        "1.0.0 1.1.0 -d proj",
        "proj_api_v1_0_0 proj_api --format json",
    )
    group = parser.add_argument_group("What to compare")
    own.add_named(group, "old", "V1", "a version, or any schema's name")
    own.add_named(group, "new", "V2", "another one")
    own.add_format_option(parser)
    own.add_target_options(parser, "the API, where several have such a version: its name without one")
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    options = Options(
        own.read_target(values, faults),
        own.read_named(values.old, "V1", faults),
        own.read_named(values.new, "V2", faults),
        shared.read_format(values, faults),
    )
    faults.raise_any(f"{NAME} diff")
    return diff(options)


def diff(options: Options) -> ExitStatus:
    """Compares, and tells.

    :raises SlateError: release-missing.
    """
    with own.opened(options.target, "say what the schemas hold") as reached, reached.connection.transaction():
        connection = reached.connection
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        known = ledger.read(connection)
        base = options.target.schema or ""
        names = [ledger.find_live(connection, known, one, base) for one in (options.old, options.new)]
        differences = compare(*(contents.read(connection, name) for name in names))
    if options.format == "json":
        write_result(json.dumps(_as_json(names, differences)))
    else:
        write_result("\n".join(_lines(names, differences)))
    return ExitStatus.DIFFERENT if differences else ExitStatus.DONE


def _as_json(names: Sequence[str], differences: Sequence[Difference]) -> dict[str, object]:
    return {
        "old": names[0],
        "new": names[1],
        "difference_count": len(differences),
        "breaking_count": sum(bool(one.breaking) for one in differences),
        "differences": [
            {
                "change": one.change,
                "kind": one.kind,
                "name": one.name,
                "before": one.before or None,
                "after": one.after or None,
                "breaking": one.breaking or None,
            }
            for one in differences
        ],
    }


def _lines(names: Sequence[str], differences: Sequence[Difference]) -> Iterator[str]:
    yield f"{names[0]} → {names[1]}"
    for one in differences:
        breaking = f"  BREAKS CALLERS: {one.breaking}" if one.breaking else ""
        told = "" if one.kind != "function" or one.change == "signature" else f": {one.before or one.after}"
        yield f"  {_WORDS[one.change]}  {one.kind} {one.name}{told}{breaking}"
        if one.change == "signature":
            yield f"      was  {_on_one_line(one.before)}"
            yield f"      now  {_on_one_line(one.after)}"
    breaking_count = sum(bool(one.breaking) for one in differences)
    told = f"{counted(len(differences), 'difference')}, {breaking_count} breaking" if differences else "no difference"
    yield f"  {told}"


def _on_one_line(text: str) -> str:
    return ", ".join(text.split("\n"))
