"""The databases of a backup's server, for a shell that completes the name of one."""

import argparse
from collections.abc import Iterable
from dataclasses import replace

from init_slate_db.core.completing import Offer, databases_of, without_questions
from init_slate_db.core.completion import Values
from init_slate_db.core.options import Faults

BACKUP_DATABASES = Values("backup_databases", __name__)


def backup_databases(values: argparse.Namespace) -> Iterable[Offer]:
    """The databases of the server that the last --from leads to."""
    from recovery.cli import read_options

    faults = Faults()
    # The option that is being completed is not one of a name.
    values.from_database = None
    backups = read_options(values, faults).backups
    address = backups[-1].address
    return databases_of(replace(address, connection=without_questions(address.connection)))
