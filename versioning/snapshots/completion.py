"""The snapshots of a database, for a shell that completes the number of one."""

import argparse
from collections.abc import Iterable

from init_slate_db.core.completing import Offer, connected, typed_address
from init_slate_db.core.completion import Values

SNAPSHOTS = Values("snapshots", __name__)

# Not pov.history, which counts the objects of each.
_SNAPSHOTS = """
SELECT snapshotid::text,
       concat_ws(', ', to_char(taken AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), nullif(note, ''))
FROM pov.snapshot ORDER BY snapshotid DESC LIMIT 1000
"""


def snapshots(values: argparse.Namespace) -> Iterable[Offer]:
    """The numbers of the snapshots, newest first, each with its time and note."""
    with connected(typed_address(values)) as connection:
        return connection.execute(_SNAPSHOTS).fetchall()
