"""The verb archive log: the tree of versions, and where each database stands."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, reach, read_address
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.options import Faults, LogOptions, OptionParser
from versioning import PROGRAM
from versioning.archive import NAME, known, ledger
from versioning.archive.ancestry import in_order
from versioning.archive.folder import Archive, Version, open_archive
from versioning.archive.options import Where, add_archive_options, read_where


@dataclass(frozen=True)
class Options:
    """The options of the verb. live: databases to ask."""

    where: Where
    live: tuple[Address, ...]


def build_parser() -> OptionParser:
    parser = OptionParser(
        f"{NAME} log",
        "[DSN …] [options]",
        "Tells the tree of versions, and where the databases stand: those that are named are asked, of others it is"
        " told what they had when this archive was last deployed to them from here.",
        f"""\
  {NAME} log
  {NAME} log db1 db2""",
    )
    parser.add_argument("live", nargs="*", metavar="DSN", help="databases to ask: URI, key=value string or host")
    add_archive_options(parser)
    shared.add_fallback_connection_options(parser)
    shared.add_common_options(parser)
    return parser


def command(values: argparse.Namespace, faults: Faults, log_options: LogOptions) -> ExitStatus:
    """Runs the verb."""
    connection = replace(shared.read_fallback_connection_options(values, faults), role="the server")
    live = tuple(read_address(one, "DSN", connection, None, faults) for one in values.live)
    options = Options(read_where(values, faults), live)
    faults.raise_any(f"{NAME} log")
    return log(options)


def log(options: Options) -> ExitStatus:
    """Reads and tells."""
    archive = open_archive(options.where.folder, options.where.name)
    without: list[str] = []
    for address in options.live:
        reached = reach(address, PROGRAM)
        with reached.connection:
            record = ledger.read(reached.connection, archive.name)
            known.note(archive, reached.place, record)
            without += [reached.place] if record.version is None else []
    standing: dict[str, list[str]] = {}
    for place, entry in known.read(archive).items():
        if place not in without:
            standing.setdefault(entry["version"], []).append(f"{place} since {entry['since']}")
    lines = list(_tree(archive, standing))
    strays = {version: places for version, places in standing.items() if version not in archive.versions}
    lines += [f"{place}: version {version}, unknown here" for version, places in strays.items() for place in places]
    lines += [f"{place}: nothing on record" for place in without]
    write_result("\n".join(lines) or f'Archive "{archive.name}" has no versions yet.')
    return ExitStatus.DONE


def _tree(archive: Archive, standing: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A line a version, below its first parent, and one for each database that has it."""
    children: dict[str | None, list[str]] = {}
    for version in in_order(archive.parents):
        above = archive.parents[version]
        children.setdefault(above[0] if above else None, []).append(version)

    def branch(version: str, lead: str, following: str) -> Iterator[str]:
        yield f"{lead}{version}  {_facts(archive.versions[version])}"
        below = children.get(version, [])
        bar = "│  " if below else "   "
        for place in standing.get(version, ()):
            yield f"{following}{bar}← {place}"
        for number, child in enumerate(below):
            is_last = number == len(below) - 1
            yield from branch(
                child, f"{following}{'└─ ' if is_last else '├─ '}", f"{following}{'   ' if is_last else '│  '}"
            )

    for root in children.get(None, []):
        yield from branch(root, "", "")


def _facts(version: Version) -> str:
    first, *others = version.parents or ("",)
    what = "root" if not first else "no change" if version.parents[first] is None else "delta"
    merged = f", merges {', '.join(others)}" if others else ""
    return f"{version.pushed_at[:10]}  {version.schema[:12]}  {what}{merged}"
