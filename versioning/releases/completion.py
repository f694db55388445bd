"""The releases of a database, for a shell that completes a version."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from init_slate_db.core.completing import Offer, connected, typed_address
from init_slate_db.core.completion import Values
from versioning.releases import ledger
from versioning.releases.naming import split

RELEASES = Values("releases", __name__)
RETIRED = Values("retired_releases", __name__)


def releases(values: argparse.Namespace) -> Iterable[Offer]:
    """The releases whose schemas are there, newest first."""
    with connected(typed_address(values)) as connection:
        return _offers(ledger.read_schemas(connection), values)


def retired_releases(values: argparse.Namespace) -> Iterable[Offer]:
    """The releases whose schemas are gone, newest first."""
    with connected(typed_address(values)) as connection:
        return _offers([one.schema_name for one in ledger.read(connection).releases if not one.exists], values)


def _offers(schemas: Sequence[str], values: argparse.Namespace) -> Iterator[Offer]:
    """A version each, or the schema's name where several have that version."""
    found = [(*parts, schema) for schema in schemas if (parts := split(schema))]
    wanted = [one for one in found if values.schema in (None, one[0])]
    times = Counter(version for _, version, _ in wanted)
    for _, version, schema in sorted(wanted, key=lambda one: one[1], reverse=True):
        yield (str(version), schema) if times[version] == 1 else (schema, "")
