"""The versions of an archive, for a shell that completes one."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from init_slate_db.core.completing import Offer
from init_slate_db.core.completion import Values
from init_slate_db.core.options import Faults

ARCHIVES = Values("archives", __name__)
VERSIONS = Values("versions", __name__)


def versions(values: argparse.Namespace) -> Iterable[Offer]:
    """The versions on record, newest first, each with when it was pushed. No database is asked."""
    from versioning.archive.folder import open_archive
    from versioning.archive.options import read_where

    where = read_where(values, Faults())
    found = open_archive(where.folder.expanduser(), where.name).versions
    return [(name, f"pushed {version.pushed_at}") for name, version in reversed(list(found.items()))]


def archives(values: argparse.Namespace) -> Iterable[Offer]:
    """The archives in the folder."""
    from versioning.archive.folder import list_names
    from versioning.archive.options import DEFAULT_FOLDER

    return [(name, "") for name in list_names(Path(values.archive or DEFAULT_FOLDER).expanduser())]
