"""The databases that an archive knows: those it was deployed to, each with the version it had then."""

import json
import logging
from pathlib import Path

from versioning.archive.folder import Archive
from versioning.archive.ledger import Ledger

_logger = logging.getLogger(__name__)

Known = dict[str, dict[str, str]]
"""By place (host, port and database), its version and since when."""


def _file(archive: Archive) -> Path:
    return archive.folder / f"{archive.name}.databases"


def read(archive: Archive) -> Known:
    """The databases on the list; where it cannot be read, none: it is a help, and nothing depends on it."""
    try:
        found = json.loads(_file(archive).read_text(encoding="utf-8"))
        return {
            str(place): {"version": str(one["version"]), "since": str(one["since"])} for place, one in found.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        _logger.warning("%s cannot be read.", _file(archive))
        return {}


def note(archive: Archive, place: str, record: Ledger) -> None:
    """Puts a database on the list, or what it has now."""
    if record.version is None:
        return
    listed = read(archive)
    entry = {"version": record.version, "since": record.since}
    if listed.get(place) == entry:
        return
    listed[place] = entry
    partial = _file(archive).with_name(f".{archive.name}.databases.partial")
    try:
        partial.write_text(json.dumps(listed, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(_file(archive))
    except OSError as error:
        _logger.warning("%s cannot be written: %s", _file(archive), error)
